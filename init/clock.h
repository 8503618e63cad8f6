/*
 * The clock: CLOCK_MONOTONIC in nanoseconds.
 */
#ifndef ZINIT_CLOCK_H
#define ZINIT_CLOCK_H

#include <stdint.h>

#define NANOSECONDS 1000000000LL

/* Returns the time now. By the vDSO, without a system call, where the kernel has one. */
int64_t clock_now(void);

/*
 * Sleeps for so many nanoseconds, longer than any signal that stops and continues zinit: by
 * ppoll(2), which the kernel restarts with the time that is left.
 */
void clock_sleep(int64_t duration);

#endif
