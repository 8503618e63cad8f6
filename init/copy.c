/* --copy-to: the running binary into somebody else's image, where no cp is at hand. */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static int fail(const char *what, const char *path)
{
	log_error("copy-failed", LOG_FIELDS(LOG_STRING("path", path), LOG_NUMBER("errno", errno)),
		  "cannot %s '%q': %e", what, path, errno);
	return 125;
}

static bool copy_bytes(int from, int to)
{
	char buffer[16384];
	ssize_t count;

	while ((count = read(from, buffer, sizeof(buffer))) > 0)
		for (ssize_t done = 0, written; done < count; done += written)
			if ((written = write(to, buffer + done, (size_t)(count - done))) <= 0)
				return false;
	/* The name must not stand before the bytes do: fsync(2), then rename(2). */
	return count == 0 && fchmod(to, 0755) == 0 && fsync(to) == 0;
}

int copy_self(const char *path)
{
	char target[PATH_MAX], beside[PATH_MAX];
	struct text text;
	struct timespec now;
	struct stat status;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to;

	if (from < 0)
		return fail("open", "/proc/self/exe");
	text_start(&text, target, sizeof(target));
	text_add(&text, "%s", path);
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		text_add(&text, "/zinit");
	text_start(&text, beside, sizeof(beside));
	/*
	 * In a container every zinit is PID 1: what one that was killed left in a shared folder must
	 * not be in the way of the next, and two at once must not write into one file.
	 */
	clock_gettime(CLOCK_MONOTONIC, &now);
	text_add(&text, "%s.%d.%d", target, (int)getpid(), (int)now.tv_nsec);
	if (text.length == text.size - 1) {
		errno = ENAMETOOLONG;
		return fail("write", path);
	}
	to = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
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
