/*
 * service: the program of a container. It takes orders from stdin, a line each, and answers each
 * by a line that begins with "= ", on stdout:
 *
 *   start PROGRAM [ARG]...  "= started PID", or why it cannot fork; PROGRAM's stdout is service's
 *                           stderr, and service waits for it when it ends
 *   run PROGRAM [ARG]...    the same, but PROGRAM's stdout is service's, and "= ended STATUS"
 *   orphans N               has N processes that lose their parent and end, none of which is its
 *                           own child; "= N orphans have ended"
 *   alive                   "= alive"
 *   end                     ends with status 0, and so does the end of stdin
 *
 * SIGTERM has a handler: it prints "the handler ran" to stderr and ends service with status 7.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_term(int signo)
{
	static const char text[] = "the handler ran\n";

	(void)signo;
	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? 1 : 7);
}

static void on_child(int signo)
{
	int saved = errno;

	(void)signo;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

/* While this holds them, no child is waited for but by name. */
static void hold_child_signals(int how)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(how, &child, NULL);
}

static void start(char **words, int wait_for_it)
{
	pid_t pid;
	int how;

	hold_child_signals(SIG_BLOCK);
	pid = fork();
	if (pid == 0) {
		hold_child_signals(SIG_UNBLOCK);
		if (!wait_for_it)
			dup2(STDERR_FILENO, STDOUT_FILENO);
		close(STDIN_FILENO);
		execvp(words[0], words);
		perror(words[0]);
		_exit(127);
	}
	if (pid < 0)
		printf("= %s\n", strerror(errno));
	else if (!wait_for_it)
		printf("= started %d\n", pid);
	else if (waitpid(pid, &how, 0) == pid)
		printf("= ended %d\n", WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how));
	hold_child_signals(SIG_UNBLOCK);
}

/* The leader of the orphans, itself one of them. It waits until the process between is gone. */
static _Noreturn void lead(int count, int go, int born)
{
	char byte = 1;

	if (read(go, &byte, 1) != 1)
		_exit(1);
	for (int i = 1; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(write(born, &byte, 1) == 1 ? 0 : 1);
		if (pid < 0)
			break;
	}
	_exit(write(born, &byte, 1) == 1 ? 0 : 1);
}

/* Not one PID more is used at any time than the N that stay where nobody waits for them. */
static void orphans(int count)
{
	int go[2], born[2], ended = 0;
	char byte = 1;
	pid_t pid;

	if (pipe(go) || pipe(born)) {
		printf("= %s\n", strerror(errno));
		return;
	}
	hold_child_signals(SIG_BLOCK);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		close(born[0]);
		if (fork() == 0)
			lead(count, go[0], born[1]);
		_exit(0);
	}
	close(go[0]);
	close(born[1]);
	waitpid(pid, NULL, 0);
	hold_child_signals(SIG_UNBLOCK);
	if (write(go[1], &byte, 1) == 1)
		/* The end of the file is the end of the last of them. */
		for (;;) {
			ssize_t got = read(born[0], &byte, 1);

			if (got == 0 || (got < 0 && errno != EINTR))
				break;
			ended += got > 0;
		}
	close(go[1]);
	close(born[0]);
	printf("= %d orphans have ended\n", ended);
}

/* Returns whether there is more to do. */
static int obey(char *line)
{
	char *words[32] = { NULL }, *rest = line, *word;
	int count = 0;

	while (count < 31 && (word = strsep(&rest, " \n")))
		if (*word)
			words[count++] = word;
	if (count == 0)
		return 1;
	if (strcmp(words[0], "end") == 0)
		return 0;
	if (strcmp(words[0], "start") == 0 && count > 1)
		start(words + 1, 0);
	else if (strcmp(words[0], "run") == 0 && count > 1)
		start(words + 1, 1);
	else if (strcmp(words[0], "orphans") == 0 && count == 2)
		orphans(atoi(words[1]));
	else if (strcmp(words[0], "alive") == 0)
		puts("= alive");
	else
		puts("= no such order");
	return 1;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_term };
	char line[512];

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = on_child;
	action.sa_flags = SA_RESTART;
	sigaction(SIGCHLD, &action, NULL);
	while (fgets(line, sizeof(line), stdin))
		if (!obey(line))
			break;
	return 0;
}
