/*
 * recycle: PIDs that go from zinit's descendants to strangers.
 *
 *   recycle FILE churn WORKERS     a main child: WORKERS ignore SIGTERM, and have children all the
 *                                  time that end soon. FILE notes each PID that is free again.
 *                                  Ends with status 7 at SIGUSR1, without its workers.
 *   recycle FILE strangers COUNT   keeps COUNT processes, of which some end and others come all the
 *                                  time. One that gets the PID of a dead descendant prints "reused
 *                                  PID" and stays (40 do). At SIGUSR1 all end, and "COUNT came,
 *                                  COUNT were hit" is printed, before that "hit PID by SIGNAL" for
 *                                  each that any signal has reached.
 *   recycle - takes PID            a process of that number, which is free, and its child; prints
 *                                  "took PID with CHILD" and "hit PID by SIGNAL" for either
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIDS = 1 << 15, STAY = 40 };

struct shared {
	atomic_int staying;
	atomic_char freed[PIDS]; /* it was a descendant's, who is dead and reaped */
};

static struct shared *shared;

static _Noreturn void die(const char *what)
{
	perror(what);
	_exit(125);
}

static void sleep_us(long us)
{
	const struct timespec rest = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&rest, NULL);
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/* What has reached a process that blocks all stands in its pending set; 0: nothing. */
static int signal_that_came(int awaited)
{
	sigset_t pending;

	sigpending(&pending);
	for (int signo = 1; signo < SIGRTMIN; signo++)
		if (signo != SIGCHLD && signo != awaited && sigismember(&pending, signo) == 1)
			return signo;
	return 0;
}

static int is_asked_to_end(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGUSR1);
}

static _Noreturn void work(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0) {
			atomic_store(&shared->freed[getpid()], 0);
			sleep_us(getpid() % 4 * 15000);
			_exit(0);
		}
		if (pid > 0 && waitpid(pid, NULL, 0) == pid)
			atomic_store(&shared->freed[pid], 1);
		sleep_us(1000);
	}
}

static int churn(int workers)
{
	for (int i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid == 0)
			work();
		if (pid < 0)
			die("recycle: fork");
	}
	puts("churns");
	fflush(stdout);
	while (!is_asked_to_end())
		sleep_us(1000);
	return 7;
}

/* Half of them have a child, which has their own fate. */
static _Noreturn void be_stranger(int until_told)
{
	char line[32], byte;
	pid_t pid = getpid(), child = pid % 2 ? fork() : -1;
	int status = 0;

	if (child == 0)
		pid = getpid();

	if (atomic_load(&shared->freed[pid]) && atomic_fetch_add(&shared->staying, 1) < STAY) {
		int length = snprintf(line, sizeof(line), "reused %d\n", pid);

		if (write(STDOUT_FILENO, line, (size_t)length) < 0 ||
		    read(until_told, &byte, 1) < 0)
			_exit(125);
	} else {
		sleep_us(5000 + pid % 16 * 5000);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		_exit(WTERMSIG(status));
	_exit(status ? WEXITSTATUS(status) : signal_that_came(0));
}

static int strangers(int wanted)
{
	long came = 0, hit = 0;
	int living = 0, until_told[2];

	if (pipe(until_told))
		die("recycle: pipe");
	while (living || !is_asked_to_end()) {
		int status, own;
		pid_t pid;

		while (living < wanted && !is_asked_to_end()) {
			pid = fork();
			if (pid == 0) {
				close(until_told[1]);
				be_stranger(until_told[0]);
			}
			if (pid < 0) /* all numbers are in use */
				break;
			came++;
			living++;
		}
		if (is_asked_to_end() && until_told[1] >= 0) {
			close(until_told[1]);
			until_told[1] = -1;
		}
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			living--;
			if (status == 0)
				continue;
			hit++;
			printf("hit %d by %d\n", pid,
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		}
		own = signal_that_came(SIGUSR1);
		if (own) {
			hit++;
			printf("hit %d by %d\n", getpid(), own);
			break;
		}
		sleep_us(1000);
	}
	printf("%ld came, %ld were hit\n", came, hit);
	return hit != 0;
}

static _Noreturn void tell_hits(void)
{
	sigset_t all;
	int signo;

	sigfillset(&all);
	for (;;)
		if (sigwait(&all, &signo) == 0 && signo != SIGCHLD) {
			printf("hit %d by %d\n", getpid(), signo);
			fflush(stdout);
		}
}

/* The kernel gives out the next free number above the last one. */
static int take(int wanted)
{
	char last[16];
	int length = snprintf(last, sizeof(last), "%d", wanted - 1);

	for (int tries = 0; tries < 100; tries++) {
		int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
		pid_t pid;

		if (fd < 0 || write(fd, last, (size_t)length) != length)
			die("recycle: ns_last_pid");
		close(fd);
		pid = fork();
		if (pid == 0) {
			pid_t child;

			if (getpid() != wanted)
				_exit(0);
			child = fork();
			if (child == 0)
				tell_hits();
			printf("took %d with %d\n", wanted, child);
			fflush(stdout);
			tell_hits();
		}
		if (pid == wanted)
			return waitpid(pid, NULL, 0) != pid;
		waitpid(pid, NULL, 0);
	}
	fprintf(stderr, "recycle: cannot take %d\n", wanted);
	return 1;
}

int main(int argc, char **argv)
{
	int fd, count = argc == 4 ? atoi(argv[3]) : 0;

	if (count <= 0)
		return 2;
	if (strcmp(argv[2], "takes") == 0) {
		block_all();
		return take(count);
	}
	fd = open(argv[1], O_RDWR | O_CREAT, 0666);
	if (fd < 0 || ftruncate(fd, sizeof(*shared)))
		die(argv[1]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		die("recycle: mmap");
	close(fd);
	signal(SIGCHLD, SIG_DFL);
	block_all();
	return strcmp(argv[2], "churn") == 0 ? churn(count) : strangers(count);
}
