/*
 * Which cgroup zinit is in, and the numbers in its files; version 1, version 2 and both at once.
 */
#ifndef ZINIT_CGROUP_H
#define ZINIT_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A cgroup's directory; its first `top` bytes are the mount point, the highest level to be seen. */
struct cgroup {
	char path[512];
	size_t top;
};

/*
 * Finds zinit's own cgroup: in the hierarchy of `controller` (version 1), or with NULL in the
 * unified one (version 2), by /proc/self/cgroup and /proc/self/mountinfo.
 * Returns false when there is none, or none that can be seen from here.
 */
bool cgroup_find(const char *controller, struct cgroup *cgroup);

/* Goes one level up; false, and nothing has changed, at the highest level that can be seen. */
bool cgroup_up(struct cgroup *cgroup);

/*
 * The number in a file of the cgroup, or behind `key` in it where key is not NULL.
 * Returns -1 where there is none ("max", no such file).
 */
long long cgroup_number(const struct cgroup *cgroup, const char *file, const char *key);

/*
 * May the process be of this container? False when in some hierarchy its cgroup is neither zinit's
 * own nor above or below it.
 */
bool cgroup_same_container(pid_t pid);

#endif
