/* PIDs running out: of the limits that fork(2) can run into, the nearest. */
#include "pids.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "procfs.h"
#include "text.h"

static const char pid_max_file[] = "/proc/sys/kernel/pid_max";

/* Takes the limit if it is nearer than the nearest so far. */
static void consider(struct pids *pids, long long used, long long limit, const char *directory,
		     const char *file)
{
	if (used < 0 || limit <= 0 || (pids->limit && used * pids->limit <= pids->used * limit))
		return;
	pids->used = used;
	pids->limit = limit;
	text_print(pids->file, sizeof(pids->file), "%s%s", directory, file);
}

static void look_at_cgroups(struct pids *pids, struct cgroup cgroup)
{
	do
		consider(pids, cgroup_number(&cgroup, "pids.current", NULL),
			 cgroup_number(&cgroup, "pids.max", NULL), cgroup.path, "/pids.max");
	while (cgroup_up(&cgroup));
}

/* The first number in the file, or the one behind the first `before`. */
static long long read_number(const char *path, char before)
{
	char line[128];
	const char *at = line;

	if (procfs_read(path, line, sizeof(line)) <= 0)
		return -1;
	if (before)
		at = strchr(line, before);
	return at ? procfs_number(before ? at + 1 : at) : -1;
}

/* Since Linux 6.14 each PID namespace has a pid_max of its own, before there was one for all. */
static bool pid_max_is_the_namespaces(void)
{
	long long major = read_number("/proc/sys/kernel/osrelease", 0);
	long long minor = read_number("/proc/sys/kernel/osrelease", '.');

	return major > 6 || (major == 6 && minor >= 14);
}

void pids_open(struct pids *pids)
{
	struct rlimit limit;

	*pids = (struct pids){
		.user = -1, .pid_max = -1, .process_limit = -1, .resource_limit = -1
	};
	pids->has_version1 = cgroup_find("pids", &pids->version1);
	pids->has_version2 = cgroup_find(NULL, &pids->version2);
	pids->own_pid_max = pid_max_is_the_namespaces();
	if (prlimit(0, RLIMIT_NPROC, NULL, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur <= INT32_MAX)
		pids->resource_limit = (long long)limit.rlim_cur;
}

static bool may_be_near(long long most, long long limit)
{
	return limit > 0 && (most < 0 || most * 100 >= limit * 80);
}

bool pids_look(struct pids *pids, bool exact)
{
	long long everybody = read_number("/proc/loadavg", '/');
	long long pid_max = read_number(pid_max_file, 0);

	pids->used = pids->limit = 0;
	pids->user = pids->pid_max = pids->process_limit = -1;
	if (pids->has_version1)
		look_at_cgroups(pids, pids->version1);
	if (pids->has_version2)
		look_at_cgroups(pids, pids->version2);
	if (!pids->own_pid_max)
		consider(pids, everybody, pid_max, "", pid_max_file);
	else if (pid_max > 0 && (exact || may_be_near(everybody, pid_max)))
		pids->pid_max = pid_max;
	/* Nobody enforces it for root. */
	if (may_be_near(exact ? -1 : everybody, pids->resource_limit)) {
		long long user = procfs_status(getpid(), "Uid");

		if (user > 0) {
			pids->user = user;
			pids->process_limit = pids->resource_limit;
		}
	}
	return pids->pid_max > 0 || pids->process_limit > 0;
}

void pids_count(struct pids *pids, unsigned threads, unsigned user_threads)
{
	consider(pids, threads, pids->pid_max, "", pid_max_file);
	consider(pids, user_threads, pids->process_limit, "RLIMIT_NPROC", "");
}

int pids_percent(const struct pids *pids)
{
	return pids->limit ? (int)(pids->used * 100 / pids->limit) : 0;
}
