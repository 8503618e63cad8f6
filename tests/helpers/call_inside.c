/*
 * call_inside PID                 makes the process PID try every system call, with -1 for each
 *                                 argument, and prints those that are answered by anything but EPERM
 * call_inside PID CALL [ARG]...   makes it try one, and prints "0" or the error's number
 *
 * What a process may do is thus asked where its seccomp filter is. It is stopped by ptrace(2), given
 * the call in its registers at an instruction that is one, and put back as it was. exit, exit_group
 * and rt_sigreturn are not made: they are printed by the first form as they stand.
 * Status 77 where this is no x86_64, or PID cannot be traced.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifndef __x86_64__

int main(void)
{
	return 77;
}

#else

/* The kernel lets its uretprobe and uprobe calls past every filter; they are a SIGILL elsewhere. */
enum { LAST_CALL = 600, URETPROBE = 335, UPROBE = 336, X32 = 0x40000000 };

static const struct {
	const char *name;
	long number;
} names[] = {
	{ "read", SYS_read },
	{ "write", SYS_write },
	{ "open", SYS_open },
	{ "close", SYS_close },
	{ "fstat", SYS_fstat },
	{ "lseek", SYS_lseek },
	{ "poll", SYS_poll },
	{ "rt_sigaction", SYS_rt_sigaction },
	{ "rt_sigprocmask", SYS_rt_sigprocmask },
	{ "rt_sigreturn", SYS_rt_sigreturn },
	{ "ioctl", SYS_ioctl },
	{ "madvise", SYS_madvise },
	{ "nanosleep", SYS_nanosleep },
	{ "getpid", SYS_getpid },
	{ "exit", SYS_exit },
	{ "wait4", SYS_wait4 },
	{ "kill", SYS_kill },
	{ "fcntl", SYS_fcntl },
	{ "readlink", SYS_readlink },
	{ "rt_sigqueueinfo", SYS_rt_sigqueueinfo },
	{ "prctl", SYS_prctl },
	{ "getdents64", SYS_getdents64 },
	{ "restart_syscall", SYS_restart_syscall },
	{ "clock_gettime", SYS_clock_gettime },
	{ "clock_nanosleep", SYS_clock_nanosleep },
	{ "exit_group", SYS_exit_group },
	{ "waitid", SYS_waitid },
	{ "openat", SYS_openat },
	{ "readlinkat", SYS_readlinkat },
	{ "ppoll", SYS_ppoll },
	{ "signalfd4", SYS_signalfd4 },
	{ "pwritev2", SYS_pwritev2 },
	{ "pidfd_send_signal", SYS_pidfd_send_signal },
	{ "pidfd_open", SYS_pidfd_open },
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "call_inside: %s: %s\n", what, strerror(errno));
	exit(77);
}

static void wait_for_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) {
		fprintf(stderr, "call_inside: %d did not survive a call\n", pid);
		exit(1);
	}
}

/* Leaves `pid` stopped behind a system call, which is interrupted. */
static void stop(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) != 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0)
		give_up("ptrace");
	wait_for_stop(pid);
}

/* Returns what the call returned. */
static long make_call(pid_t pid, const struct user_regs_struct *at, long number,
		      const unsigned long arguments[6])
{
	struct user_regs_struct registers = *at;

	registers.rip -= 2; /* the instruction `syscall` */
	registers.rax = (unsigned long)number;
	registers.orig_rax = -1UL; /* nothing to be restarted */
	registers.rdi = arguments[0];
	registers.rsi = arguments[1];
	registers.rdx = arguments[2];
	registers.r10 = arguments[3];
	registers.r8 = arguments[4];
	registers.r9 = arguments[5];
	ptrace(PTRACE_SETREGS, pid, 0, &registers);
	for (int i = 0; i < 2; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		wait_for_stop(pid);
	}
	ptrace(PTRACE_GETREGS, pid, 0, &registers);
	return (long)registers.rax;
}

static long number_of(const char *name)
{
	for (int i = 0; i < NAMES; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].number;
	return strtol(name, NULL, 0);
}

static void print_call(long number)
{
	for (int i = 0; i < NAMES; i++) {
		if (names[i].number == number) {
			puts(names[i].name);
			return;
		}
	}
	printf("%ld\n", number);
}

static void try_all(pid_t pid, const struct user_regs_struct *at)
{
	static const unsigned long none[6] = { -1UL, -1UL, -1UL, -1UL, -1UL, -1UL };

	for (long number = 0; number <= LAST_CALL; number++)
		if (number == URETPROBE || number == UPROBE)
			continue;
		else if (number == SYS_exit || number == SYS_exit_group ||
			 number == SYS_rt_sigreturn || make_call(pid, at, number, none) != -EPERM)
			print_call(number);
	if (make_call(pid, at, X32 | SYS_getpid, none) != -EPERM)
		puts("x32");
}

int main(int argc, char **argv)
{
	pid_t pid = argc > 1 ? atoi(argv[1]) : 0;
	struct user_regs_struct at;
	unsigned long arguments[6] = { 0 };

	if (pid <= 0 || argc > 9)
		return 2;
	stop(pid);
	ptrace(PTRACE_GETREGS, pid, 0, &at);
	if ((ptrace(PTRACE_PEEKTEXT, pid, at.rip - 2, 0) & 0xffff) != 0x050f)
		give_up("it is in no system call");
	if (argc == 2) {
		try_all(pid, &at);
	} else {
		for (int i = 3; i < argc; i++)
			arguments[i - 3] = strtoul(argv[i], NULL, 0);
		printf("%ld\n", -make_call(pid, &at, number_of(argv[2]), arguments));
	}
	ptrace(PTRACE_SETREGS, pid, 0, &at);
	if (ptrace(PTRACE_DETACH, pid, 0, 0) != 0)
		give_up("it cannot be let go");
	return 0;
}

#endif
