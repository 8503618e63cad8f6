/*
 * The watch: held zombies and PIDs running out.
 *
 * A parent that holds the same zombie at two ticks is negligent. What then happens to it, tick by
 * tick, with --on-held-zombies:
 *
 *   warn              one warning; again when the zombies have doubled; one line when it is cured
 *   sigchld           the same, and SIGCHLD at each tick
 *   terminate-parent  SIGCHLD at two ticks, SIGTERM at the third, SIGKILL after the grace; not the
 *                     main child, whose end would be everybody's
 *
 * A SIGCHLD helps a parent that has a handler and lost one of several that came at once; it wakes
 * nobody else. When the parent ends, the kernel gives its zombies to zinit, which waits for them.
 */
#include "watch.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "descendants.h"
#include "held.h"
#include "log.h"
#include "pages.h"
#include "pids.h"

#define DEFAULT_GRACE (2 * NANOSECONDS)

enum { REMINDERS = 2, RECOVERED = 75 /* percent: below the first warning, against flapping */ };

static const int scarce_levels[] = { 80, 90, 95 }; /* percent */
enum { SCARCE_LEVELS = sizeof(scarce_levels) / sizeof(scarce_levels[0]) };

static struct {
	pid_t main_child;
	bool is_ours; /* /proc, once it has been looked at */
	int64_t next_tick;
	unsigned zombies_held;
	bool had_holders;
	int scarce; /* of scarce_levels, how many have been warned of */
	bool said_full; /* once each */
	bool said_unreadable;
	struct pids pids;
} watch ON_OWN_PAGES;

static struct held *held; /* the last walk's result */

bool watch_open(const struct options *options, pid_t main_child)
{
	(void)options;
	watch.main_child = main_child;
	watch.is_ours = procfs_is_ours();
	if (!watch.is_ours) {
		log_warning("watch-off", "--watch is off: there is no /proc of this PID namespace");
		return false;
	}
	pids_open(&watch.pids);
	return true;
}

/* ---- whose are they ---- */

static bool is_same(const struct holder *holder)
{
	struct process process;

	return procfs_process(holder->pid, &process) && process.start == holder->start;
}

static void mark_ours(const struct pinned *process, void *context)
{
	(void)context;
	for (unsigned i = 0; i < held->count; i++)
		if (held->holders[i].pid == process->pid && is_same(&held->holders[i]))
			held->holders[i].ours = OURS;
}

/*
 * As PID 1 the whole namespace is zinit's to look after. As a subreaper it is what is below it: a
 * process that is not can never come to be, so that the answer is asked for once.
 */
static void find_ours(void)
{
	bool unknown = false, sees_all;

	for (unsigned i = 0; i < held->count; i++) {
		if (getpid() == 1)
			held->holders[i].ours = OURS;
		unknown |= held->holders[i].zombies && held->holders[i].ours == OURS_UNKNOWN;
	}
	if (!unknown)
		return;
	sees_all = descendants_each(mark_ours, NULL);
	for (unsigned i = 0; sees_all && i < held->count; i++)
		if (held->holders[i].ours == OURS_UNKNOWN)
			held->holders[i].ours = NOT_OURS;
}

static unsigned count_ours(void)
{
	unsigned count = 0;

	if (getpid() == 1)
		return held->zombies_held;
	for (unsigned i = 0; i < held->count; i++)
		if (held->holders[i].ours == OURS)
			count += held->holders[i].zombies;
	return count;
}

/* ---- what is said ---- */

/* How far it is to the limit: a few zombies are harmless. */
static void add_pids(struct message *message)
{
	if (watch.pids.limit)
		message_add(message,
			    "%lld{pids_used} of %lld{pids_limit} PIDs are in use (%d{percent} %%, "
			    "%q{limit_file})",
			    watch.pids.used, watch.pids.limit, pids_percent(&watch.pids),
			    watch.pids.file);
	else
		message_add(message, "no PID limit is known%!lld{pids_used}%!lld{pids_limit}",
			    watch.pids.used, watch.pids.limit);
}

