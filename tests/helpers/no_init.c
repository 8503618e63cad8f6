/*
 * no_init PROGRAM [ARG]...: starts PROGRAM and sleeps. It does none of an init's duties: it waits
 * for nobody and passes no signal on. As PID 1 it is what a program in a container often is.
 */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	switch (fork()) {
	case -1:
		perror("no_init: fork");
		return 1;
	case 0:
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	for (;;)
		pause();
}
