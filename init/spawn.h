/*
 * Spawning: the main child, behind a start barrier.
 *
 * Until the child has exec'd nothing is forwarded, so that no signal can be lost in the gap between
 * the fork and the program (all three peers lose one there: before the child has its process group,
 * or into a mask or handler that is not the program's). Signals wait in the kernel meanwhile. A
 * close-on-exec pipe tells when the gap is over; a bare vfork(2) would tell as well, but freeze
 * zinit for as long as somebody stops the child in the gap.
 */
#ifndef ZINIT_SPAWN_H
#define ZINIT_SPAWN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "options.h"
#include "terminal.h"

struct main_child {
	pid_t pid; /* 0: none (--pause) */
	pid_t zinit; /* its parent */
	int barrier; /* the pipe's reading end while the child has not exec'd; then -1 */
	int go; /* --user: the writing end of the pipe that lets the child exec; -1: none */
	bool shares_group; /* the child is in zinit's own process group */
};

/*
 * Starts options->program: in its own process group or session, with the terminal's foreground
 * where zinit had it, the inherited mask and dispositions, and the privileges asked for.
 * Ends zinit with its failure status where there can be no child (pipe2(2), clone(2)).
 */
void spawn_main_child(struct main_child *child, const struct options *options,
		      const struct inherited *inherited, struct terminal *terminal);

enum spawn_news {
	SPAWN_WAITS, /* --user: the child has its user, and execs once zinit has followed (spawn_go) */
	SPAWN_RUNS, /* it has exec'd (or was killed before) */
	SPAWN_FAILED, /* it said why it did not; it ends with the status for that by itself */
};

/*
 * The barrier can be read: takes the news. A failure becomes one line on stderr. But for
 * SPAWN_WAITS the gap is over, and the barrier closed.
 */
enum spawn_news spawn_take_news(struct main_child *child, const struct options *options);

/* Lets a child that waits exec. */
void spawn_go(struct main_child *child);

/* Gives back the memory of the stack that the child used until its exec. */
void spawn_let_go(void);

/* PATH as it is searched, and the next `directory/program` of it: false at the end. */
const char *spawn_search_path(void);
bool spawn_next_path(const char **at, const char *program, char path[PATH_MAX]);

#endif
