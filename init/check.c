/* --check: the state of the PID namespace looked at from outside, once, for a health check. */
#include "check.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
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
	NAME = 16, /* of a name, in a row: what comm(5) can be for a program */
	MOST_GROUPS = 1024,
};

struct verdict {
	int status;
	char words[LOG_LINE / 2];
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

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static void sleep_for(int64_t duration)
{
	struct timespec left = { .tv_sec = (time_t)(duration / NANOSECONDS),
				 .tv_nsec = (long)(duration % NANOSECONDS) };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
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
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];

	return syscall(SYS_capget, &header, sets) == 0 &&
	       sets[0].effective & (1U << CAP_SYS_PTRACE);
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
	char name[PROCFS_NAME], link[64];
	ssize_t length = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	link[length > 0 ? length : 0] = '\0';
	if (strcmp(link, "pid:[4026531836]") == 0)
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

static void add_pids(struct text *text, const struct pids *pids)
{
	if (pids->limit)
		text_add(text, "%lld of %lld PIDs used (%d %%, %q)", pids->used, pids->limit,
			 pids_percent(pids), pids->file);
	else
		text_add(text, "no PID limit is known");
}

static const char *plural(unsigned count)
{
	return count == 1 ? "" : "s";
}

static void judge(struct verdict *verdict, const struct options *options, const struct held *held,
		  const struct pids *pids)
{
	const struct holder *most = most_stale(held);
	unsigned negligent = count_negligent(held);
	struct text text;

	text_start(&text, verdict->words, sizeof(verdict->words));
	verdict->status = UNHEALTHY;
	if (pids->limit && pids->used * 100 > pids->limit * options->max_pids) {
		text_add(&text, "unhealthy: ");
		add_pids(&text, pids);
		text_add(&text, ", more than %lld %%; %u zombie%s held",
			 (long long)options->max_pids, held->zombies_stale,
			 plural(held->zombies_stale));
		return;
	}
	if (most && options->max_zombies != UNSET && most->stale > options->max_zombies) {
		text_add(&text, "unhealthy: %d (%q) holds %u zombie%s, more than %lld; ",
			 (int)most->pid, most->name, most->stale, plural(most->stale),
			 (long long)options->max_zombies);
		add_pids(&text, pids);
		return;
	}
	verdict->status = HEALTHY;
	text_add(&text, "healthy: %u zombie%s held by %u parent%s; ", held->zombies_stale,
		 plural(held->zombies_stale), negligent, plural(negligent));
	add_pids(&text, pids);
}

/* ---- the table ---- */

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

static void add_name(const char *name, int width)
{
	char escaped[NAME * 4 + 1], cut[NAME];
	struct text text;

	strncpy(cut, name, sizeof(cut) - 1);
	cut[sizeof(cut) - 1] = '\0';
	text_start(&text, escaped, sizeof(escaped));
	text_add(&text, "%q", cut);
	text_add(&output, width ? "%-16s" : "%s", escaped);
}

static void add_table(struct held *held, const char *whose)
{
	unsigned negligent = count_negligent(held), rows = sort_rows(held);

	if (whose)
		text_add(&output, "the PID namespace is %s\n", whose);
	if (rows)
		text_add(&output, "%8s  %-16s %7s  %-26s %s\n", "PID", "PARENT", "ZOMBIES",
			 "ONE ZOMBIE", "WHAT TO DO");
	for (unsigned i = 0; i < rows; i++) {
		const struct holder *holder = &held->holders[i];

		text_add(&output, "%8d  ", (int)holder->pid);
		add_name(holder->name, NAME);
		text_add(&output, " %7u  %8d ", holder->stale, (int)holder->zombie);
		add_name(holder->zombie_name, NAME);
		text_add(&output, "  %s\n", advise(holder));
	}
	if (negligent > rows)
		text_add(&output, "and %u more parents\n", negligent - rows);
	text_add(&output, "%u zombie%s held in total\n", held->zombies_stale,
		 plural(held->zombies_stale));
	if (held->full)
		text_add(&output, "there are more than can be told apart: %u in all\n",
			 held->zombies);
}

static void start_object(int level, const struct verdict *verdict)
{
	static const char *const levels[] = {
		[LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info"
	};

	text_add(&output, "{\"time\":\"");
	log_add_time(&output);
	text_add(&output, "\",\"level\":\"%s\",\"event\":\"check\",\"message\":", levels[level]);
	text_add_json(&output, verdict->words);
	log_add_fields(&output, LOG_FIELDS(LOG_NUMBER("exit_status", verdict->status)));
}

static void add_objects(struct held *held, const struct pids *pids, const char *whose,
			const struct verdict *verdict)
{
	unsigned negligent = count_negligent(held), rows = sort_rows(held);
	const size_t end = output.size;

	start_object(verdict->status == HEALTHY ? LOG_INFO : LOG_WARNING, verdict);
	log_add_fields(&output, LOG_FIELDS(LOG_NUMBER("held_zombies", held->zombies_stale),
					   LOG_NUMBER("negligent_parents", negligent),
					   LOG_NUMBER("pids_used", pids->used),
					   LOG_NUMBER("pids_limit", pids->limit),
					   LOG_NUMBER("pids_percent", pids_percent(pids)),
					   LOG_STRING("limit_file", pids->file)));
	if (whose)
		log_add_fields(&output, LOG_FIELDS(LOG_STRING("pid_namespace", whose)));
	text_add(&output, ",\"parents\":[");
	/* Four bytes stay free for the end of the array, of the object and of the line. */
	output.size -= 4;
	for (unsigned i = 0; i < rows; i++) {
		const struct holder *holder = &held->holders[i];
		const struct text before = output;

		text_add(&output, "%s{\"parent_pid\":%d", i ? "," : "", (int)holder->pid);
		log_add_fields(&output, LOG_FIELDS(LOG_STRING("parent_name", holder->name),
						   LOG_NUMBER("zombies", holder->stale),
						   LOG_NUMBER("zombie_pid", holder->zombie),
						   LOG_STRING("zombie_name", holder->zombie_name),
						   LOG_STRING("advice", advise(holder))));
		text_add(&output, "}");
		if (output.length >= output.size - 1) {
			output = before;
			break;
		}
	}
	output.size = end;
	text_add(&output, "]}\n");
}

static int cannot_tell(bool json, const char *why)
{
	struct verdict verdict = { .status = CANNOT_TELL };
	struct text text;

	text_start(&text, verdict.words, sizeof(verdict.words));
	text_add(&text, "unknown: %s", why);
	if (json) {
		start_object(LOG_ERROR, &verdict);
		text_add(&output, "}\n");
	} else {
		text_add(&output, "%s\n", verdict.words);
	}
	return finish(CANNOT_TELL);
}

int check_run(const struct options *options)
{
	static char buffer[OUTPUT] ON_OWN_PAGES;
	static struct pids pids ON_OWN_PAGES;
	bool json = options->log_format == LOG_JSON;
	struct verdict verdict;
	const char *whose;
	struct held *held;

	text_start(&output, buffer, sizeof(buffer));
	if (!procfs_is_ours())
		return cannot_tell(json, "there is no /proc of this PID namespace");
	if (hides_processes())
		return cannot_tell(json, "/proc hides other users' processes (hidepid)");
	whose = whose_namespace();
	pids_open(&pids);
	held = held_walk(now(), false, -1);
	if (held) {
		sleep_for(options->settle);
		pids_look(&pids, true);
		held = held_walk(now(), true, pids.user);
	}
	if (!held)
		return cannot_tell(json, "/proc cannot be read");
	pids_count(&pids, held->threads, held->user_threads);
	judge(&verdict, options, held, &pids);
	if (json) {
		add_objects(held, &pids, whose, &verdict);
	} else {
		text_add(&output, "%s\n", verdict.words);
		add_table(held, whose);
	}
	return finish(verdict.status);
}
