/*
 * sigsend: sends signals by number, as the kernel counts them.
 *
 *   sigsend [-n TIMES] [-q VALUE] [-c CODE] [-t] PID SIGNAL...
 *
 * By kill(2); with -t by tgkill(2); with -q by rt_sigqueueinfo(2), the value going up by one with
 * each of TIMES, and CODE (SI_QUEUE) as si_code. SIGNAL "all" is each but KILL and STOP, in an
 * order in which none takes another away: SIGCONT discards stop signals that are pending, and the
 * other way round, so that "all" leaves SIGTSTP, SIGTTIN and SIGTTOU out, which "stop" sends.
 */
#include <errno.h>
#include <stdio.h>

#include "kernel_signals.h"

static int times = 1, by_queue, by_thread, code = SI_QUEUE, value;

static int send_signal(pid_t pid, int signo)
{
	for (int i = 0; i < times; i++) {
		long result;
		siginfo_t info;

		memset(&info, 0, sizeof(info));
		info.si_signo = signo;
		info.si_code = code;
		info.si_pid = getpid();
		info.si_uid = getuid();
		info.si_value.sival_int = value + i;
		if (by_queue)
			result = syscall(SYS_rt_sigqueueinfo, pid, signo, &info);
		else if (by_thread)
			result = syscall(SYS_tgkill, pid, pid, signo);
		else
			result = syscall(SYS_kill, pid, signo);
		if (result) {
			fprintf(stderr, "sigsend: %d to %d: %s\n", signo, pid, strerror(errno));
			return 1;
		}
	}
	return 0;
}

static int is_stop(int signo)
{
	return signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

int main(int argc, char **argv)
{
	int option, failed = 0;
	pid_t pid;

	while ((option = getopt(argc, argv, "+n:q:c:t")) != -1) {
		switch (option) {
		case 'n':
			times = atoi(optarg);
			break;
		case 'q':
			by_queue = 1;
			value = atoi(optarg);
			break;
		case 'c':
			code = atoi(optarg);
			break;
		case 't':
			by_thread = 1;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind < 2)
		return 2;
	pid = atoi(argv[optind++]);
	/* 0 is the caller's own group, -1 is everybody: never meant here. */
	if (pid <= 0) {
		fprintf(stderr, "sigsend: '%s' is no PID\n", argv[optind - 1]);
		return 2;
	}
	for (; optind < argc; optind++) {
		int all = strcmp(argv[optind], "all") == 0,
		    stop = strcmp(argv[optind], "stop") == 0;

		if (!all && !stop) {
			failed |= send_signal(pid, atoi(argv[optind]));
			continue;
		}
		for (int signo = 1; signo <= LAST_SIGNAL; signo++)
			if (signo != SIGKILL && signo != SIGSTOP && is_stop(signo) == stop)
				failed |= send_signal(pid, signo);
	}
	return failed;
}
