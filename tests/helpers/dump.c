/*
 * dump: prints, a line each, everything that a program inherits over fork and execve, so that a
 * run under zinit can be compared with a direct one by diff(1). What is meant to differ (PIDs) has
 * the word "own" in front: grep -v '^own '.
 *
 * dump [-o FILE]...: FILE's descriptor, far above all others, is not among what is printed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kernel_signals.h"

enum { OUTPUT = 1000 };

extern char **environ;

static void print_signals(void)
{
	printf("mask %016llx\n", (unsigned long long)signal_mask_set(SIG_BLOCK, 0));
	for (int signo = 1; signo <= LAST_SIGNAL; signo++)
		printf("signal %d %s\n", signo,
		       signal_disposition(signo) == (unsigned long)SIG_IGN ? "ignored" :
		       signal_disposition(signo) == (unsigned long)SIG_DFL ? "default" :
									     "caught");
}

static void print_descriptors(void)
{
	for (int fd = 0; fd < OUTPUT; fd++) {
		char path[64], target[4096];
		struct stat stat;
		ssize_t length;

		if (fstat(fd, &stat))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = 0;
		printf("fd %d %s mode %o flags %o cloexec %d offset %ld\n", fd, target,
		       stat.st_mode, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD),
		       (long)lseek(fd, 0, SEEK_CUR));
	}
}

static void print_limits(void)
{
	for (int resource = 0; resource < RLIMIT_NLIMITS; resource++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)resource, &limit) == 0)
			printf("limit %d %lu %lu\n", resource, limit.rlim_cur, limit.rlim_max);
	}
}

/* Of /proc/self/status what is inherited. */
static void print_status(void)
{
	static const char *const wanted[] = {
		"Umask:",        "TracerPid:",
		"Uid:",          "Gid:",
		"Groups:",       "SigPnd:",
		"ShdPnd:",       "SigBlk:",
		"SigIgn:",       "SigCgt:",
		"CapInh:",       "CapPrm:",
		"CapEff:",       "CapBnd:",
		"CapAmb:",       "NoNewPrivs:",
		"Seccomp:",      "Cpus_allowed:",
		"Mems_allowed:", "CoreDumping:",
		"THP_enabled:",  "Speculation_Store_Bypass:",
	};
	FILE *status = fopen("/proc/self/status", "r");
	char line[4096];

	while (status && fgets(line, sizeof(line), status))
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
				printf("status %s", line);
	if (status)
		fclose(status);
}

static void print_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[4096];

	while (file && fgets(line, sizeof(line), file))
		printf("%s %s%s", path, line, strchr(line, '\n') ? "" : "\n");
	if (file)
		fclose(file);
}

static void print_link(const char *path)
{
	char target[4096];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	target[length < 0 ? 0 : length] = 0;
	printf("%s %s\n", path, target);
}

int main(int argc, char **argv)
{
	static const char *const namespaces[] = { "cgroup", "ipc",  "mnt", "net",
						  "pid",    "user", "uts" };
	struct sched_param scheduling = { .sched_priority = 0 };
	int number = 0;

	if (argc > 2 && strcmp(argv[1], "-o") == 0) {
		int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);

		if (fd < 0 || dup2(fd, OUTPUT) < 0)
			return 1;
		close(fd);
		stdout = fdopen(OUTPUT, "w");
	}
	setvbuf(stdout, malloc(1 << 18), _IOFBF, 1 << 18);
	print_descriptors();
	print_signals();
	print_status();
	print_limits();
	for (int i = 0; i < argc; i++)
		printf("argument %d %s\n", i, argv[i]);
	for (char **variable = environ; *variable; variable++)
		printf("environ %s\n", *variable);
	print_link("/proc/self/cwd");
	print_link("/proc/self/root");
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", namespaces[i]);
		print_link(path);
	}
	print_file("/proc/self/oom_score_adj");
	print_file("/proc/self/coredump_filter");
	print_file("/proc/self/cgroup");
	print_file("/proc/self/loginuid");
	print_file("/proc/self/timerslack_ns");
	printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
	printf("ioprio %ld\n", syscall(SYS_ioprio_get, 1, 0));
	sched_getparam(0, &scheduling);
	printf("scheduler %d priority %d\n", sched_getscheduler(0), scheduling.sched_priority);
	printf("personality %x\n", (unsigned)personality(0xffffffff));
	printf("dumpable %d keepcaps %d securebits %x\n", prctl(PR_GET_DUMPABLE),
	       prctl(PR_GET_KEEPCAPS), (unsigned)prctl(PR_GET_SECUREBITS));
	printf("timerslack %d\n", prctl(PR_GET_TIMERSLACK));
	prctl(PR_GET_CHILD_SUBREAPER, &number);
	printf("subreaper %d\n", number);
	prctl(PR_GET_TSC, &number);
	printf("tsc %d mce %d thp_disable %d\n", number, prctl(PR_MCE_KILL_GET, 0, 0, 0, 0),
	       prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	printf("own session leader %d\n", getsid(0) == getpid());
	prctl(PR_GET_PDEATHSIG, &number);
	printf("own pdeathsig %d\n", number);
	printf("own pid %d ppid %d pgid %d sid %d\n", getpid(), getppid(), getpgrp(), getsid(0));
	return 0;
}
