/* --check: the state of the PID namespace looked at from outside, once, for a health check. */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "clock.h"
#include "held.h"
#include "log.h"
#include "pages.h"
#include "pids.h"

enum {
	HEALTHY = 0,
	UNHEALTHY = 1,
	CANNOT_TELL = 125,
	/* Docker keeps the first 4,096 bytes of a probe's output. */
	OUTPUT = 4096,
	MOST_ROWS = 16,
	MOST_GROUPS = 1024,
};

static struct text output;

static int finish(int status)
{
	for (size_t at = 0; at < output.length;) {
		ssize_t count = write(STDOUT_FILENO, output.start + at, output.length - at);

		if (count < 0 && errno != EINTR)
			break;
		at += count > 0 ? (size_t)count : 0;
	}
	return status;
}

/* ---- what can be seen ---- */

static bool is_in_group(gid_t group)
{
	static gid_t groups[MOST_GROUPS] ON_OWN_PAGES;
	int count = getgroups(MOST_GROUPS, groups);

	if (getegid() == group)
		return true;
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool may_trace_everybody(void)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t set = cap_get_proc();

	cap_get_flag(set, CAP_SYS_PTRACE, CAP_EFFECTIVE, &value);
	cap_free(set);
	return value == CAP_SET;
}

/*
 * Does /proc hide other users' processes from this one? hidepid=ptraceable shows those alone that
 * could be traced; noaccess and invisible make an exception for a group, which is 0 unless gid=
 * names another (has_pid_permissions() in the kernel).
 */
static bool hides_processes(void)
{
	struct procfs_hiding hiding;

	if (!procfs_hiding(&hiding) || may_trace_everybody())
		return false;
	return hiding.from_group_too || !is_in_group((gid_t)hiding.group);
}

/*
 * A shared PID namespace (a pod's, docker run --pid): PID 1 is "pause", or lives in a cgroup that
 * is neither this process's nor above or below it, as another container's does. The host's PID
 * namespace has a number of its own (PROC_PID_INIT_INO in the kernel).
 */
static const char *whose_namespace(void)
{
	const ino_t of_the_host = 0xeffffffc;
	char name[PROCFS_NAME];
	struct stat namespace;

	if (stat("/proc/self/ns/pid", &namespace) == 0 && namespace.st_ino == of_the_host)
		return "the host's: what is counted is all of the host's processes";
	if (strcmp(procfs_name(1, name), "pause") == 0 || !cgroup_same_container(1))
		return "shared: what is counted is the pod's processes, not this container's alone";
	return NULL;
}

/* ---- advice ---- */

/* SIGCHLD helps only a parent that takes it; one that sits in sigwait(3) shows no sign of it. */
static const char *advise(const struct holder *holder)
{
	if (holder->traces)
		return "end this tracer, or let it detach";
	if (holder->pid == 0)
		return "its parent is outside of the PID namespace and has to wait for it";
	if (holder->pid == 1)
		return "restart the container, with an init as PID 1";
	if (procfs_takes(holder->pid, SIGCHLD))
		return "fix it; until then: kill -CHLD it, or end it";
	return "fix it; until then: end it, and PID 1 reaps (it has no handler for SIGCHLD)";
}

/* ---- the verdict ---- */

static const struct holder *most_stale(const struct held *held)
{
	const struct holder *most = NULL;

	for (unsigned i = 0; i < held->count; i++)
		if (held->holders[i].stale && (!most || held->holders[i].stale > most->stale))
			most = &held->holders[i];
	return most;
}

static unsigned count_negligent(const struct held *held)
{
	unsigned count = 0;

	for (unsigned i = 0; i < held->count; i++)
		count += held->holders[i].stale > 0;
	return count;
}

static const char *plural(unsigned count)
{
	return count == 1 ? "" : "s";
}

/* Puts the verdict into words. Returns the exit status. */
static int judge(struct message *verdict, const struct options *options, const struct held *held,
		 const struct pids *pids)
{
	const struct holder *most = most_stale(held);
	unsigned negligent = count_negligent(held), zombies = held->zombies_stale;
	bool scarce = pids->limit && pids->used * 100 > pids->limit * options->max_pids;
	bool many = most && options->max_zombies != UNSET && most->stale > options->max_zombies;

	message_add(verdict, scarce || many ? "unhealthy: " : "healthy: ");
	if (many && !scarce)
		message_add(verdict, "%d (%q) holds %u zombie%s, more than %lld; ", (int)most->pid,
			    most->name, most->stale, plural(most->stale),
			    (long long)options->max_zombies);
	else if (!scarce)
		message_add(verdict, "%u zombie%s held by %u parent%s; ", zombies, plural(zombies),
			    negligent, plural(negligent));
	message_add(verdict, "%!u{held_zombies}%!u{negligent_parents}", zombies, negligent);
	message_add(verdict,
		    pids->limit ? "%lld{pids_used} of %lld{pids_limit} PIDs used "
				  "(%d{pids_percent} %%, %q{limit_file})" :
				  "no PID limit is known%!lld{pids_used}%!lld{pids_limit}"
				  "%!d{pids_percent}%!q{limit_file}",
		    pids->used, pids->limit, pids_percent(pids), pids->file);
	if (scarce)
		message_add(verdict, ", more than %lld %%; %u zombie%s held",
			    (long long)options->max_pids, zombies, plural(zombies));
	return scarce || many ? UNHEALTHY : HEALTHY;
}

