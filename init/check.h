/*
 * --check: the state of the PID namespace looked at from outside, once, for a health check.
 */
#ifndef ZINIT_CHECK_H
#define ZINIT_CHECK_H

#include "options.h"

/*
 * Looks twice, options->settle apart, and prints the verdict and the table of negligent parents on
 * stdout (under 4,096 bytes; JSON with --log-format json). Starts nothing.
 * Returns the exit status: 0 healthy, 1 unhealthy, 125 when it cannot tell.
 */
int check_run(const struct options *options);

#endif
