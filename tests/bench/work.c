/*
 * work MODE: the main child of an init under measurement. It says "r" when it is ready.
 *
 *   rest     ends at SIGTERM, or with its stdin
 *   signals  the same, and writes the time at which SIGUSR1's handler runs, each time
 *   burst    counts queued signals with the values 1, 2, ... until none comes for half a second, and
 *            answers with a struct burst
 *   orphans  gives the init children, as work.h's orders say
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

static pid_t ended[BURST_MOST];

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void answer(const void *data, size_t size)
{
	if (write(STDOUT_FILENO, data, size) != (ssize_t)size)
		_exit(1);
}

static void on_term(int signo)
{
	(void)signo;
	_exit(0);
}

static void on_usr1(int signo)
{
	uint64_t time = now();

	(void)signo;
	answer(&time, sizeof(time));
}

static void handle(int signo, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigaction(signo, &action, NULL);
}

static int rest(void)
{
	char byte;

	handle(SIGTERM, on_term);
	answer("r", 1);
	return read(STDIN_FILENO, &byte, 1) != 0;
}

static int count_burst(void)
{
	struct burst burst = { 0, 0 };
	struct timespec patience = { 5, 0 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, BURST_SIGNAL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	answer("r", 1);
	while (sigtimedwait(&set, &info, &patience) == BURST_SIGNAL) {
		patience = (struct timespec){ 0, 500000000 };
		burst.arrived++;
		/* Only those that come in order and whole count. */
		if (info.si_code == SI_QUEUE && info.si_value.sival_int == burst.with_value + 1)
			burst.with_value++;
	}
	answer(&burst, sizeof(burst));
	return rest();
}

static _Noreturn int live(void *nothing)
{
	(void)nothing;
	for (;;)
		pause();
}

static _Noreturn int end(void *nothing)
{
	(void)nothing;
	_exit(0);
}

/*
 * With CLONE_PARENT the init gets a child as it gets an orphan, without a process in between. They
 * share this one's memory, so that ten thousand of them have room.
 */
static pid_t give(int (*life)(void *), char *stack, int more)
{
	return clone(life, stack, CLONE_PARENT | CLONE_VM | more | SIGCHLD, NULL);
}

static int give_living(int count)
{
	enum { STACK = 2048 };
	char *stacks = malloc((size_t)count * STACK);

	for (int i = 0; i < count; i++)
		if (!stacks || give(live, stacks + (size_t)(i + 1) * STACK, 0) < 0)
			return i;
	return count;
}

static void await_reaped(pid_t pid)
{
	/* Yields, as the init may need this processor to go on. */
	while (kill(pid, 0) == 0)
		sched_yield();
}

static int give_ended(int count, int one_by_one)
{
	static char stack[65536];
	struct timespec between = { 0, 100000 };

	for (int i = 0; i < count; i++) {
		pid_t pid = give(end, stack + sizeof(stack), CLONE_VFORK);

		if (pid < 0)
			return i;
		ended[i] = pid;
		if (one_by_one) {
			await_reaped(pid);
			nanosleep(&between, NULL);
		}
	}
	return count;
}

static int await_all_reaped(int count)
{
	struct timespec between = { 0, 200000 };

	for (int i = 0; i < count; i++)
		while (kill(ended[i], 0) == 0)
			nanosleep(&between, NULL);
	return count;
}

static int give_orphans(void)
{
	struct order order;

	prctl(PR_SET_TIMERSLACK, 1UL);
	handle(SIGTERM, on_term);
	answer("r", 1);
	while (read(STDIN_FILENO, &order, sizeof(order)) == sizeof(order)) {
		int done = -1;

		if (order.what == LIVE)
			done = give_living(order.count);
		else if (order.count <= BURST_MOST)
			done = order.what == GONE ?
				       await_all_reaped(order.count) :
				       give_ended(order.count, order.what == ONE_BY_ONE);
		answer(&done, sizeof(done));
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc == 2 ? argv[1] : "";

	if (strcmp(mode, "rest") == 0)
		return rest();
	if (strcmp(mode, "signals") == 0) {
		handle(SIGUSR1, on_usr1);
		return rest();
	}
	if (strcmp(mode, "burst") == 0)
		return count_burst();
	if (strcmp(mode, "orphans") == 0)
		return give_orphans();
	fputs("usage: work rest|signals|burst|orphans\n", stderr);
	return 2;
}
