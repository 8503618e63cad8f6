/*
 * pidns: runs PROGRAM as PID 1 of a PID namespace of its own, with a /proc of its own.
 *
 * What unshare(1) does not do, and a test needs: the PID that PROGRAM has outside is told before
 * PROGRAM starts; how it ended is told exactly (a status of 143 is not a death by SIGTERM); it
 * starts from a known state (empty mask, default dispositions, no descriptor above 2); and it
 * cannot outlive its time. An ordinary user gets a user namespace too, and is root in there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel_signals.h"

static const char usage[] =
	"pidns [OPTION]... PROGRAM [ARG]...\n"
	"  -i          put a small init in as PID 1: PROGRAM gets PID 2\n"
	"  -o          PROGRAM is not PID 1, and its parent is outside of the namespace\n"
	"  -b SIGNAL   send SIGNAL to PROGRAM at the very moment at which it has blocked it\n"
	"  -p FILE     write 'PID-OF-PROGRAM PID-OF-INIT' as seen from outside into FILE\n"
	"  -s FILE     write 'exited N', 'killed N[ with a core dump]' or 'timeout' into FILE at the end\n"
	"  -t SECONDS  end the namespace after that time (30)\n"
	"  -u UID      in a user namespace where root is UID outside (an ordinary user: the own one),\n"
	"              and in which nothing but the namespace's own processes is counted\n";

static pid_t namespace_init;
static volatile sig_atomic_t timed_out;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "pidns: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static void end_namespace(int signo)
{
	timed_out = signo == SIGALRM;
	kill(namespace_init, SIGKILL);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void enter_user_namespace(void)
{
	char uid_map[64], gid_map[64];

	snprintf(uid_map, sizeof(uid_map), "0 %u 1", geteuid());
	snprintf(gid_map, sizeof(gid_map), "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER))
		die("user namespace");
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", uid_map);
	write_file("/proc/self/gid_map", gid_map);
}

/*
 * For -u: RLIMIT_NPROC counts by user namespace, and not for the machine's root. This process stays
 * outside of both namespaces, so that it does not count.
 */
static pid_t fork_into_namespaces(int root_uid)
{
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWPID, .exit_signal = SIGCHLD };
	int id = geteuid() == 0 ? root_uid : (int)geteuid();
	char path[64], map[64];
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		die("user namespace");
	if (pid == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	write_file(path, "deny");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	snprintf(map, sizeof(map), "0 %d 1", id);
	write_file(path, map);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	snprintf(map, sizeof(map), "0 %d 1", geteuid() == 0 ? root_uid : (int)getegid());
	write_file(path, map);
	return pid;
}

/* Waits for the maps: in the new user namespace nobody is root before. */
static void become_root(int socket)
{
	char byte;

	if (recv(socket, &byte, 1, 0) != 1)
		_exit(125);
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
		die("root of the user namespace");
}

/* The kernel translates the sender's PID in the credentials into the receiver's namespace. */
static pid_t receive_pid(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct ucred sender;

	if (recvmsg(socket, &message, 0) != 1)
		return -1;
	memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
	return sender.pid;
}

static void mount_proc(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("private mounts");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		die("/proc");
}

static _Noreturn void start_program(int socket, char **argv)
{
	char byte = 0;

	for (int signo = 1; signo <= LAST_SIGNAL; signo++)
		signal_dispose(signo, SIG_DFL);
	signal_mask_set(SIG_SETMASK, 0);
	if (send(socket, "p", 1, MSG_NOSIGNAL) != 1 || recv(socket, &byte, 1, 0) != 1)
		_exit(125);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	execvp(argv[0], argv);
	die(argv[0]);
}

/* What PROGRAM closes shall be closed: the pipes of its stdin and stdout are not held here, too. */
static void let_go_of_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
}

/* PID 1 for a PROGRAM that is another process: reaps, and tells how PROGRAM ended. */
static _Noreturn void be_init(int socket, pid_t program)
{
	int status;
	pid_t pid;

	do
		pid = wait(&status);
	while (pid != program && (pid > 0 || errno == EINTR));
	send(socket, &status, sizeof(status), MSG_NOSIGNAL);
	_exit(0);
}

/* PROGRAM's parent stays outside: its getppid() is 0, as with `docker exec` and nsenter(1). */
static _Noreturn void start_from_outside(int socket, char **argv)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", namespace_init);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNS))
		die(path);
	setsid();
	start_program(socket, argv);
}

