/* Signals: names and numbers, what was inherited, holding and taking them, sending them on. */
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"

/* The kernel counts real-time signals from 32; the C libraries keep 32 and 33 for themselves. */
enum { RT_FIRST = 34 };

/* By number: the generic numbering of x86, arm, powerpc, riscv and s390. */
static const char names[][8] = {
	[SIGHUP] = "HUP",   [SIGINT] = "INT",       [SIGQUIT] = "QUIT", [SIGILL] = "ILL",
	[SIGTRAP] = "TRAP", [SIGABRT] = "ABRT",     [SIGBUS] = "BUS",   [SIGFPE] = "FPE",
	[SIGKILL] = "KILL", [SIGUSR1] = "USR1",     [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
	[SIGPIPE] = "PIPE", [SIGALRM] = "ALRM",     [SIGTERM] = "TERM", [SIGSTKFLT] = "STKFLT",
	[SIGCHLD] = "CHLD", [SIGCONT] = "CONT",     [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",
	[SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU",     [SIGURG] = "URG",   [SIGXCPU] = "XCPU",
	[SIGXFSZ] = "XFSZ", [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH",
	[SIGIO] = "IO",     [SIGPWR] = "PWR",       [SIGSYS] = "SYS",
};

static const struct {
	char name[5];
	unsigned char signal;
} aliases[] = { { "IOT", SIGABRT }, { "CLD", SIGCHLD }, { "POLL", SIGIO } };

static signal_set mask_at_start;

static void set_mask(const signal_set *mask, signal_set *old)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, old, sizeof(signal_set));
}

/*
 * The first thing that zinit does: 101 is the earliest priority that a program may have, libcap's
 * constructor comes after it. What arrives before this call and is not blocked has its default
 * action, which the kernel drops for PID 1: nothing that a program could do about it.
 */
__attribute__((constructor(101))) static void block_all(void)
{
	static const signal_set all = SIGNALS_ALL;

	set_mask(&all, &mask_at_start);
}

/*
 * The kernel's own form, as far as an init needs it: the same on every architecture but MIPS, and
 * all zeroes are the default action.
 */
struct disposition {
	void (*handler)(int);
	unsigned long flags;
	unsigned long rest[8]; /* restorer and mask, in whatever order and size */
};

static void set_disposition(int signal, void (*handler)(int), unsigned long flags,
			    struct disposition *old)
{
	const struct disposition new = { .handler = handler, .flags = flags };

	syscall(SYS_rt_sigaction, signal, &new, old, sizeof(signal_set));
}

void signals_hold(struct inherited *inherited)
{
	struct disposition old = { .handler = SIG_DFL };

	set_disposition(SIGCHLD, SIG_DFL, SA_NOCLDSTOP, &old);
	inherited->pid = getpid();
	inherited->mask = mask_at_start;
	inherited->child_ignored = old.handler == SIG_IGN;
}

void signals_give_back(const struct inherited *inherited)
{
	if (inherited->child_ignored)
		set_disposition(SIGCHLD, SIG_IGN, 0, NULL);
	set_mask(&inherited->mask, NULL);
}

void signals_tell_stops(bool on)
{
	set_disposition(SIGCHLD, SIG_DFL, on ? 0 : SA_NOCLDSTOP, NULL);
}

void signals_die_of(int signal)
{
	const signal_set set = signals_one(signal);

	set_disposition(signal, SIG_DFL, 0, NULL);
	kill(getpid(), signal);
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, sizeof(set));
}

bool signals_stops(int signal)
{
	return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

void signals_raise(int signal)
{
	syscall(SYS_tkill, getpid(), signal);
}

int signals_listen(int fd, signal_set set)
{
	return descriptors_lift((int)syscall(SYS_signalfd4, fd, &set, sizeof(set), SFD_CLOEXEC));
}

/* The layouts of signalfd_copyinfo() and siginfo_layout() in the kernel, for negative codes. */
static void restore_record(siginfo_t *info, const struct signalfd_siginfo *record, int signal)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = signal;
	info->si_errno = record->ssi_errno;
	info->si_code = record->ssi_code;
	switch (record->ssi_code) {
	case SI_TIMER:
		info->si_timerid = (int)record->ssi_tid;
		info->si_overrun = (int)record->ssi_overrun;
		break;
	case SI_SIGIO:
		info->si_band = (long)record->ssi_band;
		info->si_fd = record->ssi_fd;
		return;
	default:
		info->si_pid = (pid_t)record->ssi_pid;
		info->si_uid = record->ssi_uid;
		break;
	}
	info->si_value.sival_ptr = (void *)(uintptr_t)record->ssi_ptr;
}

int signals_forward(const struct signalfd_siginfo *record, int signal, pid_t target)
{
	siginfo_t info;
	long result;

	if (target > 0 && record->ssi_code < 0 && record->ssi_code != SI_TKILL) {
		restore_record(&info, record, signal);
		result = syscall(SYS_rt_sigqueueinfo, target, signal, &info);
	} else {
		result = kill(target, signal);
	}
	return result == 0 ? 0 : errno;
}

static int parse_realtime(const char *word)
{
	int base = RT_FIRST, sign = 1;
	unsigned long long offset = 0;

	if (strncasecmp(word, "RTMAX", 5) == 0) {
		base = SIGNAL_LAST;
		sign = -1;
	} else if (strncasecmp(word, "RTMIN", 5) != 0) {
		return 0;
	}
	word += 5;
	if (*word && (*word != (sign > 0 ? '+' : '-') ||
		      !text_number(word + 1, SIGNAL_LAST - RT_FIRST, &offset)))
		return 0;
	return base + sign * (int)offset;
}

int signals_parse(const char *word)
{
	unsigned long long number;

	if (text_number(word, SIGNAL_LAST, &number))
		return (int)number;
	if (strncasecmp(word, "SIG", 3) == 0)
		word += 3;
	if (!*word)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(word, names[i]) == 0)
			return (int)i;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcasecmp(word, aliases[i].name) == 0)
			return aliases[i].signal;
	return parse_realtime(word);
}

const char *signals_name(char buffer[SIGNAL_NAME_SIZE], int signal)
{
	struct text text;

	text_start(&text, buffer, SIGNAL_NAME_SIZE);
	if (signal > 0 && (size_t)signal < sizeof(names) / sizeof(names[0]))
		text_add(&text, "SIG%s", names[signal]);
	else if (signal == RT_FIRST)
		text_add(&text, "SIGRTMIN");
	else if (signal > RT_FIRST)
		text_add(&text, "SIGRTMIN+%d", signal - RT_FIRST);
	else
		text_add(&text, "signal %d", signal);
	return buffer;
}
