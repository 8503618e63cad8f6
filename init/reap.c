/* Reaping: every zombie that is ours goes. */
#include "reap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "descriptors.h"
#include "log.h"
#include "pages.h"
#include "procfs.h"

static pid_t reap_one(struct reaper *reaper, pid_t which);

void reap_all(struct reaper *reaper)
{
	unsigned long long count = 0;
	pid_t pid;

	while ((pid = reap_one(reaper, -1)) > 0)
		count++;
	reaper->childless = pid < 0 && errno == ECHILD;
	if (count > reaper->account->most_at_once)
		reaper->account->most_at_once = count;
}

bool reap_main_runs(const struct reaper *reaper)
{
	return reaper->main_child > 0 && reaper->main_status == STILL_RUNNING;
}

/* The next dead child, left a zombie while its name is read. */
static pid_t peek(pid_t which, char name[PROCFS_NAME])
{
	siginfo_t info = { .si_pid = 0 };
	const idtype_t type = which == -1 ? P_ALL : P_PID;

	/* Before Linux 4.7 waitid(2) did not know __WALL. */
	if (waitid(type, (id_t)which, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 &&
	    (errno != EINVAL || waitid(type, (id_t)which, &info, WEXITED | WNOHANG | WNOWAIT) != 0))
		return -1;
	if (info.si_pid > 0)
		procfs_name(info.si_pid, name);
	return info.si_pid;
}

/*
 * Reaps one child, `which` or any (-1). __WALL, because a child whose clone used another exit
 * signal than SIGCHLD is invisible without it. Returns as wait4(2) does.
 */
static pid_t reap_one(struct reaper *reaper, pid_t which)
{
	struct rusage usage;
	char name[PROCFS_NAME];
	int status;
	pid_t pid;

	if (reaper->says_orphans || reaper->main_dead) {
		pid = peek(which, name);
		if (pid <= 0)
			return pid;
		which = pid;
		if (pid == reaper->main_child && reaper->main_dead)
			reaper->main_dead(reaper->context);
	}
	pid = wait4(which, &status, WNOHANG | __WALL, reaper->wants_usage ? &usage : NULL);
	if (pid <= 0)
		return pid;
	if (pid == reaper->main_child) {
		reaper->main_status = status;
		if (reaper->wants_usage)
			reaper->account->main_usage = usage;
		return pid;
	}
	reaper->account->reaped++;
	if (reaper->says_orphans)
		account_say_orphan(pid, name, status, &usage);
	return pid;
}

/*
 * The crowd. wait4(-1) walks the list of all children, the living too: 15 ns for each here, which
 * is 0.3 ms of CPU for each zombie beside 10,000 live adopted children (measured 2026-11-24: every
 * peer, and a libc-free floor, pays 49 us more a zombie for each 1,000). The signalfd record names
 * the child, and waiting for one pid is a hash look-up (kernel/exit.c, do_wait_pid()). So where a
 * drain turns out to be dear, the named child is reaped at once and the drain, owed for those whose
 * SIGCHLD was merged, is put off: drains take a thirtieth of a CPU or so and come within 50 ms.
 */
enum {
	DEAR = 10000, /* ns for one call of wait4(-1): about 500 live children */
	SHARE = 48, /* a drain waits for so many times what a call of the last one took */
	LONGEST = 45 * 1000000, /* ns; with the drain itself below 50 ms */
	GIVE_UP = 4, /* so many dear calls in a row, and the list is read instead */
};

/*
 * Reaps by pid from /proc/thread-self/children: a piece of the list is read whole before the first
 * reap, because the kernel finds its place in the list by counting (fs/proc/array.c,
 * get_children_pid()) and would skip entries. A list longer than the buffer is read on while
 * nothing in a piece was dead, and from its start again after a reap.
 * Returns false where there is no such file.
 */
static bool reap_by_list(struct reaper *reaper)
{
	/* On pages of its own, like all large buffers: untouched, they cost nothing. */
	static char list[1 << 17] ON_OWN_PAGES;
	unsigned long long count = 0;
	bool again = true;
	int fd = descriptors_open("/proc/thread-self/children", O_RDONLY, 0);

	if (fd < 0)
		return false;
	while (again) {
		size_t length = 0, used = 0;
		ssize_t got = 1;

		again = false;
		lseek(fd, 0, SEEK_SET);
		while (got > 0 && !again) {
			pid_t pid = 0;

			while (length < sizeof(list) &&
			       (got = read(fd, list + length, sizeof(list) - length)) > 0)
				length += (size_t)got;
			used = 0;
			for (size_t i = 0; i < length; i++) {
				if (list[i] != ' ') {
					pid = pid * 10 + (list[i] - '0');
					continue;
				}
				if (reap_one(reaper, pid) > 0) {
					count++;
					again = got > 0;
				}
				pid = 0;
				used = i + 1;
			}
			for (size_t i = used; i < length; i++)
				list[i - used] = list[i];
			length -= used;
		}
	}
	close(fd);
	if (count > reaper->account->most_at_once)
		reaper->account->most_at_once = count;
	return true;
}

/* A wait that failed in a way that nobody foresaw is said once, and tried again without spinning. */
static void mend(struct reaper *reaper)
{
	if (!reaper->failed)
		log_error("wait-failed", "cannot reap: %e{errno}; trying again", errno);
	reaper->failed = true;
	reaper->due = clock_now() + LONGEST;
}

/* What a call takes at the moment that walks no list, in ns. */
static int64_t plain_call(void)
{
	int64_t begun = clock_now();

	(void)getpid();
	return clock_now() - begun;
}

void reap_calibrate(struct reaper *reaper)
{
	reaper->dear = 8 * plain_call();
}

static bool is_dear(const struct reaper *reaper, int64_t cost)
{
	return cost > DEAR && cost > reaper->dear;
}

/*
 * Is a call that took `cost` ns dear because of a crowd, or is every call dear at the moment (a
 * tracer, a busy machine)? A plain one tells; what is no crowd is not asked again for a while.
 */
static bool is_crowd(struct reaper *reaper, int64_t cost)
{
	if (!is_dear(reaper, cost))
		return false;
	if (cost > 8 * plain_call())
		return true;
	reaper->dear = 4 * cost;
	return false;
}

/* Drains, and learns whether draining is dear; of no interest before the first orphan. */
static void drain(struct reaper *reaper)
{
	int64_t begun = reaper->account->reaped ? clock_now() : 0;
	int64_t calls = 1, cost, end;
	unsigned long long count = 0;
	pid_t pid;

	reaper->due = 0;
	for (; (pid = reap_one(reaper, -1)) > 0; calls++) {
		count++;
		if (calls % GIVE_UP)
			continue;
		if (begun && is_crowd(reaper, (clock_now() - begun) / calls) &&
		    reap_by_list(reaper))
			break;
		if (!begun) {
			begun = clock_now();
			calls = 0;
		}
	}
	reaper->childless = pid < 0 && errno == ECHILD;
	if (count > reaper->account->most_at_once)
		reaper->account->most_at_once = count;
	if (pid < 0 && errno != ECHILD)
		mend(reaper);
	if (!begun)
		return;
	end = clock_now();
	cost = (end - begun) / calls;
	if (cost <= DEAR)
		reaper->dear -= reaper->dear / 8;
	/* Twice in a row, since a drain may have been preempted; so may this one: at most doubled. */
	reaper->crowded = reaper->suspect && is_crowd(reaper, cost);
	reaper->suspect = is_dear(reaper, cost);
	if (reaper->cost && cost > 2 * reaper->cost)
		cost = 2 * reaper->cost;
	reaper->cost = cost;
	reaper->not_before = end + (cost > LONGEST / SHARE ? LONGEST : cost * SHARE);
}

void reap_child(struct reaper *reaper, const struct signalfd_siginfo *record)
{
	pid_t named = (pid_t)record->ssi_pid;

	if (!reaper->crowded) {
		reaper->due = -1; /* at once, when the batch of records has been read */
		return;
	}
	/* Anybody can queue a SIGCHLD (SI_USER, SI_QUEUE); the kernel's own has a CLD_ code. */
	if (named > 0 && (record->ssi_code == CLD_EXITED || record->ssi_code == CLD_KILLED ||
			  record->ssi_code == CLD_DUMPED))
		reap_one(reaper, named);
	if (reaper->due == 0)
		reaper->due = reaper->not_before;
}

void reap_owed(struct reaper *reaper, int64_t now)
{
	if (reaper->due && now >= reaper->due)
		drain(reaper);
	else if (reaper->due > 0 && reap_main_runs(reaper))
		reap_one(reaper, reaper->main_child);
}
