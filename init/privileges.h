/*
 * Privileges of the main child: user, groups, capabilities, no_new_privs; through libcap.
 *
 * Names and capability lists are resolved before the clone, in zinit; the child only applies them,
 * all or nothing. The child is made by plain fork whenever there is something to apply: one that
 * shared zinit's memory would clear zinit's dumpable flag with its change of uid (commit_creds() in
 * the kernel) and use libcap's heap.
 */
#ifndef ZINIT_PRIVILEGES_H
#define ZINIT_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

/* Do the options ask for anything at all? Without it no other function need be called. */
bool privileges_wanted(const struct options *options);

/*
 * Resolves what the options ask for, and checks what can be checked before anything is started.
 * Sets HOME in the environment with --user (the one variable that it changes).
 * On an error says one clear line that names the bad word or the missing capability and the option,
 * and returns false: zinit ends with its failure status, nothing has been started.
 */
bool privileges_resolve(const struct options *options);

/* What went wrong in the child: plain data that travels through the start barrier's pipe. */
struct privileges_failure {
	int step; /* privileges.c's own */
	int error; /* errno */
};

/*
 * In the forked child: applies all of it (groups, gid, uid, each checked after; bounding,
 * inheritable, permitted and ambient sets; no_new_privs). Returns false with `failure` filled in;
 * then the child must not exec.
 */
bool privileges_apply(struct privileges_failure *failure);

/* In zinit: says one line for a failure that came through the pipe. */
void privileges_explain(const struct privileges_failure *failure);

/*
 * In zinit, once the child has exec'd with --user: takes the same user and groups, without any
 * capability, and sets PR_SET_DUMPABLE to 1 again, so that /proc/1/fd/1 is open to the program.
 * With --no-sandbox, and where the user is root, zinit stays what it is.
 * A refusal is a message at -v.
 */
void privileges_follow(void);

#endif
