/*
 * PIDs running out: of the limits that fork(2) can run into, the nearest.
 *
 * Looked at are pids.max of zinit's cgroup and of each level above it that can be seen (version 1,
 * version 2 and both at once), the PID namespace's pid_max, and RLIMIT_NPROC of zinit's user. Each
 * thread uses a PID, and so does each zombie.
 */
#ifndef ZINIT_PIDS_H
#define ZINIT_PIDS_H

#include <stdbool.h>

#include "cgroup.h"

struct pids {
	long long used, limit; /* of the nearest limit; limit 0: there is none */
	char file[sizeof(((struct cgroup *)0)->path) + 16]; /* where it stands */

	/* What a walk has to count for pids_count(): -1 where nothing has to be. */
	long long user; /* whose threads */
	long long pid_max, process_limit;

	/* Found once. */
	struct cgroup version1, version2;
	bool has_version1, has_version2, own_pid_max;
	long long resource_limit;
};

/* Finds what stays: the cgroups, RLIMIT_NPROC, whose pid_max it is. */
void pids_open(struct pids *pids);

/*
 * Looks at the limits. Returns whether pids_count() is owed: pid_max and RLIMIT_NPROC count what
 * only a walk can tell, which is dear, so that without `exact` it is done only where the number of
 * threads of the whole system (/proc/loadavg) does not rule out that they are 80 % used.
 */
bool pids_look(struct pids *pids, bool exact);

/* Threads in the PID namespace and those of pids->user, from held_walk(). */
void pids_count(struct pids *pids, unsigned threads, unsigned user_threads);

/* How much of the nearest limit is used; 0 without one. */
int pids_percent(const struct pids *pids);

#endif