static pid_t fork_or_die(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

/* The namespace's PID 1: PROGRAM itself, its parent, or (where argv is NULL) an init beside it. */
static _Noreturn void first_process(int socket, int with_init, char **argv)
{
	pid_t program;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	if (unshare(CLONE_NEWNS))
		die("mount namespace");
	mount_proc();
	if (!argv) {
		let_go_of_streams();
		send(socket, "i", 1, MSG_NOSIGNAL);
		for (;;)
			if (wait(NULL) < 0)
				usleep(1000);
	}
	if (!with_init)
		start_program(socket, argv);
	program = fork_or_die();
	if (program == 0)
		start_program(socket, argv);
	let_go_of_streams();
	be_init(socket, program);
}

/* Spins: the gap between an init's first system call and its child's exec is short. */
static void signal_once_blocked(pid_t program, int signo)
{
	char path[64], text[4096];
	const char *blocked;

	snprintf(path, sizeof(path), "/proc/%d/status", program);
	for (;;) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		close(fd);
		if (length <= 0)
			return;
		text[length] = 0;
		blocked = strstr(text, "\nSigBlk:");
		/* A zombie has no signals left. */
		if (!blocked || strstr(text, "\nState:\tZ"))
			return;
		if (strtoull(blocked + strlen("\nSigBlk:"), NULL, 16) & signal_bit(signo))
			break;
	}
	syscall(SYS_kill, program, signo);
}

static int wait_for(pid_t pid)
{
	int status = 125 << 8;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* As be_init() tells it; where it could not, PROGRAM went with the namespace. */
static int receive_status(int socket)
{
	int status, init_status;
	ssize_t got;

	do
		got = recv(socket, &status, sizeof(status), 0);
	while (got < 0 && errno == EINTR);
	init_status = wait_for(namespace_init);
	return got == sizeof(status) ? status : init_status;
}

static void describe(char *text, size_t size, int status)
{
	if (timed_out)
		snprintf(text, size, "timeout\n");
	else if (WIFSIGNALED(status))
		snprintf(text, size, "killed %d%s\n", WTERMSIG(status),
			 WCOREDUMP(status) ? " with a core dump" : "");
	else
		snprintf(text, size, "exited %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	const char *pid_file = NULL, *status_file = NULL;
	int with_init = 0, parent_outside = 0, seconds = 30;
	int option, status, sockets[2], on = 1, once_blocked = 0, root_uid = 0;
	pid_t program = 0, named;
	char text[64];

	while ((option = getopt(argc, argv, "+iob:p:s:t:u:")) != -1) {
		switch (option) {
		case 'i':
			with_init = 1;
			break;
		case 'o':
			parent_outside = 1;
			break;
		case 'b':
			once_blocked = atoi(optarg);
			break;
		case 'p':
			pid_file = optarg;
			break;
		case 's':
			status_file = optarg;
			break;
		case 't':
			seconds = atoi(optarg);
			break;
		case 'u':
			root_uid = atoi(optarg);
			break;
		default:
			optind = argc;
		}
	}
	if (optind >= argc || (root_uid && parent_outside)) {
		fputs(usage, stderr);
		return 125;
	}
	argv += optind;
	signal(SIGCHLD, SIG_DFL);
	if (!root_uid && geteuid() != 0)
		enter_user_namespace();
	if (!root_uid && unshare(CLONE_NEWPID))
		die("PID namespace");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		die("socketpair");
	setsockopt(sockets[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));

	namespace_init = root_uid ? fork_into_namespaces(root_uid) : fork_or_die();
	if (namespace_init == 0 && root_uid)
		become_root(sockets[1]);
	if (namespace_init == 0)
		first_process(sockets[1], with_init, parent_outside ? NULL : argv);
	if (root_uid)
		send(sockets[0], "u", 1, MSG_NOSIGNAL);
	signal(SIGALRM, end_namespace);
	signal(SIGTERM, end_namespace);
	signal(SIGINT, end_namespace);
	signal(SIGHUP, end_namespace);
	signal_mask_set(SIG_SETMASK, 0);
	alarm((unsigned)seconds);
	if (parent_outside) {
		receive_pid(sockets[0]);
		program = fork_or_die();
		if (program == 0)
			start_from_outside(sockets[1], argv);
	}
	close(sockets[1]);
	let_go_of_streams();

	named = receive_pid(sockets[0]);
	if (named > 0 && pid_file) {
		snprintf(text, sizeof(text), "%d %d\n", named, namespace_init);
		write_file(pid_file, text);
	}
	send(sockets[0], "g", 1, MSG_NOSIGNAL);
	if (once_blocked && named > 0)
		signal_once_blocked(named, once_blocked);

	if (parent_outside) {
		status = wait_for(program);
		kill(namespace_init, SIGKILL);
		wait_for(namespace_init);
	} else if (with_init) {
		status = receive_status(sockets[0]);
	} else {
		status = wait_for(namespace_init);
	}
	describe(text, sizeof(text), status);
	if (timed_out)
		fprintf(stderr, "pidns: %s did not end within %d s\n", argv[0], seconds);
	if (status_file)
		write_file(status_file, text);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
