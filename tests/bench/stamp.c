/* stamp: a main child that writes the time of its first instruction to stdout, and ends. */
#include <stdint.h>
#include <time.h>

#ifdef __x86_64__
#include "bare.h"

void bare_main(long *stack)
{
	struct timespec time;
	uint64_t ns;

	(void)stack;
	bare_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0);
	ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
	bare_exit(bare_call(SYS_write, 1, (long)&ns, sizeof(ns)) != sizeof(ns));
}
#else
#include <unistd.h>

int main(void)
{
	struct timespec time;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &time);
	ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
	return write(STDOUT_FILENO, &ns, sizeof(ns)) != sizeof(ns);
}
#endif
