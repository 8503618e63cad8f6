/* Reading /proc: no heap, no stdio, and a process may vanish between two reads. */
#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pages.h"
#include "text.h"

/* What getdents64(2) fills in; musl's readdir(3) would bring its heap. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

enum { PATH = 64, ENTRIES = 2048, STATUS = 2048, LINE = 4096 };

/* /proc itself while procfs_each() walks it, which spares each look a step of the path; else -1. */
static int walked = -1;

static int open_to_read(const char *path)
{
	static const char proc[] = "/proc/";
	int directory = AT_FDCWD;

	if (walked >= 0 && strncmp(path, proc, sizeof(proc) - 1) == 0) {
		directory = walked;
		path += sizeof(proc) - 1;
	}
	return openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static void close_quietly(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* Reads until `size` bytes or the end of the file. Returns the count, or -1 with errno. */
static ssize_t fill(int fd, char *buffer, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t count = read(fd, buffer + length, size - length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		length += (size_t)count;
	}
	return (ssize_t)length;
}

/* "/proc/" and a PID, and what follows. */
static const char *path_of(char path[PATH], pid_t pid, const char *file)
{
	return text_print(path, PATH, "/proc/%d%s", (int)pid, file);
}

/* Returns 0 for what is no PID. */
static pid_t parse_pid(const char *word)
{
	unsigned long long number;

	return text_number(word, INT32_MAX, &number) ? (pid_t)number : 0;
}

ssize_t procfs_read(const char *path, char *buffer, size_t size)
{
	int fd = open_to_read(path);
	ssize_t length;

	buffer[0] = '\0';
	if (fd < 0)
		return -1;
	length = fill(fd, buffer, size - 1);
	close_quietly(fd);
	buffer[length < 0 ? 0 : length] = '\0';
	return length;
}

/* Returns the number at `*at`, which may be negative, and moves `*at` behind it and its blank. */
static long long next_number(const char **at)
{
	bool negative = **at == '-';
	unsigned long long number = 0;

	if (negative)
		(*at)++;
	for (; **at >= '0' && **at <= '9'; (*at)++)
		number = number * 10 + (unsigned long long)(**at - '0');
	if (**at == ' ')
		(*at)++;
	return negative ? -(long long)number : (long long)number;
}

long long procfs_number(const char *at)
{
	return *at >= '0' && *at <= '9' ? next_number(&at) : -1;
}

bool procfs_process(pid_t pid, struct process *process)
{
	char path[PATH], line[LINE / 8];
	int fd = open_to_read(path_of(path, pid, "/stat"));
	const char *at;
	char *name, *end;
	ssize_t length;

	if (fd < 0)
		return false;
	/* One read gives all of it up to the start time: 22 numbers and a name fit. */
	length = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (length <= 0)
		return false;
	line[length] = '\0';
	name = strchr(line, '(');
	end = strrchr(line, ')');
	if (!name || !end || end < name || end[1] != ' ' || !end[2] || end[3] != ' ')
		return false;
	*process = (struct process){ .pid = pid, .state = end[2] };
	name++;
	length = end - name;
	if (length >= PROCFS_NAME)
		length = PROCFS_NAME - 1;
	memcpy(process->name, name, (size_t)length);
	at = end + 4;
	process->parent = (pid_t)next_number(&at);
	for (int field = 5; field < 20; field++)
		next_number(&at);
	process->threads = (int)next_number(&at);
	next_number(&at);
	process->start = (unsigned long long)next_number(&at);
	return true;
}

bool procfs_is_ours(void)
{
	char line[32];
	const char *at = line;

	/* The PID that begins the line is the one in the PID namespace that /proc was mounted for. */
	return procfs_read("/proc/self/stat", line, sizeof(line)) > 0 &&
	       next_number(&at) == getpid();
}

/*
 * By a read that gives nothing for those without: of all that /proc/PID tells of memory this costs least, as
 * the file is no seq_file (proc_coredump_filter_read() in the kernel), and anybody may read it.
 */
bool procfs_has_memory(pid_t pid)
{
	char path[PATH], filter[2];
	int fd = open_to_read(path_of(path, pid, "/coredump_filter"));
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, filter, sizeof(filter));
	close(fd);
	return length > 0;
}

const char *procfs_name(pid_t pid, char name[PROCFS_NAME])
{
	char path[PATH];
	ssize_t length = procfs_read(path_of(path, pid, "/comm"), name, PROCFS_NAME);

	/* The last newline is the kernel's; one before it belongs to the name. */
	if (length > 0 && name[length - 1] == '\n')
		name[length - 1] = '\0';
	if (length < 0)
		memcpy(name, "?", 2);
	return name;
}

/* What stands behind "KEY:" in /proc/PID/status, read into `text`; NULL where there is none. */
static const char *find_status(pid_t pid, const char *key, char text[STATUS])
{
	char path[PATH];
	const char *at;

	if (procfs_read(path_of(path, pid, "/status"), text, STATUS) <= 0)
		return NULL;
	/* The name, the first line, has its newlines escaped in this file. */
	at = text_behind(text, key, ':');
	return at && *at == '\t' ? at + 1 : at;
}

long long procfs_status(pid_t pid, const char *key)
{
	char text[STATUS];
	const char *at = find_status(pid, key, text);

	return at ? procfs_number(at) : -1;
}

static unsigned long long find_set(pid_t pid, const char *key)
{
	char text[STATUS];
	const char *at = find_status(pid, key, text);
	unsigned long long set = 0;

	for (; at && ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f')); at++)
		set = set * 16 + (unsigned long long)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return set;
}

bool procfs_takes(pid_t pid, int signal)
{
	return (find_set(pid, "SigCgt") | find_set(pid, "SigBlk")) >> (signal - 1) & 1;
}

bool procfs_each_number(int fd, void (*visit)(pid_t number, void *context), void *context)
{
	char entries[ENTRIES] __attribute__((aligned(8)));
	long length;

	if (fd < 0)
		return false;
	while ((length = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < length;) {
			const struct entry *entry = (const void *)(entries + at);
			pid_t number = parse_pid(entry->name);

			at += entry->length;
			if (number)
				visit(number, context);
		}
	}
	close_quietly(fd);
	return length >= 0;
}

/*
 * The lists of children that are being walked, one behind the other, since a visit may ask for the
 * children's children.
 */
static struct {
	char bytes[65536];
	size_t used;
} lists ON_OWN_PAGES;

struct children {
	pid_t parent;
	void (*visit)(pid_t child, void *context);
	void *context;
	bool missing; /* a thread had no such file */
};

static void visit_list(struct children *children, int fd)
{
	char few[256];
	bool crowded = sizeof(lists.bytes) - lists.used < sizeof(few);
	char *list = crowded ? few : lists.bytes + lists.used;
	size_t room = crowded ? sizeof(few) : sizeof(lists.bytes) - lists.used;
	ssize_t length;
	pid_t child = 0;

	while ((length = fill(fd, list, room)) > 0) {
		if (!crowded)
			lists.used += (size_t)length;
		for (ssize_t at = 0; at < length; at++) {
			if (list[at] >= '0' && list[at] <= '9') {
				child = child * 10 + (list[at] - '0');
				continue;
			}
			if (child)
				children->visit(child, children->context);
			child = 0;
		}
		if (!crowded)
			lists.used -= (size_t)length;
	}
	if (child)
		children->visit(child, children->context);
}

static void visit_thread(pid_t thread, void *context)
{
	struct children *children = context;
	char path[PATH];
	int fd = open_to_read(text_print(path, sizeof(path), "/proc/%d/task/%d/children",
					 (int)children->parent, (int)thread));

	if (fd < 0) {
		children->missing |= errno == ENOENT;
		return;
	}
	visit_list(children, fd);
	close(fd);
}

/* A file that is missing tells of an old kernel, or of a thread that has just ended. */
static bool kernel_lists_children(void)
{
	static int known = -1;
	char path[PATH];
	int fd;

	if (known < 0) {
		fd = open_to_read(text_print(path, sizeof(path), "/proc/self/task/%d/children",
					     (int)getpid()));
		known = fd >= 0;
		if (fd >= 0)
			close(fd);
	}
	return known;
}

bool procfs_children(pid_t parent, void (*visit)(pid_t child, void *context), void *context)
{
	struct children children = { .parent = parent, .visit = visit, .context = context };
	char path[PATH];

	procfs_each_number(open_to_read(path_of(path, parent, "/task")), visit_thread, &children);
	return !children.missing || kernel_lists_children();
}

bool procfs_each(void (*visit)(pid_t pid, void *context), void *context)
{
	int proc = open_to_read("/proc"), outer = walked;
	bool whole;

	walked = proc;
	whole = procfs_each_number(proc, visit, context);
	walked = outer;
	return whole;
}

void procfs_each_line(const char *path, bool (*visit)(char *line, void *context), void *context)
{
	static char buffer[LINE + 1] ON_OWN_PAGES;
	size_t held = 0;
	bool cut = false, on = true;
	int fd = open_to_read(path);

	while (fd >= 0 && on) {
		ssize_t count = fill(fd, buffer + held, LINE - held);
		char *line = buffer, *end;

		if (count <= 0)
			break;
		held += (size_t)count;
		buffer[held] = '\0';
		while (on && (end = strchr(line, '\n'))) {
			*end = '\0';
			if (!cut)
				on = visit(line, context);
			cut = false;
			held -= (size_t)(end + 1 - line);
			line = end + 1;
		}
		if (held == LINE) {
			cut = true;
			held = 0;
		}
		memmove(buffer, line, held);
	}
	if (fd >= 0)
		close(fd);
}

char *procfs_next_word(char **at)
{
	char *word = *at, *to = word, *from = word;

	for (; *from && *from != ' '; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
			*to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0');
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*at = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

/* What follows `key` in a list of words between commas, NULL where there is none. */
static const char *find_value(const char *list, const char *key)
{
	size_t length = strlen(key);

	while (list && strncmp(list, key, length) != 0) {
		list = strchr(list, ',');
		if (list)
			list++;
	}
	return list ? list + length : NULL;
}

static bool visit_proc_mount(char *line, void *context)
{
	struct procfs_hiding *hiding = context;
	char *type = text_find(line, " - proc ");
	const char *mode, *group;

	for (int field = 0; field < 4; field++)
		procfs_next_word(&line);
	if (strcmp(procfs_next_word(&line), "/proc") != 0)
		return true;
	/* The last one mounted is the one to be seen. */
	*hiding = (struct procfs_hiding){ .hides = false };
	if (!type)
		return true;
	type += sizeof(" - proc ") - 1;
	procfs_next_word(&type);
	mode = find_value(type, "hidepid=");
	group = find_value(type, "gid=");
	/* Numbers before Linux 5.8, words since; "off" and 0 are not listed. */
	hiding->hides = mode && *mode != '0' && *mode != 'o';
	hiding->from_group_too = mode && (*mode == '4' || *mode == 'p');
	hiding->group = group ? (unsigned)procfs_number(group) : 0;
	return true;
}

bool procfs_hiding(struct procfs_hiding *hiding)
{
	*hiding = (struct procfs_hiding){ .hides = false };
	procfs_each_line("/proc/self/mountinfo", visit_proc_mount, hiding);
	return hiding->hides;
}
