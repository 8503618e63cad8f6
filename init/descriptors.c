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

#include "text.h"

/* The form that musl uses, too: the sandbox knows no other. */
#ifdef SYS_fcntl64
enum { FCNTL = SYS_fcntl64 };
#else
enum { FCNTL = SYS_fcntl };
#endif

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

/*
 * Closes what /proc/self/fd lists from first to last. Closing while reading is safe there: the
 * kernel continues at a number, not at an entry (proc_readfd_common()).
 */
static bool close_listed(unsigned first, unsigned last)
{
	char entries[2048] __attribute__((aligned(8)));
	unsigned long long fd;
	long length;
	int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (list < 0)
		return false;
	while ((length = syscall(SYS_getdents64, list, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < length;) {
			const struct dirent *entry = (const void *)(entries + at);

			at += entry->d_reclen;
			if (text_number(entry->d_name, INT_MAX, &fd) && fd >= first && fd <= last &&
			    (int)fd != list)
				close((int)fd);
		}
	}
	close(list);
	return length == 0;
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
			close_from_to(first, next - 1);
		first = next + 1;
	}
	close_from_to(first, INT_MAX);
}

void descriptors_release(bool keep_stdout, const int keep[], int count)
{
	int null = open("/dev/null", O_RDWR);

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
