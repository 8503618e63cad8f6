/*
 * refused: says which system calls zinit's sandbox refuses, without a tracer. tests/trace-sandbox
 * builds both of its halves.
 *
 *   refused NAME      listens at the abstract socket NAME until SIGTERM, and prints a line for each
 *                     zinit that comes ("filter"), and for each call that its filter refuses
 *   -DIN_ZINIT        for `ld --wrap=prctl`: zinit's filter then asks refused, whose answer is the
 *                     filter's own, EPERM. Without refused zinit has its filter as it is.
 *
 * A line's fields, with a tab between: "refused", the call's number, its arguments, who traces zinit
 * ("-": nobody), the test, zinit's arguments. "filter" has the last two alone.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int open_socket(const char *name, struct sockaddr_un *address, socklen_t *length)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strncpy(address->sun_path + 1, name, sizeof(address->sun_path) - 2);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			      strlen(address->sun_path + 1));
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

#ifdef IN_ZINIT

#include <stdarg.h>

int __real_prctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int operation, ...);

/* Returns false where nobody listens, or the kernel cannot ask. */
static int ask(struct sock_fprog *program, int socket)
{
	/* A filter that allows all, by the call that strace's tests look for. */
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog allow = { .len = 1, .filter = &all };
	int listener;
	char byte;

	for (int i = 0; i < program->len; i++)
		if (program->filter[i].code == (BPF_RET | BPF_K) &&
		    program->filter[i].k == (SECCOMP_RET_ERRNO | EPERM))
			program->filter[i].k = SECCOMP_RET_USER_NOTIF;
	if (__real_prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (unsigned long)&allow, 0, 0) != 0)
		return -1;
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				SECCOMP_FILTER_FLAG_NEW_LISTENER, program);
	if (listener < 0)
		return -1;
	/* The filter allows these: refused takes the descriptor itself (pidfd_getfd). */
	if (write(socket, &listener, sizeof(listener)) == sizeof(listener))
		(void)!read(socket, &byte, 1);
	close(listener);
	return 0;
}

int __wrap_prctl(int operation, ...)
{
	unsigned long arguments[4];
	struct sockaddr_un address;
	socklen_t length;
	va_list list;
	int socket, result;

	va_start(list, operation);
	for (int i = 0; i < 4; i++)
		arguments[i] = va_arg(list, unsigned long);
	va_end(list);
	if (operation == PR_SET_SECCOMP) {
		socket = open_socket(SOCKET, &address, &length);
		if (socket >= 0 && connect(socket, (struct sockaddr *)&address, length) == 0) {
			result = ask((struct sock_fprog *)arguments[1], socket);
			close(socket);
			return result;
		}
		close(socket);
	}
	return __real_prctl(operation, arguments[0], arguments[1], arguments[2], arguments[3]);
}

#else

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { MOST = 1024, TEXT = 300 };

/* Descriptor 0 of these listens; then come zinits that connect, and filters. */
static struct pollfd watched[MOST];
static struct zinit {
	pid_t pid;
	int is_filter;
	char test[TEXT], arguments[TEXT];
} zinits[MOST];
static int count;

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "refused: %s: %s\n", what, strerror(errno));
	exit(1);
}

static size_t read_file(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? 0 : read(fd, text, size - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t)length : 0;
}

static void copy_printable(char *to, const char *from, size_t length)
{
	if (length > TEXT - 1)
		length = TEXT - 1;
	for (size_t i = 0; i < length; i++)
		to[i] = from[i] < ' ' || from[i] > '~' ? ' ' : from[i];
	to[length] = '\0';
}

/* bats names the test in the environment, which most tests leave as it is. */
static void describe(struct zinit *zinit)
{
	static char text[1 << 17];
	size_t length = read_file(zinit->pid, "cmdline", text, sizeof(text));

	copy_printable(zinit->arguments, text, length);
	strcpy(zinit->test, "?");
	length = read_file(zinit->pid, "environ", text, sizeof(text));
	for (size_t i = 0; i < length; i += strlen(text + i) + 1)
		if (strncmp(text + i, "BATS_TEST_NAME=", 15) == 0)
			copy_printable(zinit->test, text + i + 15, strlen(text + i + 15));
}

static void name_tracer(pid_t pid, char name[TEXT])
{
	char text[4096], *line;
	size_t length = 0;

	read_file(pid, "status", text, sizeof(text));
	line = strstr(text, "\nTracerPid:");
	pid = line ? atoi(line + strlen("\nTracerPid:")) : 0;
	if (pid)
		length = read_file(pid, "comm", text, sizeof(text));
	if (length)
		copy_printable(name, text, length - 1);
	else
		strcpy(name, "-");
}

static void add(int fd, const struct zinit *zinit)
{
	if (count == MOST) {
		errno = EMFILE;
		give_up("too many at once");
	}
	watched[count].fd = fd;
	watched[count].events = POLLIN;
	watched[count].revents = 0;
	zinits[count++] = *zinit;
}

static void come(int listener)
{
	struct zinit zinit = { .is_filter = 0 };
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (socket < 0 || getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		give_up("accept");
	zinit.pid = peer.pid;
	describe(&zinit);
	add(socket, &zinit);
}

/* zinit has told the number of its descriptor. */
static void take_filter(int i)
{
	int pidfd = -1, remote, fd = -1;

	if (read(watched[i].fd, &remote, sizeof(remote)) == sizeof(remote)) {
		pidfd = (int)syscall(SYS_pidfd_open, zinits[i].pid, 0);
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, remote, 0);
		if (fd < 0)
			perror("refused: pidfd_getfd");
	}
	close(pidfd);
	close(watched[i].fd); /* which lets zinit go on */
	watched[i].fd = fd;
	zinits[i].is_filter = 1;
	if (fd >= 0)
		printf("filter\t%s\t%s\n", zinits[i].test, zinits[i].arguments);
}

static void refuse(int fd, const struct zinit *zinit)
{
	struct seccomp_notif call = { .id = 0 };
	struct seccomp_notif_resp answer = { .error = -EPERM };
	char tracer[TEXT];

	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
		return;
	answer.id = call.id;
	name_tracer(zinit->pid, tracer);
	printf("refused\t%d\t", call.data.nr);
	for (int i = 0; i < 6; i++)
		printf("%s%#llx", i ? ", " : "", call.data.args[i]);
	printf("\t%s\t%s\t%s\n", tracer, zinit->test, zinit->arguments);
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address;
	socklen_t length;
	int listener, kept;

	if (argc != 2)
		return 2;
	setlinebuf(stdout);
	listener = open_socket(argv[1], &address, &length);
	if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 128) != 0)
		give_up(argv[1]);
	add(listener, &(struct zinit){ .pid = 0 });
	puts("listens");
	for (;;) {
		if (poll(watched, (nfds_t)count, -1) < 0)
			give_up("poll");
		if (watched[0].revents)
			come(listener);
		kept = 1;
		for (int i = 1; i < count; i++) {
			if (watched[i].revents & POLLIN) {
				if (zinits[i].is_filter)
					refuse(watched[i].fd, &zinits[i]);
				else
					take_filter(i);
			} else if (watched[i].revents) {
				close(watched[i].fd);
				watched[i].fd = -1;
			}
			if (watched[i].fd < 0)
				continue;
			watched[kept] = watched[i];
			watched[kept].revents = 0;
			zinits[kept++] = zinits[i];
		}
		count = kept;
	}
}

#endif
