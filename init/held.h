/*
 * Held zombies: one walk over /proc finds them and who holds them; two walks tell which stay.
 *
 * State Z alone makes no zombie: a dead leader whose other threads live is a live program. A zombie
 * whose tracer is not its parent waits for the tracer (ptrace_do_wait() in the kernel), so that the
 * tracer is its holder. What is held by zinit itself is not held: it is about to be reaped.
 *
 * The tables are bounded: HELD_ZOMBIES zombies are known one by one, those beyond (of the highest
 * PIDs) are only counted; HELD_HOLDERS holders are known, what others hold counts in the sums alone.
 */
#ifndef ZINIT_HELD_H
#define ZINIT_HELD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "procfs.h"

enum { HELD_ZOMBIES = 4096, HELD_HOLDERS = 256 };

struct holder {
	pid_t pid; /* 0: a process outside of the PID namespace */
	unsigned long long start;
	bool traces; /* holds them as their tracer, not as their parent */
	unsigned zombies; /* at the last walk; 0: it no longer holds any, and is left out of the next */
	unsigned stale; /* of these, already seen at the walk before */

	/* One of them: the longest known among the stale ones, where there are any. */
	pid_t zombie;
	unsigned long long zombie_start;
	int64_t since; /* when a walk first saw it, CLOCK_MONOTONIC in nanoseconds */
	char name[PROCFS_NAME], zombie_name[PROCFS_NAME];

	/* For the watch, and its own from walk to walk. */
	unsigned warned; /* zombies at the last warning; 0: none */
	unsigned cures; /* ticks at which it was reminded */
	int64_t kill_at; /* once it was told to end; 0: not yet */
	bool refused; /* a signal to it failed, and that was said */
	enum { OURS_UNKNOWN, OURS, NOT_OURS } ours; /* below zinit? */
};

struct held {
	struct holder holders[HELD_HOLDERS];
	unsigned count; /* of holders */
	unsigned processes; /* in /proc, zombies included */
	unsigned threads; /* of all of them; only of an exact walk */
	unsigned user_threads; /* of the user asked for */
	unsigned zombies; /* all of them, zinit's own included */
	unsigned zombies_held, zombies_stale;
	bool full; /* a table was too small */
};

/*
 * Walks /proc once. An `exact` walk counts threads, too; the other one takes little more than half
 * its time as long as few processes are zombies. `user` is whose threads to count by /proc/PID/status, which doubles
 * the cost, or -1.
 * Returns NULL where /proc cannot be read. What it returns is the next walk's to overwrite, but for
 * the watch's members of each holder.
 */
struct held *held_walk(int64_t now, bool exact, long long user);

/* Is the zombie that stands for the holder's still there, and still the holder's? */
bool held_still(const struct holder *holder);

/* The holder of most zombies, NULL when there is none. */
const struct holder *held_most(const struct held *held);

#endif
