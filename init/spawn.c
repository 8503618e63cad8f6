/* Spawning: the main child, behind a start barrier. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "explain.h"
#include "log.h"
#include "pages.h"
#include "privileges.h"

/* What the child says through the barrier. */
struct news {
	enum { EXEC_FAILED, PRIVILEGES_FAILED, PRIVILEGES_APPLIED } step;
	int error;
	struct privileges_failure privileges;
};

/* All that the child works from. With shared memory it changes nothing else that zinit reads. */
struct start {
	const struct options *options;
	const struct inherited *inherited;
	const struct terminal *terminal;
	bool shares_group;
	bool privileged;
	pid_t zinit;
	int barrier;
	int go[2];
	char *pid_variables[2]; /* where environ names the main child's pid */
};

const char *spawn_search_path(void)
{
	const char *path = getenv("PATH");

	return path ? path : "/usr/local/bin:/bin:/usr/bin";
}

bool spawn_next_path(const char **at, const char *program, char path[PATH_MAX])
{
	size_t name = strlen(program);

	while (*at) {
		size_t length = text_until(*at, ':');
		const char *directory = *at;

		*at = directory[length] ? directory + length + 1 : NULL;
		if (length + name + 2 > PATH_MAX)
			continue;
		memcpy(path, directory, length);
		if (length) /* an empty one is the working directory */
			path[length++] = '/';
		memcpy(path + length, program, name + 1);
		return true;
	}
	return false;
}

static bool is_elf(const char *path)
{
	char magic[4] = "";
	int fd = descriptors_open(path, O_RDONLY, 0);
	bool elf = fd >= 0 && read(fd, magic, 4) == 4 && memcmp(magic, "\177ELF", 4) == 0;

	if (fd >= 0)
		close(fd);
	return elf;
}

/*
 * execve(2), and what POSIX asks of execvp() where musl does not do it: a file without #! is run by
 * /bin/sh. The slot before the program's own name is zinit's argv[0], or an option: it makes room
 * for the shell's name without a copy of the arguments. Returns an errno value.
 */
static int try_exec(const char *path, char **program)
{
	static char shell[] = "/bin/sh";
	char *own_name = program[0];

	execve(path, program, environ);
	if (errno != ENOEXEC || is_elf(path))
		return errno;
	program[-1] = shell;
	program[0] = (char *)path;
	execve(shell, program - 1, environ);
	program[0] = own_name;
	return ENOEXEC;
}

/*
 * As execvp(3): a directory without the program, or without access to it, is no end of the search.
 * Not inlined, for its large frame: a path needs no search.
 */
static __attribute__((noinline)) int search_and_exec(char **program)
{
	const char *at = spawn_search_path();
	char path[PATH_MAX];
	int error = ENOENT;

	while (spawn_next_path(&at, program[0], path)) {
		switch (errno = try_exec(path, program)) {
		case EACCES:
			error = EACCES;
			break;
		case ENOENT:
		case ENOTDIR:
			break;
		default:
			return errno;
		}
	}
	return error;
}

/* Returns an errno value. */
static int exec_program(char **program)
{
	if (!program[0][0])
		return ENOENT;
	return strchr(program[0], '/') ? try_exec(program[0], program) : search_and_exec(program);
}

static void write_own_pid(const struct start *start)
{
	for (int i = 0; i < 2; i++)
		if (start->pid_variables[i])
			text_print(start->pid_variables[i], 24, "%d", (int)getpid());
}

static void enter_group(const struct start *start)
{
	if (start->options->target == TARGET_SESSION) {
		setsid();
		terminal_adopt(start->terminal);
	} else if (!start->shares_group) {
		setpgid(0, 0);
		terminal_hand_over(start->terminal);
	}
}

/*
 * Set last, because a change of uid clears it (commit_creds() in the kernel). A zinit that died
 * before this call is seen by the parent's pid.
 */
static void die_with_parent(const struct start *start)
{
	if (!start->options->kill_child)
		return;
	prctl(PR_SET_PDEATHSIG, start->options->kill_child);
	if (getppid() != start->zinit)
		_exit(128 + start->options->kill_child);
}

/*
 * With --user zinit takes the same user before the program's first instruction, which may open
 * /proc/1/fd/1. A zinit that died is seen as the end of the pipe.
 */
static void wait_for_zinit(const struct start *start)
{
	const struct news applied = { .step = PRIVILEGES_APPLIED };
	char byte;

	if (!start->options->user)
		return;
	close(start->go[1]);
	if (write(start->barrier, &applied, sizeof(applied)) < 0 ||
	    read(start->go[0], &byte, 1) < 1)
		_exit(start->options->contract->failure_status);
}

static int child_main(void *argument)
{
	const struct start *start = argument;
	const struct contract *contract = start->options->contract;
	struct news news = { .step = EXEC_FAILED };
	int status = contract->failure_status;

	enter_group(start);
	write_own_pid(start);
	if (start->privileged && !privileges_apply(&news.privileges)) {
		news.step = PRIVILEGES_FAILED;
	} else {
		wait_for_zinit(start);
		die_with_parent(start);
		signals_give_back(start->inherited);
		news.error = exec_program(start->options->program);
		status = news.error == ENOENT ? contract->not_found :
			 news.error == EACCES ? contract->not_executable :
						contract->not_run;
	}
	/* Fits into the pipe, whose reader is there as long as anybody wants to know. */
	if (write(start->barrier, &news, sizeof(news)) < 0)
		_exit(status);
	_exit(status);
}