static void say_traced(const struct holder *holder, int64_t now)
{
	log_warning("traced-zombie",
		    "zombie %d{zombie_pid} (%q{zombie_name}) is traced by %d{tracer_pid} "
		    "(%q{tracer_name}), which has to let go of it first%!u{zombies}"
		    "%!lld{seen_seconds}",
		    (int)holder->zombie, holder->zombie_name, (int)holder->pid, holder->name,
		    holder->zombies, (long long)(now - holder->since) / NANOSECONDS);
}

static void say_held(const struct holder *holder, int64_t now)
{
	long long tenths = (now - holder->since) / (NANOSECONDS / 10);
	struct message message;

	message_start(&message, LOG_LINE);
	message_add(&message,
		    "%d{parent_pid} (%q{parent_name}) does not wait for its children: it holds "
		    "%u{zombies} zombie%s, one is %d{zombie_pid} (%q{zombie_name}), seen for "
		    "%lld{seen_seconds}.%d s; ",
		    (int)holder->pid, holder->name, holder->zombies,
		    holder->zombies == 1 ? "" : "s", (int)holder->zombie, holder->zombie_name,
		    tenths / 10, (int)(tenths % 10));
	add_pids(&message);
	log_message(LOG_WARNING, "held-zombies", &message);
}

/* Not even as a zombie: what a dead parent held has gone to another one already. */
static bool lives(const struct holder *holder)
{
	struct process process;

	return procfs_process(holder->pid, &process) && process.start == holder->start &&
	       (process.state != 'Z' || process.threads > 1);
}

static void say_cured(const struct holder *holder)
{
	bool waited = lives(holder);

	log_warning("held-zombies-cured", "%d{parent_pid} (%q{parent_name}) has %s{cure}%s",
		    (int)holder->pid, holder->name, waited ? "waited" : "ended",
		    waited ? " for the zombies that it held" :
			     ": the zombies that it held are no longer its own");
}

static void judge_pids(void)
{
	int percent = pids_percent(&watch.pids), reached = 0;
	const struct holder *most = held_most(held);
	struct message message;

	while (reached < SCARCE_LEVELS && percent >= scarce_levels[reached])
		reached++;
	if (reached <= watch.scarce && (!watch.scarce || percent >= RECOVERED))
		return;
	watch.scarce = reached;
	message_start(&message, LOG_LINE);
	message_add(&message, reached ? "PIDs run out: " : "PIDs are free again: ");
	add_pids(&message);
	if (!reached) {
		log_message(LOG_WARNING, "pids-recovered", &message);
		return;
	}
	message_add(&message, "; %u{zombies} of them are zombies", held->zombies);
	if (most)
		message_add(&message,
			    ", most held by %d{parent_pid} (%q{parent_name}): %u{parent_zombies}",
			    (int)most->pid, most->name, most->zombies);
	log_message(LOG_WARNING, "pids-scarce", &message);
}

/* ---- the cures ---- */

/* A refusal is said once: the next tick would be refused as well. */
static void say_signal(struct holder *holder, int signal, int error)
{
	if (!error)
		log_event(signal == SIGCHLD ? LOG_INFO : LOG_WARNING, "parent-signaled",
			  "sent %S to %d{parent_pid} (%q{parent_name}), which holds zombies"
			  "%!d{signal_number}",
			  signal, (int)holder->pid, holder->name, signal);
	else if (error != ESRCH && !holder->refused)
		log_warning("parent-signal-failed",
			    "cannot send %S to %d{parent_pid} (%q{parent_name}): %e{errno}"
			    "%!d{signal_number}",
			    signal, (int)holder->pid, holder->name, error, signal);
	holder->refused |= error != 0 && error != ESRCH;
}

/* The process is pinned: it is the holder still, or its PID has gone to another before that. */
static void send_pinned(struct holder *holder, const struct pinned *process, int signal)
{
	if (is_same(holder))
		say_signal(holder, signal, descendants_signal(process, signal));
}

struct delivery {
	struct holder *holder;
	int signal;
};

static void deliver(const struct pinned *process, void *context)
{
	const struct delivery *delivery = context;

	if (process->pid == delivery->holder->pid)
		send_pinned(delivery->holder, process, delivery->signal);
}

