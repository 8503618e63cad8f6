/*
 * Why a program did not start: the reason behind the kernel's errno, where the errno misleads.
 */
#ifndef ZINIT_EXPLAIN_H
#define ZINIT_EXPLAIN_H

/*
 * Says one line about a failed execve(2) of `program` (a path, or a name that was looked for in
 * PATH) with `error`. ENOENT for a file that exists means that its interpreter or dynamic loader
 * is missing, ENOEXEC of an ELF file that it is of another architecture: the two commonest
 * questions in images made FROM scratch.
 */
void explain_exec_failure(const char *program, int error);

#endif