static size_t count_from(char **variable)
{
	size_t count = 0;

	while (variable[count])
		count++;
	return count;
}

/*
 * LISTEN_PID (sd_listen_fds(3)) and WATCHDOG_PID (sd_watchdog_enabled(3)) name the process that
 * they are for. Where that is zinit they will name the main child, or socket activation and the
 * watchdog go silent; LISTEN_PIDFDID, a check of the same, goes with the old number.
 */
static void correct_environment(struct start *start)
{
	static const char *const names[] = { "LISTEN_PID=", "WATCHDOG_PID=" };
	static char corrected[2][40];
	unsigned long long pid;

	for (int i = 0; i < 2; i++) {
		size_t length = strlen(names[i]);

		for (char **variable = environ; *variable; variable++) {
			if (strncmp(*variable, names[i], length) != 0 ||
			    !text_number(*variable + length, INT_MAX, &pid) ||
			    (pid_t)pid != start->zinit)
				continue;
			memcpy(corrected[i], names[i], length);
			start->pid_variables[i] = corrected[i] + length;
			*variable = corrected[i];
		}
	}
	for (char **variable = environ; start->pid_variables[0] && *variable;)
		if (strncmp(*variable, "LISTEN_PIDFDID=", 15) == 0)
			memmove(variable, variable + 1,
				sizeof(*variable) * (1 + count_from(variable + 1)));
		else
			variable++;
}

static char stack[16384] ON_OWN_PAGES;

/*
 * Shares zinit's memory with the child until it execs, which saves copying the page tables, but
 * does not suspend zinit as vfork(2) does. Both use one errno: in the gap zinit makes only calls
 * that cannot fail (see supervise.c), so the child's is not disturbed. Where there is something to
 * apply that would reach back into zinit (a change of uid clears the dumpable flag of the shared
 * memory, libcap uses the heap) the memory is copied as by fork(2); likewise where there is no such
 * clone(2) (qemu's user mode).
 */
static pid_t start_child(struct start *start)
{
	pid_t pid = -1;

	errno = EINVAL;
	if (!start->privileged)
		pid = clone(child_main, stack + sizeof(stack), CLONE_VM | SIGCHLD, start);
	if (pid < 0 && errno == EINVAL)
		pid = clone(child_main, stack + sizeof(stack), SIGCHLD, start);
	return pid;
}

void spawn_let_go(void)
{
	madvise(stack, sizeof(stack), MADV_DONTNEED);
}

/* By the raw call: musl's makes do without O_CLOEXEC on kernels before 2.6.27. */
static bool make_pipe(int ends[2])
{
	return syscall(SYS_pipe2, ends, O_CLOEXEC) == 0;
}

void spawn_main_child(struct main_child *child, const struct options *options,
		      const struct inherited *inherited, struct terminal *terminal)
{
	static struct start start; /* outlives this call: the child reads it until it execs */
	int ends[2];

	*child = (struct main_child){ .zinit = inherited->pid, .barrier = -1, .go = -1 };
	if (!options->program)
		return;
	start = (struct start){
		.options = options,
		.inherited = inherited,
		.terminal = terminal,
		.shares_group = options->contract->shares_group && options->target == TARGET_CHILD,
		.privileged = privileges_wanted(options),
		.zinit = inherited->pid,
	};
	if (start.privileged && !privileges_resolve(options))
		_exit(options->contract->failure_status);
	correct_environment(&start);
	if (start.shares_group)
		terminal->handed = terminal->job = false;
	if (options->target == TARGET_SESSION)
		terminal_release(terminal);
	if (!make_pipe(ends) || (options->user && !make_pipe(start.go))) {
		log_error("start-failed", "cannot make the start barrier: %e{errno}", errno);
		_exit(options->contract->failure_status);
	}
	child->barrier = descriptors_lift(ends[0]);
	start.barrier = descriptors_lift(ends[1]);
	child->pid = start_child(&start);
	if (child->pid < 0) {
		log_error("start-failed", "cannot fork: %e{errno}%s", errno,
			  errno == EAGAIN ? " (no PID is left: see pids.max, RLIMIT_NPROC)" : "");
		_exit(options->contract->failure_status);
	}
	child->shares_group = start.shares_group;
	close(start.barrier);
	if (options->user) {
		close(start.go[0]);
		child->go = descriptors_lift(start.go[1]);
	}
}

enum spawn_news spawn_take_news(struct main_child *child, const struct options *options)
{
	struct news news;
	bool any = read(child->barrier, &news, sizeof(news)) == (ssize_t)sizeof(news);

	if (any && news.step == PRIVILEGES_APPLIED)
		return SPAWN_WAITS;
	close(child->barrier);
	child->barrier = -1;
	if (!any)
		return SPAWN_RUNS;
	if (news.step == PRIVILEGES_FAILED)
		privileges_explain(&news.privileges);
	else
		explain_exec_failure(options->program[0], news.error);
	return SPAWN_FAILED;
}

void spawn_go(struct main_child *child)
{
	/* A child that was killed meanwhile reads nothing. */
	if (write(child->go, "", 1) < 0)
		log_debug("start-failed", "the child does not wait any more: %e{errno}", errno);
	close(child->go);
	child->go = -1;
}
