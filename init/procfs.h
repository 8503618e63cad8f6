/*
 * Reading /proc: no heap, no stdio, and a process may vanish between two reads.
 */
#ifndef ZINIT_PROCFS_H
#define ZINIT_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCFS_NAME = 64 };

struct process {
	pid_t pid, parent;
	char state; /* R S D T t Z X I: proc(5), /proc/PID/stat */
	int threads; /* num_threads: a dead leader with live threads is no zombie */
	unsigned long long
		start; /* start time in clock ticks since boot: pid and start name a process */
	char name[PROCFS_NAME]; /* comm, as the process chose it: escape it before printing (%q) */
};

/*
 * Is /proc there and that of zinit's own PID namespace (/proc/self names getpid())? In an unshared
 * PID namespace without a /proc of its own every number in it would mean a stranger.
 */
bool procfs_is_ours(void);

/*
 * Reads a whole small file into `buffer`, NUL-terminated; opened relative to the working directory.
 * Returns the length, or -1 with errno.
 */
ssize_t procfs_read(const char *path, char *buffer, size_t size);

/*
 * Reads /proc/PID/stat. The name may hold spaces, parentheses and newlines: it ends at the last ')'.
 * Returns false when the process is gone (or hidden by hidepid).
 */
bool procfs_process(pid_t pid, struct process *process);

/*
 * Has the process memory of its own? Neither a zombie nor a kernel thread has: this tells them from
 * the many at little more than half of what procfs_process() costs. False, too, where the kernel
 * does not tell (CONFIG_ELF_CORE).
 */
bool procfs_has_memory(pid_t pid);

/* The name alone, "?" where it cannot be read. Works on a zombie. Returns `name`. */
const char *procfs_name(pid_t pid, char name[PROCFS_NAME]);

/* The number behind "KEY:" in /proc/PID/status, -1 where there is none. */
long long procfs_status(pid_t pid, const char *key);

/* May the process take the signal: by a handler, or blocked, by sigwait(3) or a signalfd? */
bool procfs_takes(pid_t pid, int signal);

/*
 * Calls `visit` for each child of the process `parent`, from /proc/PARENT/task/TID/children of all
 * its threads. Returns false where the kernel has no such file (before 3.5, or without
 * CONFIG_PROC_CHILDREN): then PPid of every process tells (procfs_each).
 * The list is read into a static buffer before the first visit where it fits.
 */
bool procfs_children(pid_t parent, void (*visit)(pid_t child, void *context), void *context);

/* Calls `visit` for every process in /proc. Returns false with errno when /proc cannot be read. */
bool procfs_each(void (*visit)(pid_t pid, void *context), void *context);

/*
 * Calls `visit` with each name in the open directory that is a positive number, and closes it (-1
 * is none). Returns false with errno when it cannot be read. The entries are on the stack: a visit
 * may look into another directory.
 */
bool procfs_each_number(int fd, void (*visit)(pid_t number, void *context), void *context);

/* What the mount at /proc shows of other users' processes: its hidepid= and gid= (proc(5)). */
struct procfs_hiding {
	bool hides;
	bool from_group_too; /* hidepid=ptraceable makes no exception for the group */
	unsigned group;
};

/* Returns whether it hides any. */
bool procfs_hiding(struct procfs_hiding *hiding);

/*
 * Calls `visit` for each line of a file of any length, without its newline, until it returns false.
 * A line of more than 4,095 bytes is left out.
 */
void procfs_each_line(const char *path, bool (*visit)(char *line, void *context), void *context);

/* The decimal number at the start of the text, -1 where there is none. */
long long procfs_number(const char *at);

/*
 * Cuts the next word off a line of /proc/PID/mountinfo and undoes its escapes: a blank inside of a
 * word is \040 there (proc_pid_mountinfo(5)).
 */
char *procfs_next_word(char **at);

#endif
