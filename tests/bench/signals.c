/*
 * signals -n NUMBER PROGRAM INIT...: what is between a signal's sender and the main child (PROGRAM is
 * `work`), all on one processor.
 *
 *   signal         from SIGUSR1 sent to the init to the main child's handler, in µs
 *   burst.arrived  queued real-time signals that arrive, in %
 *   burst.value    those that arrive in order and with their value, in %
 *   stop           from SIGTERM sent to the init to its end, in µs
 */
#include <poll.h>
#include <signal.h>

#include "instance.h"
#include "work.h"

enum { IN_A_ROW = 50, BURST = 10000 };

static void forward_some(struct instance *instance)
{
	for (int i = 0; i < IN_A_ROW; i++) {
		uint64_t sent, arrived;

		pause_us(100);
		sent = now();
		kill(instance->pid, SIGUSR1);
		if (!instance_read(instance, &arrived, sizeof(arrived))) {
			leave_out(instance->init, "a signal never arrived");
			return;
		}
		sample("signal", instance->init, (double)(arrived - sent) / 1e3);
	}
}

static void forward(struct inits *inits)
{
	static struct instance instances[MOST_INITS];
	int rounds = (int)inits->number / IN_A_ROW + 1;

	for (int i = 0; i < inits->count; i++)
		instance_start(&instances[i], inits, &inits->list[i], "signals", 0);
	pause_us(100000);
	for (int round = 0; round < rounds; round++) {
		for (int turn = 0; turn < inits->count; turn++) {
			struct init *init = inits_turn(inits, round, turn);

			if (!init->left_out)
				forward_some(&instances[init - inits->list]);
		}
		progress(round + 1, rounds * 2);
	}
	for (int i = 0; i < inits->count; i++)
		instance_kill(&instances[i]);
}

static void burst(struct inits *inits, struct init *init)
{
	struct instance instance;
	struct burst burst;

	if (!instance_start(&instance, inits, init, "burst", 0))
		return;
	for (int i = 1; i <= BURST; i++)
		sigqueue(instance.pid, BURST_SIGNAL, (union sigval){ .sival_int = i });
	if (instance_read(&instance, &burst, sizeof(burst))) {
		sample("burst.arrived", init, burst.arrived * 100.0 / BURST);
		sample("burst.value", init, burst.with_value * 100.0 / BURST);
	} else {
		leave_out(init, "it, or its child, did not survive a burst of signals");
	}
	instance_kill(&instance);
}

static void stop(struct inits *inits, struct init *init)
{
	struct instance instance;
	uint64_t sent, end;
	bool ended;

	if (!instance_start(&instance, inits, init, "rest", 0))
		return;
	pause_us(1500); /* until both wait for something */
	sent = now();
	kill(instance.pid, SIGTERM);
	ended = instance_await(&instance);
	end = now();
	if (ended)
		sample("stop", init, (double)(end - sent) / 1e3);
	else
		leave_out(init, "SIGTERM did not end it, or not with its child's status");
	instance_close(&instance);
}

int main(int argc, char **argv)
{
	struct inits inits;
	int stops;

	inits_read(&inits, argc, argv);
	pin(0);
	forward(&inits);
	for (int i = 0; i < inits.count; i++)
		if (!inits.list[i].left_out)
			burst(&inits, &inits.list[i]);
	stops = (int)inits.number / 10 + 1;
	for (int round = 0; round < stops; round++) {
		for (int turn = 0; turn < inits.count; turn++) {
			struct init *init = inits_turn(&inits, round, turn);

			if (!init->left_out)
				stop(&inits, init);
		}
		progress(stops + round + 1, stops * 2);
	}
	return 0;
}
