/*
 * zombie_parent: a parent asleep, with children that end before it: the zombie experiment.
 *
 *   zombie_parent [-n CHILDREN] [-c CHILD_MS] [-p PARENT_MS] MODE
 *
 *   never     does not wait; ends after PARENT_MS (0: never), and its zombies are inherited
 *   handler   waits in a handler of SIGCHLD, as the kernel's signal asks for
 *   request   does not wait until SIGUSR1 comes, then waits for all
 *   first     ends before its children: after PARENT_MS, they CHILD_MS later
 *
 * Children end CHILD_MS (0) after their birth, with status 0. Prints "parent PID", "child PID" for
 * each, and "reaped PID" for each that it waited for.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t asked;

static void sleep_ms(long ms)
{
	struct timespec rest = { ms / 1000, ms % 1000 * 1000000 };

	/* SIGCHLD cuts a sleep short; the time that is left goes on. */
	while (nanosleep(&rest, &rest) && errno == EINTR && !asked)
		;
}

static void reap_all(void)
{
	char line[32];
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		int length = snprintf(line, sizeof(line), "reaped %d\n", pid);

		if (write(STDOUT_FILENO, line, (size_t)length) < 0)
			return;
	}
}

static void on_child(int signo)
{
	int saved = errno;

	(void)signo;
	reap_all();
	errno = saved;
}

static void on_request(int signo)
{
	(void)signo;
	asked = 1;
}

int main(int argc, char **argv)
{
	long children = 1, child_ms = 0, parent_ms = 0;
	struct sigaction action = { .sa_flags = 0 };
	const char *mode;
	int option;

	while ((option = getopt(argc, argv, "n:c:p:")) != -1) {
		switch (option) {
		case 'n':
			children = atol(optarg);
			break;
		case 'c':
			child_ms = atol(optarg);
			break;
		case 'p':
			parent_ms = atol(optarg);
			break;
		default:
			return 2;
		}
	}
	mode = optind < argc ? argv[optind] : "never";
	setvbuf(stdout, NULL, _IOLBF, 0);
	action.sa_handler = strcmp(mode, "handler") == 0 ? on_child : SIG_DFL;
	sigaction(SIGCHLD, &action, NULL);
	action.sa_handler = on_request;
	sigaction(SIGUSR1, &action, NULL);
	printf("parent %d\n", getpid());
	for (long i = 0; i < children; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("zombie_parent: fork");
			return 1;
		}
		if (pid == 0) {
			signal(SIGUSR1, SIG_DFL);
			sleep_ms(child_ms);
			_exit(0);
		}
		printf("child %d\n", pid);
	}
	do {
		if (parent_ms)
			sleep_ms(parent_ms);
		else if (!asked)
			pause();
		if (asked && strcmp(mode, "request") == 0)
			reap_all();
		asked = 0;
	} while (!parent_ms);
	return 0;
}