/* ---- the output ---- */

/* Moves the holders of most stale zombies to the front. */
static unsigned sort_rows(struct held *held)
{
	unsigned rows = 0;

	for (; rows < held->count && rows < MOST_ROWS; rows++) {
		struct holder *most = &held->holders[rows], first = *most;

		for (unsigned i = rows + 1; i < held->count; i++)
			if (held->holders[i].stale > most->stale)
				most = &held->holders[i];
		if (!most->stale)
			break;
		held->holders[rows] = *most;
		*most = first;
	}
	return rows;
}

/* A parent, as a row of the table and as an object. */
static void describe(struct message *row, const struct holder *holder)
{
	message_start(row, LOG_LINE);
	message_add(row,
		    "%8d{parent_pid}  %-16q{parent_name} %7u{zombies}  %8d{zombie_pid} "
		    "%-16q{zombie_name}  %s{advice}\n",
		    (int)holder->pid, holder->name, holder->stale, (int)holder->zombie,
		    holder->zombie_name, advise(holder));
}

static void add_table(struct held *held, const char *whose)
{
	unsigned negligent = count_negligent(held), rows = sort_rows(held);
	struct message row;

	if (whose)
		text_add(&output, "the PID namespace is %s\n", whose);
	if (rows)
		text_add(&output, "%8s  %-16s %7s  %-26s %s\n", "PID", "PARENT", "ZOMBIES",
			 "ONE ZOMBIE", "WHAT TO DO");
	for (unsigned i = 0; i < rows; i++) {
		describe(&row, &held->holders[i]);
		text_add(&output, "%s", row.words.start);
	}
	if (negligent > rows)
		text_add(&output, "and %u more parents\n", negligent - rows);
	text_add(&output, "%u zombie%s held in total\n", held->zombies_stale,
		 plural(held->zombies_stale));
	if (held->full)
		text_add(&output, "there are more than can be told apart: %u in all\n",
			 held->zombies);
}

static void add_objects(struct held *held)
{
	unsigned rows = sort_rows(held);
	const char *between = "{";
	struct message row;

	text_add(&output, ",\"parents\":[");
	for (unsigned i = 0; i < rows; i++, between = ",{") {
		describe(&row, &held->holders[i]);
		/* Four bytes stay free for the end of the array, of the object and of the line. */
		if (output.length + row.fields.length + 8 > output.size)
			break;
		text_add(&output, "%s%s}", between, row.fields.start + 1);
	}
	text_add(&output, "]");
}

/* Writes the verdict, with what was seen where it could be. */
static int conclude(struct message *verdict, int status, bool json, struct held *held,
		    const char *whose)
{
	message_add(verdict, "%!d{exit_status}", status);
	if (whose)
		message_add(verdict, "%!s{pid_namespace}", whose);
	if (json) {
		message_compose(&output,
				status == HEALTHY   ? LOG_INFO :
				status == UNHEALTHY ? LOG_WARNING :
						      LOG_ERROR,
				"check", verdict);
		if (held)
			add_objects(held);
		text_add(&output, "}\n");
	} else {
		text_add(&output, "%s\n", verdict->words.start);
		if (held)
			add_table(held, whose);
	}
	return finish(status);
}

static int cannot_tell(struct message *verdict, bool json, const char *why)
{
	message_add(verdict, "unknown: %s", why);
	return conclude(verdict, CANNOT_TELL, json, NULL, NULL);
}

int check_run(const struct options *options)
{
	static char buffer[OUTPUT] ON_OWN_PAGES;
	static struct pids pids ON_OWN_PAGES;
	bool json = options->log_format == LOG_JSON;
	struct message verdict;
	const char *whose;
	struct held *held;
	int status;

	text_start(&output, buffer, sizeof(buffer));
	message_start(&verdict, LOG_LINE);
	if (!procfs_is_ours())
		return cannot_tell(&verdict, json, "there is no /proc of this PID namespace");
	if (hides_processes())
		return cannot_tell(&verdict, json, "/proc hides other users' processes (hidepid)");
	whose = whose_namespace();
	pids_open(&pids);
	held = held_walk(clock_now(), false, -1);
	if (held) {
		clock_sleep(options->settle);
		pids_look(&pids, true);
		held = held_walk(clock_now(), true, pids.user);
	}
	if (!held)
		return cannot_tell(&verdict, json, "/proc cannot be read");
	pids_count(&pids, held->threads, held->user_threads);
	status = judge(&verdict, options, held, &pids);
	return conclude(&verdict, status, json, held, whose);
}
