/* Who is below zinit, from the top down, each one pinned while it is looked at. */
#include "descendants.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "log.h"
#include "procfs.h"

/* Below that depth a process is found once those above it have ended and it has been adopted. */
enum { DEEPEST = 100, BATCH = 128 };

struct walk {
	void (*visit)(const struct pinned *process, void *context);
	void *context;
	bool blind; /* could not look below zinit's own children */
};

/* A piece of a list of children: those behind the first `skip`. */
struct batch {
	pid_t pids[BATCH];
	int count, skip;
};

static void collect(pid_t child, void *context)
{
	struct batch *batch = context;

	if (batch->skip > 0)
		batch->skip--;
	else if (batch->count < BATCH)
		batch->pids[batch->count++] = child;
}

/* Where the kernel lists no children: those of all processes whose parent it is. */
struct by_parent {
	pid_t parent;
	struct batch *batch;
};

static void collect_by_parent(pid_t pid, void *context)
{
	struct by_parent *wanted = context;
	struct process process;

	if (procfs_process(pid, &process) && process.parent == wanted->parent)
		collect(pid, wanted->batch);
}

static void list_children(pid_t parent, struct batch *batch, int skip)
{
	batch->count = 0;
	batch->skip = skip;
	if (!procfs_children(parent, collect, batch)) {
		batch->count = 0;
		batch->skip = skip;
		procfs_each(collect_by_parent, &(struct by_parent){ parent, batch });
	}
}

int descendants_pin(pid_t pid)
{
	return descriptors_lift((int)syscall(SYS_pidfd_open, pid, 0));
}

int descendants_signal(const struct pinned *process, int signal)
{
	long result = process->pidfd < 0 ?
			      kill(process->pid, signal) :
			      syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0);

	return result == 0 ? 0 : errno;
}

static bool has_ended(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return poll(&ended, 1, 0) != 0;
}

static void walk_below(struct walk *walk, pid_t parent, int parent_pidfd, int depth);

/* One child of a pinned parent that is not zinit: ours only if it can be pinned as its child. */
static void walk_pinned(struct walk *walk, pid_t pid, pid_t parent, int parent_pidfd, int depth)
{
	struct pinned process = { .pid = pid, .parent = parent, .pidfd = descendants_pin(pid) };
	struct process now;

	if (process.pidfd < 0) {
		if (errno == ENOSYS || errno == EPERM)
			walk->blind = true;
		return;
	}
	if (procfs_process(pid, &now) && now.parent == parent && !has_ended(parent_pidfd)) {
		walk->visit(&process, walk->context);
		walk_below(walk, pid, process.pidfd, depth + 1);
	}
	close(process.pidfd);
}

/* A child of zinit's own is pinned by not being reaped; a pidfd tells when it has ended. */
static void walk_own(struct walk *walk, pid_t pid)
{
	struct pinned process = { .pid = pid, .parent = getpid(), .pidfd = -1 };
	int pidfd;

	walk->visit(&process, walk->context);
	pidfd = descendants_pin(pid);
	if (pidfd < 0) {
		if (errno == ENOSYS || errno == EPERM)
			walk->blind = true;
		return;
	}
	walk_below(walk, pid, pidfd, 1);
	close(pidfd);
}

static void walk_below(struct walk *walk, pid_t parent, int parent_pidfd, int depth)
{
	struct batch batch;
	int seen = 0;

	if (depth > DEEPEST)
		return;
	do {
		list_children(parent, &batch, seen);
		for (int i = 0; i < batch.count; i++) {
			if (parent_pidfd < 0)
				walk_own(walk, batch.pids[i]);
			else
				walk_pinned(walk, batch.pids[i], parent, parent_pidfd, depth);
		}
		seen += batch.count;
	} while (batch.count == BATCH);
}

/*
 * Without a /proc of zinit's own PID namespace: a number is a child's where waitid(2) can look at it
 * (WNOWAIT: and leaves it). Up to the number that systems have as their largest unless told otherwise.
 */
static void walk_by_number(struct walk *walk)
{
	struct pinned process = { .parent = getpid(), .pidfd = -1 };
	siginfo_t info;

	for (process.pid = 2; process.pid <= 32768; process.pid++) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)process.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == 0)
			walk->visit(&process, walk->context);
	}
	walk->blind = true;
}

bool descendants_each(void (*visit)(const struct pinned *process, void *context), void *context)
{
	struct walk walk = { .visit = visit, .context = context };
	static bool warned;

	if (procfs_is_ours())
		walk_below(&walk, getpid(), -1, 0);
	else
		walk_by_number(&walk);
	if (walk.blind && !warned) {
		warned = true;
		log_warning(
			"descendants-hidden",
			"cannot look below zinit's own children (no /proc of this PID namespace, "
			"or no pidfd_open): the others are reached once they are adopted");
	}
	return !walk.blind;
}