/* Without pidfd_open(2), before Linux 5.3: such a child is pinned by not being reaped. */
static bool is_own_child(const struct holder *holder)
{
	struct process process;

	return procfs_process(holder->pid, &process) && process.parent == getpid();
}

static void send_signal(struct holder *holder, int signal)
{
	struct delivery delivery = { holder, signal };
	struct pinned process = { .pid = holder->pid };

	if (getpid() != 1) {
		descendants_each(deliver, &delivery);
		return;
	}
	process.pidfd = descendants_pin(holder->pid);
	if (process.pidfd < 0 && !(errno == ENOSYS && is_own_child(holder))) {
		say_signal(holder, signal, errno);
		return;
	}
	send_pinned(holder, &process, signal);
	if (process.pidfd >= 0)
		close(process.pidfd);
}

static int64_t grace_of(const struct options *options)
{
	return options->grace > 0 ? options->grace : DEFAULT_GRACE;
}

static void cure(const struct options *options, struct holder *holder, int64_t now)
{
	bool ends = options->on_held_zombies == HELD_TERMINATE_PARENT;

	if (options->on_held_zombies == HELD_WARN)
		return;
	if (!ends || holder->cures < REMINDERS) {
		holder->cures++;
		send_signal(holder, SIGCHLD);
	} else if (holder->pid != watch.main_child && !holder->kill_at) {
		holder->kill_at = now + grace_of(options);
		send_signal(holder, SIGTERM);
	}
}

static void kill_overdue(int64_t now)
{
	for (unsigned i = 0; i < held->count; i++) {
		struct holder *holder = &held->holders[i];

		if (!holder->kill_at || holder->kill_at > now)
			continue;
		if (!held_still(holder)) {
			holder->kill_at = 0;
			continue;
		}
		holder->kill_at = INT64_MAX;
		send_signal(holder, SIGKILL);
	}
}

/* ---- the tick ---- */

static void judge_holder(const struct options *options, struct holder *holder, int64_t now)
{
	if (!holder->stale) {
		if (holder->warned)
			say_cured(holder);
		holder->warned = holder->cures = 0;
		holder->kill_at = 0;
		return;
	}
	if (holder->ours != OURS)
		return;
	if (!holder->warned || holder->zombies >= 2 * holder->warned) {
		holder->warned = holder->zombies;
		if (holder->traces)
			say_traced(holder, now);
		else
			say_held(holder, now);
	}
	if (!holder->traces && holder->pid)
		cure(options, holder, now);
}

static void look(const struct options *options, int64_t now)
{
	bool exact = pids_look(&watch.pids, watch.had_holders);

	held = held_walk(now, exact || watch.had_holders, watch.pids.user);
	if (!held) {
		if (!watch.said_unreadable)
			log_warning("watch-blind", "cannot look for held zombies: /proc: %e{errno}",
				    errno);
		watch.said_unreadable = true;
		return;
	}
	if (exact)
		pids_count(&watch.pids, held->threads, held->user_threads);
	if (held->full && !watch.said_full) {
		watch.said_full = true;
		log_warning("watch-full", "more zombies than can be told apart: %u{zombies}",
			    held->zombies);
	}
	find_ours();
	for (unsigned i = 0; i < held->count; i++)
		judge_holder(options, &held->holders[i], now);
	judge_pids();
	watch.zombies_held = count_ours();
	watch.had_holders = held->zombies_held > 0;
}

int64_t watch_tick(const struct options *options, int64_t now)
{
	int64_t due;

	if (now >= watch.next_tick) {
		watch.next_tick = now + options->watch;
		look(options, now);
	}
	due = watch.next_tick;
	if (!held)
		return due;
	kill_overdue(now);
	for (unsigned i = 0; i < held->count; i++)
		if (held->holders[i].kill_at && held->holders[i].kill_at < due)
			due = held->holders[i].kill_at;
	return due;
}

unsigned watch_held(bool fresh)
{
	if (!fresh)
		return watch.zombies_held;
	if (!watch.is_ours && !procfs_is_ours())
		return 0;
	held = held_walk(0, false, -1);
	if (!held)
		return 0;
	find_ours();
	return count_ours();
}
