/*
 * sigreport: takes every signal and prints "NUMBER CODE VALUE PID UID" for each, a line each.
 *
 *   -n COUNT   end, with status 0, after so many (default: never)
 *   -u SIGNAL  end after this one
 *   -l LIMIT   the own RLIMIT_SIGPENDING (soft)
 *
 * All signals are blocked before "ready" is printed, so that none has its default action.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "kernel_signals.h"

int main(int argc, char **argv)
{
	uint64_t all = ~UINT64_C(0);
	long count = -1;
	int option, last = 0;
	struct rlimit pending;

	signal_mask_set(SIG_SETMASK, all);
	while ((option = getopt(argc, argv, "n:u:l:")) != -1) {
		switch (option) {
		case 'n':
			count = atol(optarg);
			break;
		case 'u':
			last = atoi(optarg);
			break;
		case 'l':
			getrlimit(RLIMIT_SIGPENDING, &pending);
			pending.rlim_cur = (rlim_t)atol(optarg);
			setrlimit(RLIMIT_SIGPENDING, &pending);
			break;
		default:
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (count != 0) {
		siginfo_t info;
		long signo;

		memset(&info, 0, sizeof(info));
		signo = syscall(SYS_rt_sigtimedwait, &all, &info, NULL, sizeof(all));
		if (signo < 0) {
			if (errno == EINTR)
				continue;
			perror("sigreport: sigtimedwait");
			return 2;
		}
		printf("%ld %d %d %d %u\n", signo, info.si_code, info.si_value.sival_int,
		       info.si_pid, info.si_uid);
		if (signo == last)
			break;
		if (count > 0)
			count--;
	}
	return 0;
}
