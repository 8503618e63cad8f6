/*
 * The account: how each process ended and what it used, in words and figures, and the final report.
 */
#ifndef ZINIT_ACCOUNT_H
#define ZINIT_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "signals.h"

struct account {
	unsigned long long reaped; /* orphans adopted and reaped */
	unsigned long long most_at_once; /* most zombies drained in one go */
	unsigned long long forwarded[SIGNAL_LAST + 1]; /* signals forwarded, by number as sent */
	int64_t started; /* CLOCK_MONOTONIC, nanoseconds */
	long long oom_kills; /* the cgroup's count at the start, -1 unknown */
	struct rusage main_usage;
	int main_status;
	unsigned held; /* zombies held by others, as last seen by the watch */
};

/* Says that an orphan was reaped (--warn-on-reap), with its figures; before that `name` was read from its zombie. */
void account_say_orphan(pid_t pid, const char *name, int status, const struct rusage *usage);

/* With --report: notes what the report will be compared with (the time, the cgroup's OOM kills). */
void account_open(struct account *account);

/*
 * Opens the file of --report ("-" is stderr) before zinit changes its user or shuts open(2) away: a
 * regular file is emptied now and appended to at the end, behind what the main child itself may
 * have written (/dev/termination-log). A failure is a warning, and false.
 */
bool account_prepare(const char *path);

/* The report's descriptor (-1: none, 2: stderr), which closing what was inherited must spare. */
int account_descriptor(void);

/*
 * Writes the report: one line for the main child (none where main_child is 0), one for zinit; as
 * JSON objects in that log format. Opens `path` where account_prepare() has not. Never waits for a
 * reader. A failure to write is a warning.
 */
void account_report(const struct account *account, const char *path, bool json, pid_t main_child);

#endif
