/*
 * Signals: names and numbers, what was inherited, holding and taking them, sending them on.
 *
 * Sets are the kernel's own 64-bit masks and go through raw system calls, because musl's sigset
 * functions leave out 32 to 34, of which 34 is glibc's SIGRTMIN.
 */
#ifndef ZINIT_SIGNALS_H
#define ZINIT_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include "text.h"

enum { SIGNAL_FIRST = 1, SIGNAL_LAST = 64 };

typedef uint64_t signal_set;

static inline signal_set signals_one(int signal)
{
	return (signal_set)1 << (signal - 1);
}

#define SIGNALS_ALL (~(signal_set)0)

/* While the main child has not exec'd only its death is listened for; all else is held. */
#define SIGNALS_HELD ((signal_set)1 << (SIGCHLD - 1))

/* What zinit was started with and the main child gets back, no more and no less. */
struct inherited {
	pid_t pid; /* zinit's own: asked for once */
	signal_set mask;
	bool child_ignored; /* SIGCHLD's disposition: ignored, else the default */
};

/*
 * Tells what was inherited and resets SIGCHLD to its default action: inherited as ignored the
 * kernel would reap by itself and the main child's status would be lost (wait(2), NOTES; tini and
 * catatonit hang for ever on it). The mask is full already: a constructor blocks all signals
 * before anything else runs.
 */
void signals_hold(struct inherited *inherited);

/* In the main child, last before exec: the inherited disposition of SIGCHLD and mask. */
void signals_give_back(const struct inherited *inherited);

/* Asks for a SIGCHLD at each stop and continuation of a child too (SA_NOCLDSTOP off), or no more. */
void signals_tell_stops(bool on);

/*
 * Ends zinit by `signal`, whatever was inherited for it as ignored. Returns where the signal does
 * not end a process, or its namespace's PID 1.
 */
void signals_die_of(int signal);

/* Does the signal, from a terminal or a shell, stop a job: SIGTSTP, SIGTTIN, SIGTTOU? */
bool signals_stops(int signal);

/* Sends zinit itself a signal by tkill(2), which no rule of its own signals drops. */
void signals_raise(int signal);

/*
 * Opens the signalfd for the signals in `set`, or changes `fd`'s set where fd >= 0. What is not in
 * the set waits in the kernel's queue, in order and with its value.
 * Returns the descriptor (close-on-exec, above 2, blocking) or -1 with errno.
 */
int signals_listen(int fd, signal_set set);

/*
 * Sends on one record as it came: to one process (target > 0) a queued signal keeps its code,
 * value and sender (rt_sigqueueinfo(2), which takes negative codes but SI_TKILL from anybody); all
 * else, and whatever goes to a process group (target < -1), goes by kill(2), so that the receiver
 * sees zinit as its sender. `signal` is the number to send, after rewriting.
 * Returns 0 or an errno value: EAGAIN when the receiver's queue is at its RLIMIT_SIGPENDING.
 */
int signals_forward(const struct signalfd_siginfo *record, int signal, pid_t target);

/*
 * Reads a signal's name, with or without SIG and in any case (TERM, SIGTERM, RTMIN+3, RTMAX-1), or
 * its number 1 to 64. RTMIN is 34, as programs that use glibc and musl count.
 * Returns the number, 0 when it is none.
 */
int signals_parse(const char *word);

/* Writes a signal's name into `buffer`: SIGTERM, SIGRTMIN+3, "signal 32" without one. Returns it. */
enum { SIGNAL_NAME_SIZE = 16 };
const char *signals_name(char buffer[SIGNAL_NAME_SIZE], int signal);

#endif
