/*
 * die SIGNAL: ends by that signal, with no core dump; status 77 where the signal does not kill.
 */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "kernel_signals.h"

int main(int argc, char **argv)
{
	struct rlimit none = { 0, 0 };
	int signo = argc > 1 ? atoi(argv[1]) : SIGKILL;

	/* A core_pattern with a pipe ignores the limit, but not this. */
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	signal_dispose(signo, SIG_DFL);
	signal_mask_set(SIG_SETMASK, 0);
	syscall(SYS_kill, getpid(), signo);
	return 77;
}
