/*
 * start -n ROUNDS PROGRAM INIT...: from the init's exec to the main child's first instruction
 * (PROGRAM is `stamp`), and to the init's end, in µs; all on one processor.
 */
#include "instance.h"

enum { WARMING = 3 };

static void measure(struct inits *inits, struct init *init, bool counts)
{
	struct instance instance;
	uint64_t child, end;
	bool ended;

	instance_make(&instance, inits, init, NULL, 0);
	pause_us(300); /* until it waits at the gate */
	instance_go(&instance);
	ended = instance_await(&instance);
	end = now();
	if (!ended || !instance_read(&instance, &child, sizeof(child))) {
		leave_out(init, "it did not end, or not with its child's status");
	} else if (counts) {
		sample("start", init, (double)(child - *instance.started) / 1e3);
		sample("whole", init, (double)(end - *instance.started) / 1e3);
	}
	instance_close(&instance);
}

int main(int argc, char **argv)
{
	struct inits inits;

	inits_read(&inits, argc, argv);
	pin(0);
	for (int round = 0; round < inits.number + WARMING; round++) {
		for (int turn = 0; turn < inits.count; turn++) {
			struct init *init = inits_turn(&inits, round, turn);

			if (!init->left_out)
				measure(&inits, init, round >= WARMING);
		}
		progress(round + 1, (int)inits.number + WARMING);
	}
	return 0;
}
