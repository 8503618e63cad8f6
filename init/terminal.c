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

/* Takes `fd` for the terminal if it is zinit's controlling one (ENOTTY, too, for another session's). */
static bool look_at(struct terminal *terminal, int fd)
{
	pid_t foreground = tcgetpgrp(fd);

	if (foreground < 0)
		return false;
	terminal->fd = fd;
	terminal->own_group = getpgrp();
	terminal->handed = foreground == terminal->own_group;
	terminal->job = is_job(terminal);
	return true;
}

void terminal_look(struct terminal *terminal)
{
	/*
	 * Behind a pipe (`x | zinit y`) stderr tells; but of a job alone: what a script runs in the
	 * background is of the script's own group, which has the foreground and is to keep it.
	 */
	*terminal = (struct terminal){ .fd = -1 };
	if (look_at(terminal, STDIN_FILENO) || (look_at(terminal, STDERR_FILENO) && terminal->job))
		terminal->modes_known = tcgetattr(terminal->fd, &terminal->modes) == 0;
	else
		*terminal = (struct terminal){ .fd = -1 };
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

/* The terminal goes to the child where the shell gave zinit's group the foreground. */
static void share_foreground(struct terminal *terminal, pid_t main_child)
{
	terminal->handed = tcgetpgrp(terminal->fd) == terminal->own_group;
	if (terminal->handed)
		tcsetpgrp(terminal->fd, main_child);
}

void terminal_continue(struct terminal *terminal, pid_t main_child)
{
	if (terminal->job && !terminal->handed)
		share_foreground(terminal, main_child);
}

void terminal_stop_with(struct terminal *terminal, pid_t main_child, int stop_signal)
{
	const signal_set stop = signals_one(SIGTSTP);

	/*
	 * A shell's fg of a job that runs in the background sends no SIGCONT; and a shell may give
	 * the foreground to its new job once more, after the child had got it.
	 */
	if (stop_signal == SIGTTIN || stop_signal == SIGTTOU) {
		share_foreground(terminal, main_child);
		if (terminal->handed)
			return;
	}
	if (tcgetpgrp(terminal->fd) == main_child)
		tcsetpgrp(terminal->fd, terminal->own_group);
	terminal->handed = false;
	kill(0, SIGTSTP);
	/* Stops here, unless its group is orphaned: then nobody could ever continue it. */
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &stop, NULL, sizeof(stop));
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &stop, NULL, sizeof(stop));
	share_foreground(terminal, main_child);
}

void terminal_give_back(struct terminal *terminal)
{
	if (terminal->fd < 0)
		return;
	/* After the shell's bg it is not handed over: nothing is zinit's to give. */
	if (terminal->handed)
		tcsetpgrp(terminal->fd, terminal->own_group);
	if (terminal->modes_known && (terminal->handed || terminal->released))
		tcsetattr(terminal->fd, TCSADRAIN, &terminal->modes);
}
