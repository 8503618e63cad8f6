/*
 * What each name changes: a table of contracts, one for zinit's own name and one for each program
 * that it replaces. No other file knows a peer's name; the rest of zinit asks the contract.
 */
#ifndef ZINIT_COMPAT_H
#define ZINIT_COMPAT_H

#include <stdbool.h>

#include "signals.h"

enum target { TARGET_CHILD, TARGET_GROUP, TARGET_SESSION };

enum subreaper { SUBREAPER_TRY, SUBREAPER_ASKED, SUBREAPER_NEVER, SUBREAPER_REQUIRED };

struct contract {
	const char *names; /* basenames of argv[0], divided by blanks */
	const char *letters; /* the short options accepted; NULL: all of options.def */
	const char *own_longs; /* its own long options, divided by blanks: abbreviated freely */
	const char *not_ours; /* zinit's long options that mean nothing here, divided by blanks */
	const char *version; /* what -V prints; a %s in it is zinit's commit */
	bool version_alone; /* --version counts only as the sole argument (tini) */
	bool version_anywhere; /* -v in any case and place is the version, other words are nothing (pause) */
	bool strict_names; /* signals by their full name alone: SIGTERM (tini) */
	bool loose_numbers; /* -e takes what strtol(3) takes, "" too (tini) */
	bool plain_rewrite; /* -r takes numbers to 31 alone, whatever follows them (dumb-init) */
	bool variables_win; /* its environment variables win over the command line */
	bool pause_ignores; /* --pause beside a PROGRAM is no error (catatonit) */
	bool always_pause; /* runs no program at all (pause) */
	bool shares_group; /* a single child stays in zinit's own process group (dumb-init -c) */
	bool term_at_end; /* what is left of the target gets SIGTERM at the main child's end (dumb-init) */
	bool stops_itself; /* job-control signals stop zinit too, after forwarding (dumb-init) */
	bool rewrites_stops; /* in a session they go on as SIGSTOP, since its group is orphaned */
	signal_set swallowed; /* signals that are not forwarded */
	int usage_status; /* exit statuses: a usage error ... */
	int failure_status; /* ... zinit's own failure before the start ... */
	int not_found, not_executable, not_run; /* ... ENOENT, EACCES, any other error of exec */
	int help_stream, version_stream, usage_stream; /* file descriptors */
	enum target target; /* the default */
	enum subreaper subreaper; /* when zinit is not PID 1 */
};

/* The contract for a basename or for a word of --as; NULL when there is none of that name. */
const struct contract *compat_find(const char *name);

/* The contract that argv[0] asks for: zinit's own when it asks for none. */
const struct contract *compat_of(const char *argv0);

enum peer_variable {
	VARIABLE_GROUP, /* present: forward to the group */
	VARIABLE_LEVEL, /* atoi(3) of it replaces the verbosity, 1 is the default */
	VARIABLE_DEBUG, /* says all */
	VARIABLE_NO_SESSION, /* turns the session off */
	VARIABLE_SUBREAPER, /* present: be a subreaper */
	VARIABLE_RESERVED, /* present: an error */
};

/*
 * Calls `apply` for each variable of the peers that is set and that `contract` heeds (zinit's own
 * heeds those of all peers that cannot end it).
 */
void compat_variables(const struct contract *contract,
		      void (*apply)(enum peer_variable variable, const char *name,
				    const char *value, void *context),
		      void *context);

#endif
