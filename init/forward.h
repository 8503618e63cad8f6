/*
 * Forwarding: which signal goes to whom, and what happens where it cannot.
 *
 * A failure is a warning and never the end: ESRCH where the receiver has gone, EPERM where it took
 * another user. After the main child has been reaped its PID is never signalled again.
 */
#ifndef ZINIT_FORWARD_H
#define ZINIT_FORWARD_H

#include <stdbool.h>
#include <sys/signalfd.h>

#include "options.h"
#include "reap.h"
#include "spawn.h"

struct forwarder {
	const struct options *options;
	const struct main_child *child;
	struct reaper *reaper; /* says whether the main child runs; its account counts signals */
	bool interrupted; /* a SIGINT went on: the child did not die of the terminal's */
	bool full; /* the main child's signal queue stayed full: no more patience */
};

/* Whom signals go to, for kill(2): the main child (> 0), or its process group (< 0). */
pid_t forward_target(const struct forwarder *forwarder);

/* The number that is sent for the one received: --rewrite and the contract. 0: none. */
int forward_number(const struct forwarder *forwarder, int received);

/*
 * Sends the record on as `signal` while the main child is unreaped: nothing where the terminal has
 * sent it to the child, too (dumb-init -c). At the child's RLIMIT_SIGPENDING (EAGAIN of
 * rt_sigqueueinfo(2)) it is tried again for 0.2 s, while zinit reaps, and then goes by kill(2),
 * without its value. At -v it is said where a shell may keep SIGTERM to itself.
 */
void forward_to_main_child(struct forwarder *forwarder, const struct signalfd_siginfo *record,
			   int signal);

/* Once the main child has ended: to each child of zinit's own, none of which can be recycled. */
void forward_to_children(struct forwarder *forwarder, const struct signalfd_siginfo *record,
			 int signal);

#endif
