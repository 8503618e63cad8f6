/*
 * Reaping: every zombie that is ours goes, at once while that is cheap, within 50 ms beside a crowd.
 */
#ifndef ZINIT_REAP_H
#define ZINIT_REAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include "account.h"

enum { STILL_RUNNING = -1 }; /* no wait status is negative */

struct reaper {
	pid_t main_child; /* 0: none */
	int main_status; /* STILL_RUNNING, then its wait status */
	bool childless; /* the last drain found no child at all */
	bool says_orphans; /* --warn-on-reap */
	bool wants_usage; /* for the account of each, or the report on the main child */
	struct account *account; /* never NULL */
	void (*main_dead)(void *context); /* called while the main child is a zombie; may be NULL */
	void *context;
	bool failed; /* an unforeseen failure was said */

	/* The crowd: see reap_children(). */
	bool crowded;
	bool suspect; /* the last drain was dear */
	int64_t cost; /* ns for a call of the last drain */
	int64_t dear; /* ns that a call may take without being looked into */
	int64_t due; /* CLOCK_MONOTONIC: an owed drain's time; 0: none is owed */
	int64_t not_before; /* the next drain's earliest time */
};

/*
 * Reaps every zombie that is ours: the loop on wait4(-1, WNOHANG | __WALL) until it says 0 or
 * ECHILD. SIGCHLD does not queue: deaths that come close together leave one record (signal(7)), so
 * that one record means "at least one". Never fails.
 */
void reap_all(struct reaper *reaper);

/*
 * What a SIGCHLD asks for. Without a crowd that is reap_all() at once. Beside many live children
 * the child that the record names is reaped at once, and a drain is owed (reaper->due).
 * `record` may come from anybody, and is then only a hint.
 */
void reap_child(struct reaper *reaper, const struct signalfd_siginfo *record);

/*
 * Pays what is owed, where it is due at `now` (which is not looked at without a crowd). While it
 * is owed the main child is looked at by its pid: its end is never delayed.
 */
void reap_owed(struct reaper *reaper, int64_t now);

/* Has the main child not been reaped yet? False where there is none. */
bool reap_main_runs(const struct reaper *reaper);

/* Learns what a call costs that walks no list of children: when zinit first rests. */
void reap_calibrate(struct reaper *reaper);

#endif
