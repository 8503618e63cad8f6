/*
 * zombies [PARENT]: prints how many zombies /proc shows (of PARENT's own children).
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	int parent = argc > 1 ? atoi(argv[1]) : 0, count = 0;
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	if (!proc)
		return 1;
	while ((entry = readdir(proc))) {
		char path[300], line[512], *end, state;
		int ppid;
		FILE *stat;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		stat = fopen(path, "r");
		if (!stat)
			continue;
		/* The name may hold spaces and parentheses: the last ')' ends it. */
		end = fgets(line, sizeof(line), stat) ? strrchr(line, ')') : NULL;
		fclose(stat);
		if (end && sscanf(end, ") %c %d", &state, &ppid) == 2 && state == 'Z' &&
		    (!parent || ppid == parent))
			count++;
	}
	closedir(proc);
	printf("%d\n", count);
	return 0;
}
