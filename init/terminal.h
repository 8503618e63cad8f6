/*
 * The terminal: the foreground given and given back, job control passed through.
 */
#ifndef ZINIT_TERMINAL_H
#define ZINIT_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct terminal {
	int fd; /* the controlling terminal, -1: none (or nobody's business) */
	pid_t own_group; /* zinit's process group */
	bool handed; /* the main child's group has the foreground from zinit's */
	bool released; /* zinit gave up its controlling terminal for the child's session */
	bool job; /* zinit is a job of an interactive shell: stops are passed on */
	bool modes_known;
	struct termios modes; /* as they were at the start */
};

/*
 * Looks whether stdin (behind a pipe stderr) is zinit's controlling terminal, whether zinit's group has its
 * foreground, and whether zinit is a job of an interactive shell: not PID 1, no session leader, and
 * its parent is of the same session and another process group (a script is of the same group as
 * what it runs). A closed, absent or odd stdin is no error.
 */
void terminal_look(struct terminal *terminal);

/*
 * For a main child in a session of its own: gives up the controlling terminal, where zinit leads
 * the session that owns it, so that the child can take it. The kernel sends SIGHUP and SIGCONT to
 * the foreground group for that (disassociate_ctty() in drivers/tty/tty_jobctrl.c), from zinit's
 * own pid, which tells them from a user's.
 */
void terminal_release(struct terminal *terminal);

/* In the main child, as leader of a new session: takes the terminal that zinit released. */
void terminal_adopt(const struct terminal *terminal);

/*
 * In the main child, as leader of its process group: becomes the foreground group, but only where
 * zinit's group was (it is never taken from another job). SIGTTOU is blocked, so this never stops.
 */
void terminal_hand_over(const struct terminal *terminal);

/*
 * In zinit, once the main child has exec'd: keeps a descriptor of its own above 2, if the terminal
 * will be needed again. To be called before the standard descriptors are let go.
 */
void terminal_keep(struct terminal *terminal);

/*
 * The main child, of a zinit that is a job, was stopped by `stop_signal`: takes the terminal back,
 * stops zinit's whole process group as Ctrl-Z would have (SIGTSTP at its default action, which the
 * kernel ignores in an orphaned group), and after the shell's fg or bg hands the terminal over again
 * where zinit's group has it. A child that was stopped for want of a terminal that zinit's group has
 * by now gets it at once. Returns when the main child is to get SIGCONT.
 */
void terminal_stop_with(struct terminal *terminal, pid_t main_child, int stop_signal);

/* SIGCONT came: where the shell brought zinit's group to the foreground it is the child's turn. */
void terminal_continue(struct terminal *terminal, pid_t main_child);

/* At the end: foreground and modes go back to where they were. */
void terminal_give_back(struct terminal *terminal);

#endif
