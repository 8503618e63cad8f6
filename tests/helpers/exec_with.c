/*
 * exec_with [WORK]... -- PROGRAM [ARG]...: does each work in turn, then executes PROGRAM.
 *
 *   block=LIST        blocks the signals ("1,15,34" or "all")
 *   ignore=LIST       ignores them
 *   raise=LIST        has another process send them to it (block them before)
 *   queue=SIG:VALUE   queues one with a value to itself
 *   close=FD          closes a descriptor
 *   open=FD:FILE      opens FILE for reading and writing, or reading only, as FD
 *   pipe=FD           FD is the reading end of a pipe, FD + 1 the writing one
 *   limit=RES:SOFT    sets a soft limit: nofile, core, stack, nproc, sigpending, fsize, cpu
 *   umask=OCTAL  nice=N  directory=DIR  argv0=NAME  pdeathsig=N  oom=N  slack=NS
 *   environ=NAME=VALUE  or environ=NAME (taken out); environ_pid=NAME sets it to the own PID
 *   subreaper         becomes a child subreaper
 *   no_new_privs      as it says
 *   child=STATUS      has a child that ends at once
 *   sleeper           has a child that a signal has to end
 *   clone_child=SIG   has a child that tells its end by another signal (0: by none), and that a
 *                     signal has to end
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kernel_signals.h"

static char *argv0;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "exec_with: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void check(long result, const char *what)
{
	if (result < 0)
		die(what);
}

/* By another process, as in life: what a process sends to itself an init takes for its own. */
static void raise_list(uint64_t set)
{
	pid_t self = getpid(), child = fork();
	int status;

	check(child, "fork");
	if (child == 0) {
		for (int signo = 1; signo <= LAST_SIGNAL; signo++)
			if (set & signal_bit(signo))
				check(syscall(SYS_kill, self, signo), "kill");
		_exit(0);
	}
	check(waitpid(child, &status, 0), "wait");
}

static void queue_one(const char *text)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	if (sscanf(text, "%d:%d", &info.si_signo, &info.si_value.sival_int) != 2)
		die(text);
	check(syscall(SYS_rt_sigqueueinfo, getpid(), info.si_signo, &info), "sigqueue");
}

static void open_as(const char *text)
{
	char *path;
	int wanted = (int)strtol(text, &path, 10), fd;

	if (*path++ != ':')
		die(text);
	fd = open(path, O_RDWR);
	if (fd < 0)
		fd = open(path, O_RDONLY);
	check(fd, path);
	if (fd != wanted) {
		check(dup2(fd, wanted), "dup2");
		close(fd);
	}
}

static void pipe_as(int fd)
{
	int ends[2];

	check(pipe(ends), "pipe");
	check(dup2(ends[1], 500), "dup2");
	check(dup2(ends[0], fd), "dup2");
	check(dup2(500, fd + 1), "dup2");
	close(500);
	for (int i = 0; i < 2; i++)
		if (ends[i] != fd && ends[i] != fd + 1)
			close(ends[i]);
}

static void limit_one(const char *text)
{
	static const struct {
		const char *name;
		int resource;
	} table[] = {
		{ "nofile", RLIMIT_NOFILE },         { "core", RLIMIT_CORE },
		{ "stack", RLIMIT_STACK },           { "nproc", RLIMIT_NPROC },
		{ "fsize", RLIMIT_FSIZE },           { "cpu", RLIMIT_CPU },
		{ "sigpending", RLIMIT_SIGPENDING },
	};
	const char *colon = strchr(text, ':');
	struct rlimit limit;

	for (size_t i = 0; colon && i < sizeof(table) / sizeof(*table); i++) {
		if (strncmp(table[i].name, text, (size_t)(colon - text)) != 0)
			continue;
		check(getrlimit((__rlimit_resource_t)table[i].resource, &limit), "getrlimit");
		limit.rlim_cur = strtoul(colon + 1, NULL, 10);
		check(setrlimit((__rlimit_resource_t)table[i].resource, &limit), text);
		return;
	}
	errno = EINVAL;
	die(text);
}

static void write_number(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void change_environment(char *text)
{
	char *equals = strchr(text, '=');

	if (equals)
		putenv(text);
	else
		unsetenv(text);
}

static void pid_into_environment(const char *name)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", getpid());
	setenv(name, text, 1);
}

/* As fork(2) does it, but for the signal. */
static void have_child(long exit_signal, int status)
{
	long pid = syscall(SYS_clone, exit_signal, 0, 0, 0, 0);

	check(pid, "clone");
	if (pid == 0) {
		signal_mask_set(SIG_SETMASK, 0);
		while (status < 0)
			pause();
		_exit(status);
	}
}

static void do_work(char *work)
{
	char *value = strchr(work, '=');

	if (value)
		*value++ = 0;
	else
		value = work + strlen(work);
#define IS(name) (strcmp(work, name) == 0)
	if (IS("block"))
		signal_mask_set(SIG_BLOCK, signal_list(value));
	else if (IS("ignore"))
		for (int signo = 1; signo <= LAST_SIGNAL; signo++) {
			if (signal_list(value) & signal_bit(signo))
				check(signal_dispose(signo, SIG_IGN), "sigaction");
		}
	else if (IS("raise"))
		raise_list(signal_list(value));
	else if (IS("queue"))
		queue_one(value);
	else if (IS("close"))
		close(atoi(value));
	else if (IS("open"))
		open_as(value);
	else if (IS("pipe"))
		pipe_as(atoi(value));
	else if (IS("limit"))
		limit_one(value);
	else if (IS("umask"))
		umask((mode_t)strtoul(value, NULL, 8));
	else if (IS("nice"))
		check(setpriority(PRIO_PROCESS, 0, atoi(value)), "nice");
	else if (IS("directory"))
		check(chdir(value), value);
	else if (IS("argv0"))
		argv0 = value;
	else if (IS("pdeathsig"))
		check(prctl(PR_SET_PDEATHSIG, atoi(value)), "pdeathsig");
	else if (IS("oom"))
		write_number("/proc/self/oom_score_adj", value);
	else if (IS("slack"))
		check(prctl(PR_SET_TIMERSLACK, strtoul(value, NULL, 10)), "slack");
	else if (IS("environ"))
		change_environment(value);
	else if (IS("environ_pid"))
		pid_into_environment(value);
	else if (IS("subreaper"))
		check(prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper");
	else if (IS("no_new_privs"))
		check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	else if (IS("child"))
		have_child(SIGCHLD, atoi(value));
	else if (IS("sleeper"))
		have_child(SIGCHLD, -1);
	else if (IS("clone_child"))
		have_child(atol(value), -1);
	else {
		errno = EINVAL;
		die(work);
	}
#undef IS
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		do_work(argv[i]);
	if (i + 1 >= argc) {
		fputs("exec_with [WORK]... -- PROGRAM [ARG]...\n", stderr);
		return 125;
	}
	char *program = argv[i + 1];

	if (argv0)
		argv[i + 1] = argv0;
	execvp(program, argv + i + 1);
	die(program);
}
