/* The terminal: the foreground given and given back, job control passed through. */
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "signals.h"

/*
 * A shell starts each job in a process group of its own; what a script runs stays in the script's
 * group. PID 1's parent, and one outside the PID namespace, reads as 0.
 */
static bool is_job(const struct terminal *terminal)
{
	pid_t parent = getppid(), session = getsid(0);

	return parent > 0 && getpid() != 1 && session != getpid() && getsid(parent) == session &&
	       getpgid(parent) != terminal->own_group;
}

void terminal_look(struct terminal *terminal)
{
	static const int candidates[] = { STDIN_FILENO, STDERR_FILENO };

	*terminal = (struct terminal){ .fd = -1 };
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		/* ENOTTY, too, for a terminal that controls another session. */
		pid_t foreground = tcgetpgrp(candidates[i]);

		if (foreground < 0)
			continue;
		terminal->fd = candidates[i];
		terminal->own_group = getpgrp();
		terminal->handed = foreground == terminal->own_group;
		terminal->job = is_job(terminal);
		terminal->modes_known = tcgetattr(terminal->fd, &terminal->modes) == 0;
		return;
	}
}

void terminal_release(struct terminal *terminal)
{
	terminal->handed = false;
	terminal->job = false;
	if (terminal->fd >= 0 && getsid(0) == getpid())
		terminal->released = ioctl(terminal->fd, TIOCNOTTY) == 0;
}

void terminal_adopt(const struct terminal *terminal)
{
	if (terminal->released)
		ioctl(terminal->fd, TIOCSCTTY, 0);
}

void terminal_hand_over(const struct terminal *terminal)
{
	if (terminal->handed)
		tcsetpgrp(terminal->fd, getpgrp());
}

void terminal_keep(struct terminal *terminal)
{
	if (!terminal->handed && !terminal->job && !terminal->released)
		terminal->fd = -1;
	if (terminal->fd >= 0)
		terminal->fd = descriptors_copy(terminal->fd);
}

void terminal_continue(struct terminal *terminal, pid_t main_child)
{
	if (!terminal->job || tcgetpgrp(terminal->fd) != terminal->own_group)
		return;
	terminal->handed = true;
	tcsetpgrp(terminal->fd, main_child);
}

void terminal_stop_with(struct terminal *terminal, pid_t main_child)
{
	const signal_set stop = signals_one(SIGTSTP);

	if (tcgetpgrp(terminal->fd) == main_child)
		tcsetpgrp(terminal->fd, terminal->own_group);
	kill(0, SIGTSTP);
	/* Stops here, unless its group is orphaned: then nobody could ever continue it. */
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &stop, NULL, sizeof(stop));
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &stop, NULL, sizeof(stop));
	terminal_continue(terminal, main_child);
}

void terminal_give_back(struct terminal *terminal)
{
	if (terminal->fd < 0)
		return;
	if (terminal->handed)
		tcsetpgrp(terminal->fd, terminal->own_group);
	if (terminal->modes_known && (terminal->handed || terminal->released))
		tcsetattr(terminal->fd, TCSADRAIN, &terminal->modes);
}
