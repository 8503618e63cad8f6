/*
 * negligent: a parent that does not wait, and says when its children are zombies.
 *
 *   negligent [-n CHILDREN] [-N NAME] [-Z NAME] [-i] [MODE]
 *
 *   never    never waits (the default)
 *   merged   has a handler that waits for one child per SIGCHLD, and its children ended while the
 *            signal was blocked: one SIGCHLD came for all, so that one is waited for
 *   waits    a good parent: waits for each child as soon as it has ended
 *
 * SIGUSR1 makes CHILDREN more, SIGUSR2 waits for all. -N and -Z name the parent and the children;
 * -i ignores SIGTERM. Prints "PID holds COUNT" after each change.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static long children = 1, held;
static const char *parent_name, *child_name, *mode = "never";

static int is(const char *name)
{
	return strcmp(mode, name) == 0;
}

static void say(void)
{
	printf("%d holds %ld\n", getpid(), held);
	fflush(stdout);
}

static int wait_for_one(int options)
{
	if (waitpid(-1, NULL, options) <= 0)
		return 0;
	held--;
	return 1;
}

static void on_child(int signo)
{
	(void)signo;
	if (wait_for_one(WNOHANG))
		say();
}

static void make_children(void)
{
	siginfo_t info;

	for (long i = 0; i < children; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("negligent: fork");
			exit(1);
		}
		if (pid == 0) {
			if (child_name)
				prctl(PR_SET_NAME, child_name);
			_exit(0);
		}
		held++;
		if (is("waits"))
			wait_for_one(0);
		else
			waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	}
	say();
}

int main(int argc, char **argv)
{
	sigset_t requests, deaths;
	int option, signo;

	while ((option = getopt(argc, argv, "n:N:Z:i")) != -1) {
		switch (option) {
		case 'n':
			children = atol(optarg);
			break;
		case 'N':
			parent_name = optarg;
			break;
		case 'Z':
			child_name = optarg;
			break;
		case 'i':
			signal(SIGTERM, SIG_IGN);
			break;
		default:
			return 2;
		}
	}
	if (optind < argc)
		mode = argv[optind];
	if (parent_name)
		prctl(PR_SET_NAME, parent_name);
	sigemptyset(&requests);
	sigaddset(&requests, SIGUSR1);
	sigaddset(&requests, SIGUSR2);
	sigprocmask(SIG_BLOCK, &requests, NULL);
	sigemptyset(&deaths);
	sigaddset(&deaths, SIGCHLD);
	/* What comes twice while it is blocked comes once. */
	sigprocmask(SIG_BLOCK, &deaths, NULL);
	if (is("merged"))
		signal(SIGCHLD, on_child);
	make_children();
	sigprocmask(SIG_UNBLOCK, &deaths, NULL);
	for (;;) {
		sigwait(&requests, &signo);
		if (signo == SIGUSR1) {
			make_children();
			continue;
		}
		while (wait_for_one(WNOHANG))
			;
		say();
	}
}
