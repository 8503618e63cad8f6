/*
 * instance.h: inits under measurement, each as PID 1 of a PID namespace of its own.
 *
 * An instance is made in two steps, so that the namespaces' making is in no figure: instance_make()
 * brings it up to the gate, instance_go() lets it exec. Its program reads from `to` and writes to
 * `from`. Whatever happens to the driver, the instances end with it.
 */
#ifndef INSTANCE_H
#define INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MOST_INITS = 16, MOST_ARGUMENTS = 16 };

struct init {
	const char *name;
	char *arguments[MOST_ARGUMENTS]; /* the command in front of the main child's */
	int count;
	bool floor; /* does nothing but start and reap */
	bool left_out; /* failed, which was said */
};

struct instance {
	struct init *init;
	pid_t pid; /* as seen from here; 0 once it has ended */
	int to, from;
	int gate;
	int mounts; /* keeps the mount namespace's end out of the figures */
	uint64_t *started; /* the moment before the exec, written by the instance */
};

/* Reads `[-n NUMBER] PROGRAM NAME=COMMAND...`, where "floor" is a floor's name; ends on a mistake. */
struct inits {
	struct init list[MOST_INITS];
	int count;
	long number;
	char *program;
};
void inits_read(struct inits *inits, int argc, char **argv);

/*
 * The init whose turn it is. From round to round the order turns, and is reversed, so that none
 * always follows the same one.
 */
struct init *inits_turn(struct inits *inits, int round, int turn);

/* `mode` is the main child's one argument; it and the init are pinned to `cpu`. */
void instance_make(struct instance *instance, struct inits *inits, struct init *init,
		   const char *mode, int cpu);
void instance_go(struct instance *instance);

/* Both, and waits until the main child says that it is ready. False: the init is left out. */
bool instance_start(struct instance *instance, struct inits *inits, struct init *init,
		    const char *mode, int cpu);

/* Waits at most 10 s for all of it. */
bool instance_read(struct instance *instance, void *data, size_t size);

/* An order for work.c, and its answer. */
bool instance_ask(struct instance *instance, int order, int count, int *answer);

/* Waits until it ends by itself, at most 10 s. False: it did not, or with another status than 0. */
bool instance_await(struct instance *instance);
void instance_close(struct instance *instance); /* once it has ended */
void instance_kill(struct instance *instance); /* ends it and closes it */

/* The time on a processor, in ns. */
uint64_t instance_cpu(const struct instance *instance);

/* An init that failed is left out of all that follows. */
void leave_out(struct init *init, const char *why);

uint64_t now(void);
void pause_us(long us);
void pin(int cpu);
int other_cpu(void); /* 1, where there is one */
void sample(const char *metric, const struct init *init, double value);
void progress(int done, int all);

#endif
