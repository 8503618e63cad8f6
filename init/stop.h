/*
 * Stopping: every process that is left gets its signal, and nobody else does.
 *
 * As PID 1 of its PID namespace "every process" is kill(-1). As a subreaper it is exactly zinit's
 * descendants, pinned (descendants.h): in rounds, because a process that is forked or adopted
 * during one round is found in the next.
 */
#ifndef ZINIT_STOP_H
#define ZINIT_STOP_H

#include <stdbool.h>

/*
 * One round: sends `signal`, and SIGCONT with it so that a stopped process can act, to every process
 * that is left and has not had it yet. SIGKILL goes to all in each round, and alone.
 * Returns how many were sent it. Failures are reported, never fatal (EPERM: another user's).
 */
unsigned stop_round(int signal);

/*
 * Is anybody left? `childless` is what the last drain said (ECHILD); as PID 1 those count, too,
 * that an engine put into the namespace (docker exec) and whose parent is outside.
 */
bool stop_anybody_left(bool childless);

/* Names at `level` who is left: pid and name each, the first ten. `verb` says what became of them. */
void stop_name(int level, const char *event, const char *verb);

#endif
