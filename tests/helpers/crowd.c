/*
 * crowd [-t] N: has N children (-t: threads) that a signal has to end, prints "N live", and ends with
 * them.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *rest(void *nothing)
{
	pause();
	return nothing;
}

static void start_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 1 << 16);
	if (pthread_create(&thread, &attributes, rest, NULL)) {
		perror("crowd: pthread_create");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int threads = argc > 2 && strcmp(argv[1], "-t") == 0;
	int count = argc > 1 ? atoi(argv[argc - 1]) : 1;

	for (int i = 0; i < count; i++) {
		if (threads) {
			start_thread();
			continue;
		}
		pid_t pid = fork();

		if (pid < 0) {
			perror("crowd: fork");
			return 1;
		}
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	}
	printf("%d live\n", count);
	fflush(stdout);
	for (;;)
		pause();
}
