/* --copy-to: the running binary into somebody else's image, where no cp is at hand. */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "descriptors.h"
#include "log.h"

static int fail(const char *what, const char *path)
{
	log_error("copy-failed", "cannot %s '%q{path}': %e{errno}", what, path, errno);
	return 125;
}

static bool copy_bytes(int from, int to)
{
	ssize_t count;

	while ((count = sendfile(to, from, NULL, INT_MAX)) > 0)
		continue;
	/* The name must not stand before the bytes do: fsync(2), then rename(2). */
	return count == 0 && fsync(to) == 0;
}

int copy_self(const char *path)
{
	char target[PATH_MAX], beside[PATH_MAX];
	struct stat status;
	int from = descriptors_open("/proc/self/exe", O_RDONLY, 0);
	int to;

	if (from < 0)
		return fail("open", "/proc/self/exe");
	text_print(target, sizeof(target), "%s%s", path,
		   stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? "/zinit" : "");
	/*
	 * In a container every zinit is PID 1: what one that was killed left in a shared folder must
	 * not be in the way of the next, and two at once must not write into one file.
	 */
	text_print(beside, sizeof(beside), "%s.%d.%lld", target, (int)getpid(),
		   (long long)clock_now());
	if (strlen(beside) == sizeof(beside) - 1) {
		errno = ENAMETOOLONG;
		return fail("write", path);
	}
	umask(0);
	to = descriptors_open(beside, O_WRONLY | O_CREAT | O_EXCL, 0755);
	if (to < 0)
		return fail("write", beside);
	if (!copy_bytes(from, to) || close(to) != 0 || rename(beside, target) != 0) {
		int error = errno;

		unlink(beside);
		errno = error;
		return fail("write", target);
	}
	return 0;
}
