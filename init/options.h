/*
 * Options: from argv and the environment to one struct.
 *
 * The command line wins over ZINIT_ variables, which win over the variables of tini, dumb-init and
 * catatonit. Bad input ends the program with one line that names the bad word.
 */
#ifndef ZINIT_OPTIONS_H
#define ZINIT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "compat.h"
#include "signals.h"

#define UNSET (-1LL)

enum option_action { ACTION_RUN, ACTION_HELP, ACTION_VERSION, ACTION_LICENSE };

enum held_zombies { HELD_WARN, HELD_SIGCHLD, HELD_TERMINATE_PARENT };

struct options {
	char **program; /* argv of the main child; NULL with --pause */
	const struct contract *contract;

	/* Plain options, counts and choices are ints, so that one store serves them all. */
	int verbosity;
	int target; /* enum target */
	int warn_on_reap;
	int pause;
	int wait_all;
	int on_held_zombies; /* enum held_zombies */
	int log_format; /* enum log_format */
	int check;
	int no_new_privs;
	int no_sandbox;
	int exit_by_signal;
	int subreaper;
	int action; /* enum option_action */

	int grace_signal;
	int parent_death_signal; /* 0: none */
	int kill_child; /* 0: none */
	signal_set stop_on;

	/* Nanoseconds, or UNSET. */
	int64_t grace;
	int64_t stop_timeout;
	int64_t timeout;
	int64_t watch;
	int64_t settle;

	int64_t max_pids; /* percent */
	int64_t max_zombies; /* UNSET: no limit */

	const char *report;
	const char *user;
	const char *keep_caps;
	const char *drop_caps;
	const char *copy_to;

	unsigned char rewrite[SIGNAL_LAST + 1]; /* by the number received; 0 drops */
	uint64_t rewritten; /* the signals that an option rewrote */
	uint32_t remap_exit[8]; /* a bit for each status that becomes 0 */
};

/*
 * Reads the command line and the environment. Ends the program on --help, --version and --license
 * (status 0) and on a usage error (the contract's usage status, 125 for zinit): then one line on
 * stderr names the bad word and what would be right, and nothing has been started.
 */
void options_parse(struct options *options, int argc, char **argv);

/* Is `status` one that -e turns into 0? */
bool options_remaps(const struct options *options, int status);

#endif
