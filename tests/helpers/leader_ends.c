/*
 * leader_ends STATUS: its first thread ends, the process goes on in another one until SIGUSR1
 * comes, then ends with STATUS. In between /proc shows a zombie leader that nobody can wait for.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int status;
static sigset_t awaited;

static void *second_thread(void *nothing)
{
	char path[64], line[256];
	int signo;

	for (;;) {
		FILE *stat;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
		stat = fopen(path, "r");
		if (!stat)
			_exit(2);
		if (!fgets(line, sizeof(line), stat))
			line[0] = 0;
		fclose(stat);
		if (strstr(line, ") Z "))
			break;
		usleep(1000);
	}
	puts("the leader has ended");
	fflush(stdout);
	sigwait(&awaited, &signo);
	_exit(status);
	return nothing;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	status = argc > 1 ? atoi(argv[1]) : 0;
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGUSR1);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	if (pthread_create(&thread, NULL, second_thread, NULL))
		return 2;
	pthread_exit(NULL);
}
