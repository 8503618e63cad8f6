/* The clock: CLOCK_MONOTONIC in nanoseconds. */
#include "clock.h"

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
}

void clock_sleep(int64_t duration)
{
	long left[2] = { (long)(duration / NANOSECONDS), (long)(duration % NANOSECONDS) };

	syscall(SYS_ppoll, NULL, 0, left, NULL, (size_t)_NSIG / 8);
}
