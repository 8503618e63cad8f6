/*
 * kernel_signals.h: signals as the kernel counts them, 1 to 64.
 *
 * libc keeps two or three real-time signals for itself (32, 33, and 34 in musl) and leaves them
 * out of its sets, so that a test of all 64 has to use the system calls.
 */
#ifndef KERNEL_SIGNALS_H
#define KERNEL_SIGNALS_H

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LAST_SIGNAL 64

static inline uint64_t signal_bit(int signo)
{
	return UINT64_C(1) << (signo - 1);
}

static inline uint64_t signal_mask_set(int how, uint64_t set)
{
	uint64_t old = 0;

	syscall(SYS_rt_sigprocmask, how, &set, &old, sizeof(set));
	return old;
}

/* struct sigaction of the kernel, with room for every architecture's fields behind the handler. */
struct kernel_sigaction {
	unsigned long words[8];
};

#ifdef __mips__
#error "the handler is not the first word of the kernel's sigaction here"
#endif

/* Only SIG_DFL and SIG_IGN: a handler would need libc's restorer. */
static inline long signal_dispose(int signo, void (*disposition)(int))
{
	struct kernel_sigaction action;

	memset(&action, 0, sizeof(action));
	action.words[0] = (unsigned long)disposition;
	return syscall(SYS_rt_sigaction, signo, &action, NULL, sizeof(uint64_t));
}

static inline unsigned long signal_disposition(int signo)
{
	struct kernel_sigaction action;

	memset(&action, 0, sizeof(action));
	syscall(SYS_rt_sigaction, signo, NULL, &action, sizeof(uint64_t));
	return action.words[0];
}

/* "1,15,34" or "all" (but SIGKILL and SIGSTOP, for which no set has an effect). */
static inline uint64_t signal_list(const char *text)
{
	uint64_t set = 0;

	if (strcmp(text, "all") == 0)
		return ~UINT64_C(0) & ~signal_bit(SIGKILL) & ~signal_bit(SIGSTOP);
	while (*text) {
		char *end;
		long signo = strtol(text, &end, 10);

		if (end == text || signo < 1 || signo > LAST_SIGNAL)
			return 0;
		set |= signal_bit((int)signo);
		text = *end == ',' ? end + 1 : end;
	}
	return set;
}

#endif
