/*
 * Descriptors: zinit's own stay out of the way, and nothing inherited is held.
 */
#ifndef ZINIT_DESCRIPTORS_H
#define ZINIT_DESCRIPTORS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Moves a descriptor above 2 (close-on-exec) where it landed on 0, 1 or 2: what was closed at the
 * start stays closed for the main child, and zinit's messages go to no descriptor of its own.
 * Takes -1 and gives it back. Returns the descriptor, -1 with errno.
 */
int descriptors_lift(int fd);

/* openat(2), close-on-exec, and never a controlling terminal. Returns the descriptor, -1 with errno. */
int descriptors_open(const char *path, int flags, mode_t mode);

/* Another descriptor for the same description, above 2 and close-on-exec; -1 with errno. */
int descriptors_copy(int fd);

/*
 * Lets go of what was inherited, once the main child has it: stdin becomes /dev/null, so that zinit
 * never holds the reading end of somebody's pipe; stdout too, but for PID 1, whose descriptors 1
 * and 2 are how a container's jobs reach the engine's log (/proc/1/fd/1). Above 2 all is closed but
 * `keep`, whose descriptors may come in any order, -1 for none. The working directory becomes /.
 */
void descriptors_release(bool keep_stdout, const int keep[], int count);

#endif
