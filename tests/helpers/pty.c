/*
 * pty: runs a program as the leader of a session of its own on a pseudo terminal, and drives it.
 *
 *   pty [-1] [-e] COMMANDS REPLIES PROGRAM [ARG]...
 *
 *   -1   PROGRAM is PID 1 of a PID namespace of its own
 *   -e   the terminal echoes (it does not, so that nobody waits for what he typed himself)
 *
 * Reads commands from the FIFO COMMANDS, a line each, and answers each with one line in the FIFO
 * REPLIES: "ok ..." or "no ..." with what went wrong. pty.bash has a function for each.
 *
 *   send TEXT              types TEXT, with the escapes of printf(1): \003 is Ctrl-C
 *   expect SECONDS REGEX   waits until what came since the last match has a match (extended), and
 *                          takes it off, up to the match's end; says what matched, or its group 1
 *   rest                   takes off and says what came since
 *   leader                 PROGRAM's PID
 *   foreground             the terminal's foreground process group
 *   modes                  the terminal's modes, as one word
 *   resize ROWS COLUMNS    gives the terminal a new size
 *   hangup                 closes the master, so that the terminal goes
 *   signal NUMBER PID      sends a signal (to a process group by a negative PID)
 *   wait SECONDS           waits for the end of PROGRAM: "exited N" or "killed N"
 *
 * As PID 1 of pidns it reaps all, and the kernel ends all when it ends.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "kernel_signals.h"

static int master, commands, replies, deaths;
static pid_t leader;
static int leader_status = -1;

/* What came from the terminal and no match has taken off. */
static char screen[1 << 16];
static size_t screen_length;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "pty: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void reply(const char *format, ...)
{
	char line[4096];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	if (write(replies, line, (size_t)length) < 0)
		die("reply");
}

/* Bytes as one line: newline and the rest of the control characters as \ooo. */
static const char *visible(const char *bytes, size_t length)
{
	static char text[3072];
	size_t out = 0;

	for (size_t i = 0; i < length && out < sizeof(text) - 5; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		if (byte < ' ' || byte > '~')
			out += (size_t)sprintf(text + out, "\\%03o", byte);
		else
			text[out++] = (char)byte;
	}
	text[out] = 0;
	return text;
}

static void start(char **argv, int as_pid_1, int echo)
{
	struct termios modes;
	char name[64];
	int slave;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, name, sizeof(name)) || tcgetattr(master, &modes))
		die("pseudo terminal");
	/* Before anything is typed, which would be echoed. */
	if (!echo)
		modes.c_lflag &= ~(tcflag_t)ECHO;
	modes.c_oflag &= ~(tcflag_t)OPOST;
	if (tcsetattr(master, TCSANOW, &modes))
		die("modes");
	if (as_pid_1 && unshare(CLONE_NEWPID))
		die("PID namespace");
	leader = fork();
	if (leader < 0)
		die("fork");
	if (leader > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (as_pid_1 && (unshare(CLONE_NEWNS) ||
			 mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)))
		die("/proc");
	setsid();
	slave = open(name, O_RDWR);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0))
		die(name);
	for (int fd = 0; fd < 3; fd++)
		dup2(slave, fd);
	if (slave > 2)
		close(slave);
	signal_mask_set(SIG_SETMASK, 0);
	/* The death signal is ours, not what is under test. */
	prctl(PR_SET_PDEATHSIG, 0);
	execvp(argv[0], argv);
	die(argv[0]);
}

static void take_output(void)
{
	ssize_t got;

	if (screen_length == sizeof(screen)) {
		screen_length /= 2;
		memmove(screen, screen + screen_length, screen_length);
	}
	got = read(master, screen + screen_length, sizeof(screen) - screen_length);
	if (got > 0)
		screen_length += (size_t)got;
	else if (got == 0 || errno == EIO)
		usleep(1000); /* nobody has the slave open now; somebody may open it again */
}

