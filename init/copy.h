/*
 * --copy-to: the running binary into somebody else's image, where no cp is at hand.
 */
#ifndef ZINIT_COPY_H
#define ZINIT_COPY_H

/*
 * Copies zinit's own binary to `path` (a folder: to zinit in it), mode 0755, written beside it and
 * renamed into place. Returns the exit status: 0, or 125 after one line on stderr.
 */
int copy_self(const char *path);

#endif
