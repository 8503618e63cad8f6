/*
 * crowd -n ROUNDS PROGRAM INIT...: an init's time on the processor for each zombie, in µs (PROGRAM
 * is `work`): zombies one by one beside K living children (crowd.K), and those that have piled up
 * while the init was stopped (backlog.K). The init has a processor of its own where there are two.
 * With one round the largest crowd is left out.
 */
#include <signal.h>
#include <stdio.h>

#include "instance.h"
#include "work.h"

enum { ZOMBIES = 1000, BACKLOG = 2000, BACKLOG_CROWD = 5000 };

static const int crowds[] = { 0, 1000, 5000, 10000 };
enum { CROWDS = sizeof(crowds) / sizeof(*crowds) };

/* Up to here an init has other things to do: zinit's last one is 50 ms after the start. */
static bool start_with_crowd(struct instance *instance, struct inits *inits, struct init *init,
			     int live)
{
	int given;

	if (!instance_start(instance, inits, init, "orphans", other_cpu()))
		return false;
	if (instance_ask(instance, LIVE, live, &given) && given == live) {
		pause_us(100000);
		return true;
	}
	leave_out(init, "its children could not be started");
	instance_kill(instance);
	return false;
}

static void one_by_one(struct inits *inits, struct init *init, int live)
{
	struct instance instance;
	char metric[32];
	uint64_t before;
	int done;

	if (!start_with_crowd(&instance, inits, init, live))
		return;
	before = instance_cpu(&instance);
	snprintf(metric, sizeof(metric), "crowd.%d", live);
	if (instance_ask(&instance, ONE_BY_ONE, ZOMBIES, &done) && done == ZOMBIES)
		sample(metric, init, (double)(instance_cpu(&instance) - before) / 1e3 / ZOMBIES);
	else
		leave_out(init, "zombies stay");
	instance_kill(&instance);
}

static void backlog(struct inits *inits, struct init *init, int live)
{
	struct instance instance;
	char metric[32];
	uint64_t before;
	int done;
	bool given;

	if (!start_with_crowd(&instance, inits, init, live))
		return;
	kill(instance.pid, SIGSTOP);
	given = instance_ask(&instance, ENDED, BACKLOG, &done) && done == BACKLOG;
	pause_us(20000); /* the last of them may still be ending */
	before = instance_cpu(&instance);
	kill(instance.pid, SIGCONT);
	snprintf(metric, sizeof(metric), "backlog.%d", live);
	if (given && instance_ask(&instance, GONE, BACKLOG, &done))
		sample(metric, init, (double)(instance_cpu(&instance) - before) / 1e3 / BACKLOG);
	else
		leave_out(init, "a backlog of zombies stays");
	instance_kill(&instance);
}

int main(int argc, char **argv)
{
	struct inits inits;
	int done = 0, most;

	inits_read(&inits, argc, argv);
	most = inits.number == 1 ? CROWDS - 1 : CROWDS;
	for (int round = 0; round < inits.number; round++) {
		for (int step = 0; step <= most; step++) {
			for (int turn = 0; turn < inits.count; turn++) {
				struct init *init = inits_turn(&inits, round + step, turn);

				pin(0);
				if (init->left_out)
					continue;
				if (step < most)
					one_by_one(&inits, init, crowds[step]);
				else
					backlog(&inits, init, BACKLOG_CROWD);
			}
			progress(++done, (int)inits.number * (most + 1));
		}
	}
	return 0;
}