static void reap(void)
{
	struct signalfd_siginfo record;
	int status;
	pid_t pid;

	if (read(deaths, &record, sizeof(record)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == leader)
			leader_status = status;
}

/* Lets events come, at most until `deadline`; says whether a command is there. */
static int wait_event(long milliseconds, int want_command)
{
	struct pollfd files[3] = { { .fd = master, .events = POLLIN },
				   { .fd = deaths, .events = POLLIN },
				   { .fd = want_command ? commands : -1, .events = POLLIN } };

	if (poll(files, 3, (int)milliseconds) < 0)
		return 0;
	if (files[0].revents)
		take_output();
	if (files[1].revents)
		reap();
	return files[2].revents & POLLIN;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes off the first match; false where there is none. */
static int take_match(const regex_t *regex)
{
	regmatch_t match[2];
	size_t end;
	int group;

	if (screen_length == sizeof(screen))
		screen_length--;
	screen[screen_length] = 0;
	for (size_t i = 0; i < screen_length; i++)
		if (!screen[i])
			screen[i] = '?';
	if (regexec(regex, screen, 2, match, 0))
		return 0;
	group = match[1].rm_so >= 0 ? 1 : 0;
	reply("ok %s", visible(screen + match[group].rm_so,
			       (size_t)(match[group].rm_eo - match[group].rm_so)));
	end = (size_t)match[0].rm_eo;
	screen_length -= end;
	memmove(screen, screen + end, screen_length);
	return 1;
}

static void expect(const char *arguments)
{
	char *text;
	long deadline = now_ms() + (long)(strtod(arguments, &text) * 1000), left;
	regex_t regex;

	if (regcomp(&regex, text + 1, REG_EXTENDED)) {
		reply("no: not a regular expression: %s", text + 1);
		return;
	}
	while (!take_match(&regex)) {
		left = deadline - now_ms();
		if (left <= 0) {
			reply("no: waited in vain for '%s', has '%s'", text + 1,
			      visible(screen, screen_length));
			break;
		}
		wait_event(left, 0);
	}
	regfree(&regex);
}

/* Types the text at once: the line discipline sees it as one write. */
static void type(const char *text)
{
	char bytes[1024];
	size_t length = 0;

	for (; *text && length < sizeof(bytes); length++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '7') {
			int value = 0;

			text++;
			for (int i = 0; i < 3 && *text >= '0' && *text <= '7'; i++)
				value = value * 8 + *text++ - '0';
			bytes[length] = (char)value;
		} else if (text[0] == '\\' && text[1] == 'n') {
			bytes[length] = '\n';
			text += 2;
		} else {
			bytes[length] = *text++;
		}
	}
	if (write(master, bytes, length) == (ssize_t)length)
		reply("ok");
	else
		reply("no: %s", strerror(errno));
}

static void tell_modes(void)
{
	struct termios modes;

	if (tcgetattr(master, &modes)) {
		reply("no: %s", strerror(errno));
		return;
	}
	reply("ok %x:%x:%x:%x:%s", modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag,
	      visible((char *)modes.c_cc, NCCS));
}

static void resize(const char *arguments)
{
	struct winsize size = { 0 };

	if (sscanf(arguments, "%hu %hu", &size.ws_row, &size.ws_col) == 2 &&
	    ioctl(master, TIOCSWINSZ, &size) == 0)
		reply("ok");
	else
		reply("no: %s", strerror(errno));
}

static void hang_up(void)
{
	/* A closed descriptor is nothing to poll for: -1 is left out. */
	if (master >= 0)
		close(master);
	master = -1;
	reply("ok");
}

static void send_signal(const char *arguments)
{
	int number, target;

	if (sscanf(arguments, "%d %d", &number, &target) == 2 && target &&
	    syscall(SYS_kill, target, number) == 0)
		reply("ok");
	else
		reply("no: signal %s: %s", arguments, strerror(errno));
}

static void wait_leader(const char *arguments)
{
	long deadline = now_ms() + (long)(atof(arguments) * 1000), left;

	while (leader_status < 0 && (left = deadline - now_ms()) > 0)
		wait_event(left, 0);
	if (leader_status < 0)
		reply("no: it has not ended");
	else if (WIFSIGNALED(leader_status))
		reply("ok killed %d", WTERMSIG(leader_status));
	else
		reply("ok exited %d", WEXITSTATUS(leader_status));
}

static void obey(char *line)
{
	char *arguments = strchr(line, ' ');

	if (arguments)
		*arguments++ = 0;
	else
		arguments = line + strlen(line);
	if (strcmp(line, "send") == 0) {
		type(arguments);
	} else if (strcmp(line, "expect") == 0) {
		expect(arguments);
	} else if (strcmp(line, "rest") == 0) {
		while (master >= 0 && poll(&(struct pollfd){ master, POLLIN, 0 }, 1, 0) > 0) {
			size_t before = screen_length;

			take_output();
			if (screen_length == before)
				break;
		}
		reply("ok %s", visible(screen, screen_length));
		screen_length = 0;
	} else if (strcmp(line, "leader") == 0) {
		reply("ok %d", leader);
	} else if (strcmp(line, "foreground") == 0) {
		reply("ok %d", tcgetpgrp(master));
	} else if (strcmp(line, "modes") == 0) {
		tell_modes();
	} else if (strcmp(line, "resize") == 0) {
		resize(arguments);
	} else if (strcmp(line, "hangup") == 0) {
		hang_up();
	} else if (strcmp(line, "signal") == 0) {
		send_signal(arguments);
	} else if (strcmp(line, "wait") == 0) {
		wait_leader(arguments);
	} else {
		reply("no: unknown command '%s'", line);
	}
}

/* One command is one write of the FIFO's other side, below PIPE_BUF. */
static void read_command(void)
{
	static char buffer[4096];
	static size_t length;
	char *end;
	ssize_t got = read(commands, buffer + length, sizeof(buffer) - 1 - length);

	if (got <= 0)
		exit(0);
	length += (size_t)got;
	buffer[length] = 0;
	while ((end = strchr(buffer, '\n'))) {
		*end++ = 0;
		obey(buffer);
		length -= (size_t)(end - buffer);
		memmove(buffer, end, length + 1);
	}
}

int main(int argc, char **argv)
{
	int option, as_pid_1 = 0, echo = 0;
	sigset_t set;

	while ((option = getopt(argc, argv, "+1e")) != -1) {
		if (option == '1')
			as_pid_1 = 1;
		else if (option == 'e')
			echo = 1;
		else
			return 2;
	}
	if (argc - optind < 3)
		return 2;
	/* Read and write, so that neither end waits for the other, nor sees its end. */
	commands = open(argv[optind], O_RDWR | O_CLOEXEC);
	replies = open(argv[optind + 1], O_RDWR | O_CLOEXEC);
	if (commands < 0 || replies < 0)
		die("FIFO");
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	deaths = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (deaths < 0)
		die("signalfd");
	start(argv + optind + 2, as_pid_1, echo);
	for (;;)
		if (wait_event(-1, 1))
			read_command();
}
