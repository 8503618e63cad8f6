/* Held zombies: one walk over /proc finds them and who holds them; two walks tell which stay. */
#include "held.h"

#include <string.h>
#include <unistd.h>

#include "pages.h"

struct zombie {
	pid_t pid;
	pid_t tracer; /* 0: none that matters */
	unsigned long long start;
	int64_t since;
};

/* The zombies of one walk, by rising PID, as /proc lists them (next_tgid() in the kernel). */
struct generation {
	struct zombie zombies[HELD_ZOMBIES];
	unsigned count;
};

struct walk {
	pid_t self;
	int64_t now;
	bool exact;
	long long user;
	struct generation *before, *after;
	unsigned at; /* in `before`: nothing below it can still be met */
	unsigned last; /* the holder that the last zombie had */
};

static struct held held ON_OWN_PAGES;
static struct generation generations[2] ON_OWN_PAGES;

static const struct zombie *known(struct walk *walk, const struct process *process)
{
	const struct generation *before = walk->before;

	while (walk->at < before->count && before->zombies[walk->at].pid < process->pid)
		walk->at++;
	if (walk->at < before->count && before->zombies[walk->at].pid == process->pid &&
	    before->zombies[walk->at].start == process->start)
		return &before->zombies[walk->at];
	return NULL;
}

/* A tracer that is the parent itself takes nothing from anybody. */
static pid_t find_tracer(const struct process *process)
{
	long long tracer = procfs_status(process->pid, "TracerPid");

	return tracer > 0 && tracer != process->parent ? (pid_t)tracer : 0;
}

/*
 * Notes the zombie for the next walk. It is asked for its tracer once, and as long as it has one:
 * nobody can begin to trace a zombie (ptrace_attach() in the kernel).
 */
static struct zombie note_zombie(struct walk *walk, const struct process *process,
				 const struct zombie *before)
{
	struct generation *after = walk->after;
	struct zombie zombie = { .pid = process->pid, .start = process->start, .since = walk->now };

	if (before)
		zombie = *before;
	if (after->count == HELD_ZOMBIES) {
		held.full = true;
		return zombie;
	}
	if (!before || before->tracer)
		zombie.tracer = find_tracer(process);
	after->zombies[after->count++] = zombie;
	return zombie;
}

static struct holder *find_holder(struct walk *walk, pid_t pid, bool traces)
{
	struct holder *holder = &held.holders[walk->last];

	/* A holder's zombies often follow each other. */
	if (walk->last < held.count && holder->pid == pid && holder->traces == traces)
		return holder;
	for (walk->last = 0; walk->last < held.count; walk->last++) {
		holder = &held.holders[walk->last];
		if (holder->pid == pid && holder->traces == traces)
			return holder;
	}
	if (held.count == HELD_HOLDERS) {
		held.full = true;
		return NULL;
	}
	holder = &held.holders[held.count++];
	*holder = (struct holder){ .pid = pid, .traces = traces };
	return holder;
}

static void add_zombie(struct walk *walk, const struct process *process)
{
	const struct zombie *before = known(walk, process);
	struct zombie zombie = note_zombie(walk, process, before);
	pid_t pid = zombie.tracer ? zombie.tracer : process->parent;
	struct holder *holder;

	held.zombies_held++;
	held.zombies_stale += before != NULL;
	holder = find_holder(walk, pid, zombie.tracer != 0);
	if (!holder)
		return;
	holder->zombies++;
	holder->stale += before != NULL;
	if (holder->zombies == 1 ||
	    (before && (holder->stale == 1 || zombie.since < holder->since))) {
		holder->zombie = process->pid;
		holder->zombie_start = process->start;
		holder->since = zombie.since;
		memcpy(holder->zombie_name, process->name, sizeof(process->name));
	}
}

/* Real user and threads of each, as RLIMIT_NPROC counts them. */
static void count_for_user(const struct walk *walk, pid_t pid, int threads)
{
	if (procfs_status(pid, "Uid") == walk->user)
		held.user_threads += (unsigned)threads;
}

static void look(pid_t pid, void *context)
{
	struct walk *walk = context;
	struct process process;

	held.processes++;
	if (!walk->exact && procfs_has_memory(pid))
		return;
	if (!procfs_process(pid, &process))
		return;
	if (process.threads < 1)
		process.threads = 1;
	held.threads += (unsigned)process.threads;
	if (walk->user >= 0)
		count_for_user(walk, pid, process.threads);
	if (process.state != 'Z' || process.threads > 1)
		return;
	held.zombies++;
	if (process.parent != walk->self)
		add_zombie(walk, &process);
}

/* Leaves out who held nothing any more at the last walk. */
static void forget_cured(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < held.count; i++) {
		struct holder *holder = &held.holders[i];

		if (!holder->zombies)
			continue;
		holder->zombies = holder->stale = 0;
		if (kept != i)
			held.holders[kept] = *holder;
		kept++;
	}
	held.count = kept;
}

/* A PID may have gone to another process since the last walk. */
static void name_holder(struct holder *holder)
{
	struct process process;

	if (!procfs_process(holder->pid, &process)) {
		if (!holder->name[0])
			memcpy(holder->name, "?", 2);
		return;
	}
	if (holder->start && holder->start != process.start) {
		holder->warned = holder->cures = 0;
		holder->kill_at = 0;
		holder->refused = false;
		holder->ours = OURS_UNKNOWN;
	}
	holder->start = process.start;
	memcpy(holder->name, process.name, sizeof(process.name));
}

struct held *held_walk(int64_t now, bool exact, long long user)
{
	static unsigned current;
	struct walk walk = { .self = getpid(),
			     .now = now,
			     .exact = exact || user >= 0,
			     .user = user,
			     .before = &generations[current],
			     .after = &generations[!current] };

	held.processes = held.threads = held.user_threads = 0;
	held.zombies = held.zombies_held = held.zombies_stale = 0;
	held.full = false;
	forget_cured();
	walk.after->count = 0;
	if (!procfs_each(look, &walk))
		return NULL;
	current = !current;
	for (unsigned i = 0; i < held.count; i++)
		if (held.holders[i].zombies)
			name_holder(&held.holders[i]);
	return &held;
}

bool held_still(const struct holder *holder)
{
	struct process zombie;

	return procfs_process(holder->zombie, &zombie) && zombie.start == holder->zombie_start &&
	       zombie.state == 'Z' && zombie.parent == holder->pid;
}

const struct holder *held_most(const struct held *held_now)
{
	const struct holder *most = NULL;

	for (unsigned i = 0; i < held_now->count; i++)
		if (held_now->holders[i].zombies &&
		    (!most || held_now->holders[i].zombies > most->zombies))
			most = &held_now->holders[i];
	return most;
}
