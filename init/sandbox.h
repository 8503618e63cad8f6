/*
 * The sandbox: what zinit itself may still do once the main child runs.
 *
 * Every capability but CAP_KILL is dropped, the bounding set emptied, no_new_privs set, and a
 * seccomp filter answers what the loop, the end and the options in use do not need with EPERM;
 * never with a kill, since the death of PID 1 is everybody's. zinit stays dumpable:
 * /proc/1/fd/1 is a public interface.
 */
#ifndef ZINIT_SANDBOX_H
#define ZINIT_SANDBOX_H

#include <stdbool.h>

#include "options.h"

/*
 * Installs it: 50 ms after the start, when the loop first rests, and not before the main child has
 * exec'd. Where the kernel or the engine refuses any of it, a message at -v, and on it goes. The
 * main child is untouched by all of it.
 */
void sandbox_enter(const struct options *options);

/* Its two first parts, for a zinit that changes its user. */
void sandbox_empty_bounding(void);
void sandbox_drop_capabilities(bool all_but_kill);

#endif
