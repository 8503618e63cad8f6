/* Descriptors: zinit's own stay out of the way, and nothing inherited is held. */
#include "descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int descriptors_lift(int fd)
{
	int lifted;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	lifted = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return lifted;
}

static bool is_kept(int fd, const int keep[], int count)
{
	for (int i = 0; i < count; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

/*
 * Closes first to last. Before Linux 5.9 there is no close_range(2): one by one then, to where a
 * new descriptor could be at most. That may be a million; it is paid once, beside the main child.
 */
static void close_range_of(unsigned first, unsigned last)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	for (rlim_t fd = first; fd <= last && fd < limit.rlim_cur; fd++)
		close((int)fd);
}

static void close_all_but(const int keep[], int count)
{
	unsigned first = STDERR_FILENO + 1;

	for (;;) {
		unsigned next = UINT_MAX;

		for (int i = 0; i < count; i++)
			if (keep[i] >= (int)first && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next == UINT_MAX)
			break;
		if (next > first)
			close_range_of(first, next - 1);
		first = next + 1;
	}
	close_range_of(first, INT_MAX);
}

void descriptors_release(bool keep_stdout, const int keep[], int count)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= (keep_stdout ? STDIN_FILENO : STDOUT_FILENO); fd++) {
		if (null < 0)
			close(fd);
		else if (null != fd)
			dup2(null, fd);
	}
	/* Above 2 it goes with all others. Where 1 or 2 was closed it must not become them. */
	if (null > STDOUT_FILENO || (null == STDOUT_FILENO && keep_stdout))
		if (!is_kept(null, keep, count))
			close(null);
	close_all_but(keep, count);
	if (chdir("/") != 0) {
		/* Nothing to be done: the directory stays pinned. */
	}
}
