/*
 * orphans: makes orphans by forking twice.
 *
 *   orphans N         N that end at once, with status 0 to 255 in turn; returns when all have
 *                     ended (they hold a pipe open until then) and prints "N orphans have ended"
 *   orphans -l N      N that live until a signal ends them; returns when all have lost their
 *                     parent and prints "N orphans live"
 *   -s STATUS         the status of orphans itself (0)
 *   -o STATUS         the status of every orphan
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_orphan(int live, int status)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("orphans: fork");
		_exit(1);
	}
	if (pid == 0) {
		pid = fork();
		if (pid == 0) {
			while (live)
				pause();
			_exit(status);
		}
		_exit(pid < 0 ? 1 : 0);
	}
	int how;

	if (waitpid(pid, &how, 0) != pid || how != 0) {
		fputs("orphans: the middle process could not fork\n", stderr);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int live = 0, own_status = 0, orphan_status = -1, option, count, ends[2];
	char byte;

	signal(SIGCHLD, SIG_DFL);
	while ((option = getopt(argc, argv, "ls:o:")) != -1) {
		switch (option) {
		case 'l':
			live = 1;
			break;
		case 's':
			own_status = atoi(optarg);
			break;
		case 'o':
			orphan_status = atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	count = optind < argc ? atoi(argv[optind]) : 1;
	if (pipe(ends))
		return 1;
	for (int i = 0; i < count; i++)
		make_orphan(live, orphan_status < 0 ? i % 256 : orphan_status);
	close(ends[1]);
	while (!live && read(ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	printf("%d orphans %s\n", count, live ? "live" : "have ended");
	fflush(stdout);
	return own_status;
}
