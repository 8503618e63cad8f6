/*
 * leaves: a main child that ends and leaves processes behind.
 *
 *   leaves [-s STATUS] [-m KIND] [KIND]...
 *
 * Starts a process of each KIND, a child each. When all are ready it prints "left MICROSECONDS"
 * (the time of day) and ends with STATUS (0); with -m it becomes a process of that KIND instead.
 * Each process is named after its kind and prints "KIND SIGNAL" for each signal that a handler of
 * its own took.
 *
 *   plain      has no handler
 *   tells      ends at the first signal but SIGCONT, with 0
 *   counts     never ends
 *   ignores    ignores what a handler could take
 *   slow-MS    ends MS after the first signal but SIGCONT
 *   exit-N     like tells, ends with N
 *   stopped    a `tells` that has stopped itself
 *   session    a `tells` in a session of its own
 *   pair       a `counts` in a group of its own, whose child is a `tells` in the same group
 *   deep-N     a chain of N processes, each like `tells`, each the child of the one before
 *   below      an `ignores` whose child is a `tells`, and leaves no zombie
 *   threaded   its first thread has ended; the second one has a child, a `tells`
 *   traced     a `tells` that stands still in the hands of a child of leaves, an `ignores`
 *   vfork      waits in vfork(2) for a child that is an `ignores`
 *   user-UID   a `tells` of that user
 *   forks      at each SIGTERM forks another one and ends; 1,000 in all at the most
 *   bomb-N     a fork bomb: a tree of N that ignore SIGTERM; each whose parent dies forks one more,
 *              N / 10 in all at the most
 */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 1000, ARITY = 3 };

static const int handled[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGCONT, 0 };
static char name[32];
static int ready[2], lasts, ends_with;
static long delay_ms;
static atomic_int *count;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "leaves: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static pid_t fork_or_die(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

static void be_named(const char *kind)
{
	snprintf(name, sizeof(name), "%s", kind);
	prctl(PR_SET_NAME, kind);
}

static void tell(int signo)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "%s %d\n", name, signo);

	if (write(STDOUT_FILENO, line, (size_t)length) < 0)
		_exit(125);
}

static void on_signal(int signo)
{
	struct timespec delay = { delay_ms / 1000, delay_ms % 1000 * 1000000 };

	tell(signo);
	if (lasts || signo == SIGCONT)
		return;
	nanosleep(&delay, NULL);
	_exit(ends_with);
}

static void handle(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigfillset(&action.sa_mask);
	for (int i = 0; handled[i]; i++)
		sigaction(handled[i], &action, NULL);
}

static void be_ready(void)
{
	if (write(ready[1], "r", 1) != 1)
		die("ready");
	close(ready[1]);
}

static _Noreturn void rest(void)
{
	for (;;)
		pause();
}

static _Noreturn void be_tells(void)
{
	handle(on_signal);
	be_ready();
	rest();
}

/* Its child tells that all is ready. */
static void have_child(const char *kind)
{
	if (fork_or_die() == 0) {
		be_named(kind);
		lasts = 0;
		be_tells();
	}
	close(ready[1]);
}

static void be_chain(int length)
{
	handle(on_signal);
	while (--length > 0) {
		if (fork_or_die() > 0) {
			close(ready[1]);
			rest();
		}
	}
	be_ready();
	rest();
}

static void *second_thread(void *first)
{
	pthread_join(*(pthread_t *)first, NULL);
	have_child("its-child");
	rest();
	return NULL;
}

static _Noreturn void be_threaded(void)
{
	static pthread_t first;
	pthread_t second;

	handle(on_signal);
	first = pthread_self();
	if (pthread_create(&second, NULL, second_thread, &first))
		die("thread");
	pthread_exit(NULL);
}

static _Noreturn void be_traced(void)
{
	pid_t pid = fork_or_die();
	int how;

	if (pid == 0) {
		lasts = 0;
		handle(on_signal);
		close(ready[1]);
		rest();
	}
	be_named("tracer");
	handle(SIG_IGN);
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0) ||
	    waitpid(pid, &how, __WALL) != pid)
		die("ptrace");
	be_ready();
	rest();
}

static _Noreturn void be_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		/* In the parent's memory: nothing here may write to it. */
		for (int i = 0; handled[i]; i++)
			signal(handled[i], SIG_IGN);
		prctl(PR_SET_NAME, "its-child");
		be_ready();
		rest();
	}
	rest();
}

static _Noreturn void be_user(int uid)
{
	if (setgroups(0, NULL) && errno != EPERM)
		die("setgroups");
	if (setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid))
		die("setresuid");
	be_tells();
}

