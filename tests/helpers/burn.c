/*
 * burn: uses what it is told to, prints what getrusage(2) says of it, and ends.
 *
 *   burn [-u MS] [-s MS] [-m MIB] [-w FILE:MIB] [-v COUNT] [-e STATUS]
 *
 *   -u, -s   CPU time in user mode and in the kernel
 *   -m       memory that is touched
 *   -w       writes a file, and has it on the disk by fsync(2)
 *   -v       waits that often: voluntary switches
 *
 * Prints "user US system US peak KIB inputs N outputs N minor N major N voluntary N involuntary N"
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct rusage usage(void)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	return now;
}

static long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000 + time.tv_usec;
}

static void burn_user(long ms)
{
	volatile unsigned long number = 0;

	while (microseconds(usage().ru_utime) < ms * 1000)
		for (int i = 0; i < 100000; i++)
			number += (unsigned long)i;
}

static void burn_system(long ms)
{
	static char bytes[1 << 16];
	int zero = open("/dev/zero", O_RDONLY);

	while (microseconds(usage().ru_stime) < ms * 1000)
		for (int i = 0; i < 100; i++)
			if (read(zero, bytes, sizeof(bytes)) < 0)
				exit(2);
	close(zero);
}

static void touch(long mib)
{
	size_t size = (size_t)mib << 20;
	char *bytes = malloc(size);

	if (!bytes)
		exit(2);
	memset(bytes, 1, size);
	/* Used, so that it is not left out. */
	if (bytes[size / 2] != 1)
		exit(2);
	free(bytes);
}

static void write_out(char *text)
{
	static char block[1 << 20];
	char *colon = strchr(text, ':');
	int fd;

	if (!colon)
		exit(2);
	*colon = 0;
	fd = open(text, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	memset(block, 'x', sizeof(block));
	for (long i = atol(colon + 1); fd >= 0 && i > 0; i--)
		if (write(fd, block, sizeof(block)) != sizeof(block))
			exit(2);
	if (fsync(fd))
		exit(2);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct timespec moment = { 0, 1000 };
	int option, status = 0;
	struct rusage all;

	while ((option = getopt(argc, argv, "u:s:m:w:v:e:")) != -1) {
		switch (option) {
		case 'u':
			burn_user(atol(optarg));
			break;
		case 's':
			burn_system(atol(optarg));
			break;
		case 'm':
			touch(atol(optarg));
			break;
		case 'w':
			write_out(optarg);
			break;
		case 'v':
			for (long i = atol(optarg); i > 0; i--)
				nanosleep(&moment, NULL);
			break;
		case 'e':
			status = atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	all = usage();
	printf("user %ld system %ld peak %ld inputs %ld outputs %ld minor %ld major %ld "
	       "voluntary %ld involuntary %ld\n",
	       microseconds(all.ru_utime), microseconds(all.ru_stime), all.ru_maxrss,
	       all.ru_inblock, all.ru_oublock, all.ru_minflt, all.ru_majflt, all.ru_nvcsw,
	       all.ru_nivcsw);
	return status;
}
