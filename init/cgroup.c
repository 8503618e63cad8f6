/* Which cgroup zinit is in, and the numbers in its files. */
#include "cgroup.h"

#include <string.h>

#include "pages.h"
#include "procfs.h"
#include "text.h"

enum { LINE = 4096 };

struct cgroup_search {
	const char *controller; /* NULL: the unified hierarchy */
	char own[512]; /* zinit's cgroup in its hierarchy */
	struct cgroup *found;
	bool done;
};

/* ID:CONTROLLER,...:PATH (cgroups(7)); the unified hierarchy has the ID 0 and no controllers. */
static bool visit_own_cgroup(char *line, void *context)
{
	struct cgroup_search *search = context;
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path || strlen(path + 1) >= sizeof(search->own))
		return true;
	*path++ = '\0';
	controllers++;
	if (search->controller ? !text_lists(controllers, ',', search->controller) : *controllers)
		return true;
	memcpy(search->own, path, strlen(path) + 1);
	return false;
}

/* ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS [FIELD]... - TYPE SOURCE SUPEROPTIONS */
static bool visit_mount(char *line, void *context)
{
	struct cgroup_search *search = context;
	struct cgroup *found = search->found;
	char *type = text_find(line, " - cgroup"), *root, *point;
	const char *below = search->own;

	if (!type)
		return true;
	type += 3;
	for (int field = 0; field < 3; field++)
		procfs_next_word(&line);
	root = procfs_next_word(&line);
	point = procfs_next_word(&line);
	if (strcmp(procfs_next_word(&type), search->controller ? "cgroup" : "cgroup2") != 0)
		return true;
	procfs_next_word(&type);
	if (search->controller && !text_lists(type, ',', search->controller))
		return true;
	/* A container may see its own part of the hierarchy alone: the mount's root is that part. */
	if (strcmp(root, "/") != 0) {
		size_t length = strlen(root);

		if (strncmp(below, root, length) != 0 || (below[length] && below[length] != '/'))
			return true;
		below += length;
	}
	if (strcmp(below, "/") == 0)
		below = "";
	/* "/..": above the root of the cgroup namespace, and so not to be seen. */
	if (strncmp(below, "/..", 3) == 0 || strlen(point) + strlen(below) >= sizeof(found->path))
		return true;
	found->top = strlen(point);
	text_print(found->path, sizeof(found->path), "%s%s", point, below);
	search->done = true;
	return false;
}

bool cgroup_find(const char *controller, struct cgroup *cgroup)
{
	struct cgroup_search search = { .controller = controller, .found = cgroup };

	procfs_each_line("/proc/self/cgroup", visit_own_cgroup, &search);
	if (search.own[0] == '/')
		procfs_each_line("/proc/self/mountinfo", visit_mount, &search);
	return search.done;
}

bool cgroup_up(struct cgroup *cgroup)
{
	char *slash = strrchr(cgroup->path, '/');

	if (!slash || (size_t)(slash - cgroup->path) < cgroup->top)
		return false;
	*slash = '\0';
	return true;
}

long long cgroup_number(const struct cgroup *cgroup, const char *file, const char *key)
{
	char path[sizeof(cgroup->path) + 64], buffer[LINE / 4];
	const char *at = buffer;

	text_print(path, sizeof(path), "%s/%s", cgroup->path, file);
	if (procfs_read(path, buffer, sizeof(buffer)) <= 0)
		return -1;
	if (key)
		at = text_behind(buffer, key, ' ');
	return at ? procfs_number(at) : -1;
}

/* Is one the other, or above or below it? What begins with "/.." is outside of the namespace. */
static bool are_related(const char *one, size_t one_length, const char *other, size_t other_length)
{
	size_t shorter = one_length < other_length ? one_length : other_length;
	const char *longer = one_length < other_length ? other : one;

	if (one_length == other_length)
		return memcmp(one, other, shorter) == 0;
	if (strncmp(longer, "/..", 3) == 0)
		return false;
	return shorter == 1 || (memcmp(one, other, shorter) == 0 && longer[shorter] == '/');
}

bool cgroup_same_container(pid_t pid)
{
	static char own[LINE] ON_OWN_PAGES, others[LINE] ON_OWN_PAGES;
	char path[32];

	text_print(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (procfs_read("/proc/self/cgroup", own, sizeof(own)) <= 0 ||
	    procfs_read(path, others, sizeof(others)) <= 0)
		return true;
	for (const char *line = own, *other = others; *line && *other;) {
		size_t length = text_until(line, '\n'), other_length = text_until(other, '\n');
		const char *at = strchr(line, '/'), *other_at = strchr(other, '/');

		/* The kernel lists the same hierarchies in the same order for all. */
		if (at && other_at && at < line + length && other_at < other + other_length &&
		    !are_related(at, (size_t)(line + length - at), other_at,
				 (size_t)(other + other_length - other_at)))
			return false;
		line += length + (line[length] == '\n');
		other += other_length + (other[other_length] == '\n');
	}
	return true;
}
