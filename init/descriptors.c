/* Descriptors: zinit's own stay out of the way, and nothing inherited is held. */
#include "descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "procfs.h"

/* The form that musl uses, too: the sandbox knows no other. */
#ifdef SYS_fcntl64
enum { FCNTL = SYS_fcntl64 };
#else
enum { FCNTL = SYS_fcntl };
#endif

/* openat(2), since musl's open() makes a second call, to set close-on-exec once more. */
int descriptors_open(const char *path, int flags, mode_t mode)
{
	return openat(AT_FDCWD, path, flags | O_CLOEXEC | O_NOCTTY, mode);
}

int descriptors_copy(int fd)
{
	return (int)syscall(FCNTL, fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

int descriptors_lift(int fd)
{
	int lifted;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	lifted = descriptors_copy(fd);
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

struct range {
	unsigned first, last;
	int list; /* /proc/self/fd itself */
};

static void close_in(int fd, void *context)
{
	const struct range *range = context;

	if ((unsigned)fd >= range->first && (unsigned)fd <= range->last && fd != range->list)
		close(fd);
}

/*
 * Closes what /proc/self/fd lists from first to last. Closing while reading is safe there: the
 * kernel continues at a number, not at an entry (proc_readfd_common()).
 */
static bool close_listed(unsigned first, unsigned last)
{
	struct range range = { first, last, descriptors_open("/proc/self/fd", O_RDONLY, 0) };

	return procfs_each_number(range.list, close_in, &range);
}

/*
 * Closes first to last. Before Linux 5.9 there is no close_range(2), and container engines older
 * than it answer it with EPERM: then what is listed is closed, and without /proc one by one all
 * numbers up to where a new descriptor could be. That may be a million; it is paid once.
 */
static void close_from_to(unsigned first, unsigned last)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0 ||
	    close_listed(first, last))
		return;
	prlimit(0, RLIMIT_NOFILE, NULL, &limit);
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
			close_from_to(first, next - 1);
		first = next + 1;
	}
	close_from_to(first, INT_MAX);
}

void descriptors_release(bool keep_stdout, const int keep[], int count)
{
	int null = descriptors_open("/dev/null", O_RDWR, 0);

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
