/*
 * Who is below zinit, from the top down, each one pinned while it is looked at.
 *
 * A PID is safe to signal only while it cannot have been reused. zinit's own children are pinned by
 * not being reaped. For each child C that /proc/B/task/TID/children lists under a pinned parent B:
 * pidfd_open(C), then C's PPid read again and equal to B, and B's own pidfd still unreadable (B has
 * not died in between): only then is C ours. A walk up from C by PPid would not do: a recycled
 * number in the middle makes a stranger look like ours.
 *
 * Where the kernel has no pidfd_open(2) (before 5.3) only zinit's own children are visited; those
 * below them are, once they have been adopted.
 */
#ifndef ZINIT_DESCENDANTS_H
#define ZINIT_DESCENDANTS_H

#include <stdbool.h>
#include <sys/types.h>

struct pinned {
	pid_t pid;
	pid_t parent;
	int pidfd; /* -1: a child of zinit's own, pinned by not being reaped */
};

/*
 * Calls `visit` for every process below zinit that is not a zombie's remains already reaped; a
 * parent comes before its children. Nothing may be reaped while it runs.
 * Returns false when it could not look below zinit's own children (no pidfd, no /proc of this PID
 * namespace): said once by a warning.
 */
bool descendants_each(void (*visit)(const struct pinned *process, void *context), void *context);

/*
 * Sends `signal` to a pinned process: pidfd_send_signal(2), or kill(2) for a child of zinit's own.
 * Returns 0 or an errno value (ESRCH: it has ended; EPERM: another user's).
 */
int descendants_signal(const struct pinned *process, int signal);

/* pidfd_open(2) by the raw call: a close-on-exec descriptor above 2, or -1 with errno. */
int descendants_pin(pid_t pid);

#endif
