/* zinit: the life of an init, top to bottom. */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "account.h"
#include "check.h"
#include "copy.h"
#include "log.h"
#include "options.h"
#include "spawn.h"
#include "supervise.h"
#include "terminal.h"

/*
 * Orphans come to zinit wherever it runs: PID 1 gets them anyway, elsewhere it asks for them
 * (PR_SET_CHILD_SUBREAPER, Linux 3.4).
 */
static void become_subreaper(const struct options *options, const struct inherited *inherited)
{
	enum subreaper wish = options->contract->subreaper;

	if (inherited->pid == 1 || wish == SUBREAPER_NEVER)
		return;
	if (wish == SUBREAPER_ASKED && !options->subreaper) {
		log_warning("no-subreaper",
			    "not PID 1 and no subreaper: orphans go to another init; use -s");
		return;
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
		return;
	log_event(wish == SUBREAPER_REQUIRED ? LOG_ERROR : LOG_WARNING, "no-subreaper",
		  "cannot be a child subreaper: %e{errno}", errno);
	if (wish == SUBREAPER_REQUIRED)
		_exit(options->contract->failure_status);
}

/*
 * Asks for a signal when the parent dies. The parent may have gone before the question: then its
 * pid has changed, and zinit acts as if the signal had come. 0 is a living parent outside the PID
 * namespace. (PR_SET_PDEATHSIG(2const): it follows the thread that made zinit.)
 */
static void follow_parent(const struct options *options)
{
	pid_t parent;

	if (!options->parent_death_signal)
		return;
	parent = getppid();
	if (prctl(PR_SET_PDEATHSIG, options->parent_death_signal, 0, 0, 0) != 0) {
		log_error("start-failed", "cannot ask for a parent-death signal: %e{errno}", errno);
		_exit(options->contract->failure_status);
	}
	if (getppid() != parent)
		signals_raise(options->parent_death_signal);
}

/* Where main() returns to: nothing is buffered, nobody asked for atexit(3). musl's brings stdio. */
_Noreturn void exit(int status)
{
	_exit(status);
}

int main(int argc, char **argv)
{
	static struct options options;
	struct inherited inherited;
	struct terminal terminal;
	struct main_child child;
	int signals;

	options_parse(&options, argc, argv); /* ends the program on --help and on a usage error */
	if (options.check)
		return check_run(&options);
	if (options.copy_to)
		return copy_self(options.copy_to);
	signals_hold(&inherited); /* blocked since the first instruction: none is lost */
	signals = signals_listen(-1, SIGNALS_HELD);
	if (signals < 0) {
		log_error("start-failed", "cannot listen for signals: %e{errno}", errno);
		return options.contract->failure_status;
	}
	if (options.report)
		account_prepare(options.report); /* before the working directory is left */
	become_subreaper(&options, &inherited);
	follow_parent(&options);
	terminal_look(&terminal);
	if (terminal.job)
		signals_tell_stops(true);
	spawn_main_child(&child, &options, &inherited, &terminal);
	/* From here on nothing may fail; and nothing is left for exit(3) to do. */
	_exit(supervise(&options, &child, &terminal, signals));
}
