/*
 * tracer PID: traces a process as strace(1) does, but does not wait for it; prints "traces PID".
 * SIGTERM ends it, and what it traced is its parent's again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int pid = argc > 1 ? atoi(argv[1]) : 0;

	/* Without options: with strace's own the process would stop on its way out, and be no zombie. */
	if (ptrace(PTRACE_SEIZE, pid, 0, 0)) {
		perror("tracer: ptrace");
		return 1;
	}
	printf("traces %d\n", pid);
	fflush(stdout);
	for (;;)
		pause();
}
