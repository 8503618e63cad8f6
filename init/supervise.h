/*
 * Supervising: the loop, from the clone of the main child to zinit's own end.
 */
#ifndef ZINIT_SUPERVISE_H
#define ZINIT_SUPERVISE_H

#include "options.h"
#include "spawn.h"
#include "terminal.h"

/*
 * Reaps, forwards, and keeps the deadlines until zinit's job is done. Nothing in here may fail: a
 * system call that does is reported, and the loop goes on.
 * Returns zinit's exit status; with --exit-by-signal it may not return but die of the signal.
 */
int supervise(const struct options *options, struct main_child *child, struct terminal *terminal,
	      int signals);

#endif
