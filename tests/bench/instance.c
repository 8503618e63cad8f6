/* instance.c: starts and ends inits in namespaces. */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

enum { PATIENCE_MS = 10000 };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void pause_us(long us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot pin to a processor");
}

int other_cpu(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;
}

void sample(const char *metric, const struct init *init, double value)
{
	printf("%s\t%s\t%.2f\n", metric, init->name, value);
}

/* BENCH_STEP is the line's beginning, where there is a terminal to show it on. */
void progress(int done, int all)
{
	const char *step = getenv("BENCH_STEP");

	if (step)
		fprintf(stderr, "\r\033[K%s: %d %%", step, done * 100 / all);
}

void leave_out(struct init *init, const char *why)
{
	init->left_out = true;
	fprintf(stderr, "%s%s is left out from here on: %s\n",
		getenv("BENCH_STEP") ? "\r\033[K" : "", init->name, why);
}

void inits_read(struct inits *inits, int argc, char **argv)
{
	int option;

	memset(inits, 0, sizeof(*inits));
	while ((option = getopt(argc, argv, "n:")) == 'n')
		inits->number = atol(optarg);
	if (optind + 1 >= argc || inits->number < 1 || argc - optind - 1 > MOST_INITS) {
		fprintf(stderr, "usage: %s -n NUMBER PROGRAM NAME=COMMAND...\n", argv[0]);
		exit(2);
	}
	inits->program = argv[optind];
	while (++optind < argc) {
		struct init *init = &inits->list[inits->count++];
		char *command = strchr(argv[optind], '=');

		if (!command) {
			fprintf(stderr, "%s: no NAME=COMMAND: %s\n", argv[0], argv[optind]);
			exit(2);
		}
		*command++ = 0;
		init->name = argv[optind];
		init->floor = strcmp(init->name, "floor") == 0;
		for (char *word = strtok(command, " "); word && init->count < MOST_ARGUMENTS - 3;
		     word = strtok(NULL, " "))
			init->arguments[init->count++] = word;
	}
	/* A pause of 100 µs is to be one. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	signal(SIGPIPE, SIG_IGN);
	/* A pipe's reader may not see a line before the end. */
	setvbuf(stdout, NULL, _IOLBF, 0);
}

struct init *inits_turn(struct inits *inits, int round, int turn)
{
	int place = round % 2 ? inits->count - 1 - turn : turn;

	return &inits->list[(place + round / 2) % inits->count];
}

/* Puts a descriptor in its place; nothing but 0, 1 and 2 outlives the exec. */
static void place(int fd, int where)
{
	if (dup2(fd, where) < 0)
		_exit(125);
}

static _Noreturn void be_init(struct instance *instance, char **arguments, int in, int out,
			      int gate, int cpu)
{
	static char path[] = "PATH=/usr/bin:/bin";
	char *environment[] = { path, NULL };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		_exit(125);
	place(in, STDIN_FILENO);
	place(out, STDOUT_FILENO);
	place(null, STDERR_FILENO);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	pin(cpu);
	if (read(gate, &byte, 1) != 1)
		_exit(125);
	*instance->started = now();
	execve(arguments[0], arguments, environment);
	_exit(126);
}

void instance_make(struct instance *instance, struct inits *inits, struct init *init,
		   const char *mode, int cpu)
{
	int to[2], from[2], gate[2];
	char *arguments[MOST_ARGUMENTS], path[64];
	static uint64_t *started;

	if (!started) {
		started = mmap(NULL, sizeof(*started), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (started == MAP_FAILED)
			die("mmap");
	}
	memcpy(arguments, init->arguments, sizeof(arguments));
	arguments[init->count] = inits->program;
	arguments[init->count + 1] = (char *)mode;
	arguments[init->count + 2] = NULL;
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) || pipe2(gate, O_CLOEXEC))
		die("pipe");
	*instance = (struct instance){ .init = init, .started = started };
	fflush(stdout);
	instance->pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
	if (instance->pid < 0)
		die("cannot make namespaces (only root can)");
	if (instance->pid == 0) {
		/* The gate is to end with the driver. */
		close(gate[1]);
		be_init(instance, arguments, to[0], from[1], gate[0], cpu);
	}
	close(to[0]);
	close(from[1]);
	close(gate[0]);
	instance->to = to[1];
	instance->from = from[0];
	instance->gate = gate[1];
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", instance->pid);
	instance->mounts = open(path, O_RDONLY | O_CLOEXEC);
}

void instance_go(struct instance *instance)
{
	if (write(instance->gate, "g", 1) != 1)
		leave_out(instance->init, "it could not be started");
	close(instance->gate);
}

bool instance_read(struct instance *instance, void *data, size_t size)
{
	for (size_t got = 0; got < size;) {
		struct pollfd ready = { instance->from, POLLIN, 0 };
		ssize_t length = -1;

		if (poll(&ready, 1, PATIENCE_MS) == 1)
			length = read(instance->from, (char *)data + got, size - got);
		if (length <= 0)
			return false;
		got += (size_t)length;
	}
	return true;
}

bool instance_start(struct instance *instance, struct inits *inits, struct init *init,
		    const char *mode, int cpu)
{
	char ready;

	instance_make(instance, inits, init, mode, cpu);
	instance_go(instance);
	if (instance_read(instance, &ready, 1) && ready == 'r')
		return true;
	leave_out(init, "its main child was never ready");
	instance_kill(instance);
	return false;
}

bool instance_ask(struct instance *instance, int what, int count, int *answer)
{
	struct order order = { what, count };

	return write(instance->to, &order, sizeof(order)) == sizeof(order) &&
	       instance_read(instance, answer, sizeof(*answer));
}

void instance_close(struct instance *instance)
{
	close(instance->to);
	close(instance->from);
	close(instance->mounts);
}

bool instance_await(struct instance *instance)
{
	int status = -1;
	sigset_t child, old;
	struct timespec patience = { PATIENCE_MS / 1000, 0 };

	/* Blocked, SIGCHLD is pending from the death on, so that no time is lost by looking. */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &old);
	for (;;) {
		if (waitpid(instance->pid, &status, WNOHANG) == instance->pid)
			break;
		if (sigtimedwait(&child, NULL, &patience) < 0 && errno == EAGAIN) {
			kill(instance->pid, SIGKILL);
			waitpid(instance->pid, &status, 0);
			break;
		}
	}
	instance->pid = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return status == 0;
}

void instance_kill(struct instance *instance)
{
	if (instance->pid == 0)
		return;
	kill(instance->pid, SIGKILL);
	while (waitpid(instance->pid, NULL, 0) < 0 && errno == EINTR)
		;
	instance->pid = 0;
	instance_close(instance);
}

uint64_t instance_cpu(const struct instance *instance)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(instance->pid, &clock) || clock_gettime(clock, &time))
		return 0;
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}