static void on_term_fork(int signo)
{
	sigset_t term;

	tell(signo);
	if (atomic_fetch_add(count, 1) >= FORKS || fork() != 0)
		_exit(0);
	/* Here, too, the next SIGTERM is to be taken. */
	sigemptyset(&term);
	sigaddset(&term, signo);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	rest();
}

/* In a handler, because the parent's death is told by a signal. */
static void on_parents_death(int signo)
{
	(void)signo;
	if (atomic_fetch_add(count, 1) < ends_with + ends_with / 10)
		fork();
}

static _Noreturn void be_bomb(int size)
{
	int children = 0;

	ends_with = size;
	handle(SIG_IGN);
	signal(SIGUSR2, on_parents_death);
	prctl(PR_SET_PDEATHSIG, SIGUSR2);
	while (children < ARITY) {
		int number = atomic_fetch_add(count, 1);
		pid_t pid;

		if (number >= size - 1) {
			if (number == size - 1)
				be_ready();
			break;
		}
		pid = fork_or_die();
		children++;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGUSR2);
			children = 0;
		}
	}
	close(ready[1]);
	for (;;) {
		pause();
		/* What was forked in the handler is to be told of its parent's death, too. */
		prctl(PR_SET_PDEATHSIG, SIGUSR2);
	}
}

static _Noreturn void be(const char *kind)
{
	const char *dash = strchr(kind, '-');
	int number = dash ? atoi(dash + 1) : 0;

	be_named(kind);
	if (strcmp(kind, "plain") == 0) {
		be_ready();
		rest();
	} else if (strcmp(kind, "tells") == 0) {
		be_tells();
	} else if (strcmp(kind, "counts") == 0) {
		lasts = 1;
		be_tells();
	} else if (strcmp(kind, "ignores") == 0) {
		handle(SIG_IGN);
		be_ready();
		rest();
	} else if (strncmp(kind, "slow-", 5) == 0) {
		delay_ms = number;
		be_tells();
	} else if (strncmp(kind, "exit-", 5) == 0) {
		ends_with = number;
		be_tells();
	} else if (strcmp(kind, "stopped") == 0) {
		handle(on_signal);
		be_ready();
		raise(SIGSTOP);
		rest();
	} else if (strcmp(kind, "session") == 0) {
		setsid();
		be_tells();
	} else if (strcmp(kind, "pair") == 0) {
		setpgid(0, 0);
		lasts = 1;
		handle(on_signal);
		have_child("its-child");
		rest();
	} else if (strncmp(kind, "deep-", 5) == 0) {
		be_chain(number);
	} else if (strcmp(kind, "below") == 0) {
		handle(SIG_IGN);
		signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
		have_child("its-child");
		rest();
	} else if (strcmp(kind, "threaded") == 0) {
		be_threaded();
	} else if (strcmp(kind, "traced") == 0) {
		be_traced();
	} else if (strcmp(kind, "vfork") == 0) {
		be_vfork();
	} else if (strncmp(kind, "user-", 5) == 0) {
		be_user(number);
	} else if (strcmp(kind, "forks") == 0) {
		signal(SIGTERM, on_term_fork);
		be_ready();
		rest();
	} else if (strncmp(kind, "bomb-", 5) == 0) {
		be_bomb(number);
	}
	fprintf(stderr, "leaves: no such kind: %s\n", kind);
	_exit(125);
}

/* A process that stops itself is told from one that is about to by its parent alone. */
static void wait_until_ready(pid_t pid, const char *kind)
{
	char byte;
	int how;

	if (read(ready[0], &byte, 1) != 1)
		die(kind);
	if (strcmp(kind, "stopped") == 0 &&
	    (waitpid(pid, &how, WUNTRACED) != pid || !WIFSTOPPED(how)))
		die(kind);
}

int main(int argc, char **argv)
{
	const char *becomes = NULL;
	struct timeval now;
	int option, status = 0;

	signal(SIGCHLD, SIG_DFL);
	while ((option = getopt(argc, argv, "+s:m:")) != -1) {
		switch (option) {
		case 's':
			status = atoi(optarg);
			break;
		case 'm':
			becomes = optarg;
			break;
		default:
			return 2;
		}
	}
	/* cppcheck-suppress invalidFunctionArg */
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (count == MAP_FAILED || pipe(ready))
		die("start");
	for (int i = optind; i < argc; i++) {
		pid_t pid = fork_or_die();

		if (pid == 0) {
			close(ready[0]);
			be(argv[i]);
		}
		wait_until_ready(pid, argv[i]);
	}
	gettimeofday(&now, NULL);
	printf("left %lld\n", now.tv_sec * 1000000LL + now.tv_usec);
	fflush(stdout);
	if (becomes)
		be(becomes);
	_exit(status);
}
