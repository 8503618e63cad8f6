/*
 * The watch: held zombies and PIDs running out, looked for every --watch DURATION; warnings, and on
 * request the cures: SIGCHLD to the negligent parent, then its end, so that zinit inherits.
 */
#ifndef ZINIT_WATCH_H
#define ZINIT_WATCH_H

#include <sys/types.h>

#include "options.h"

/*
 * Prepares the watch at the start (cheap: nothing is read). Returns false, after one warning, when
 * /proc is not that of zinit's PID namespace: then there are no ticks.
 */
bool watch_open(const struct options *options, pid_t main_child);

/*
 * One tick: walks /proc once, warns, cures. `now` is CLOCK_MONOTONIC in nanoseconds.
 * Returns when the next look is due (the next tick, or earlier where a negligent parent's grace ends).
 */
int64_t watch_tick(const struct options *options, int64_t now);

/* Zombies held by others at the last tick, for the report; a new walk where `fresh` is true. */
unsigned watch_held(bool fresh);

#endif
