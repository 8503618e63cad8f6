/*
 * memory -n ROUNDS PROGRAM INIT...: what an init at rest has and does (PROGRAM is `work`).
 *
 *   rss, anonymous, dirty   in KiB
 *   wakeups                 context switches within 5 s
 *   rest_cpu                time on the processor within them, in µs
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance.h"

enum { REST_SECONDS = 5 };

/* The sum of the lines `NAME:  NUMBER ...` whose name ends with `name`; -1 where there is none. */
static double field(const struct instance *instance, const char *file, const char *name)
{
	char path[64], line[256];
	double sum = -1;
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/%s", instance->pid, file);
	stream = fopen(path, "re");
	while (stream && fgets(line, sizeof(line), stream)) {
		char *end = strchr(line, ':');
		size_t length = strlen(name);

		if (!end || (size_t)(end - line) < length ||
		    strncmp(end - length, name, length) != 0)
			continue;
		sum = (sum < 0 ? 0 : sum) + strtod(end + 1, NULL);
	}
	if (stream)
		fclose(stream);
	return sum;
}

static void look(struct inits *inits, struct init *init)
{
	static const char *const fields[][2] = { { "rss", "Rss" },
						 { "anonymous", "Anonymous" },
						 { "dirty", "Private_Dirty" } };
	struct instance instance;

	if (!instance_start(&instance, inits, init, "rest", 0))
		return;
	pause_us(150000);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		double kib = field(&instance, "smaps_rollup", fields[i][1]);

		if (kib >= 0)
			sample(fields[i][0], init, kib);
		else
			leave_out(init, "its memory cannot be seen");
	}
	instance_kill(&instance);
}

static void rest(struct inits *inits)
{
	static struct instance instances[MOST_INITS];
	static double switches[MOST_INITS], cpu[MOST_INITS];

	for (int i = 0; i < inits->count; i++)
		if (!inits->list[i].left_out)
			instance_start(&instances[i], inits, &inits->list[i], "rest", 0);
	pause_us(1200000);
	for (int i = 0; i < inits->count; i++) {
		if (inits->list[i].left_out)
			continue;
		switches[i] = field(&instances[i], "status", "ctxt_switches");
		cpu[i] = (double)instance_cpu(&instances[i]);
	}
	pause_us(REST_SECONDS * 1000000);
	for (int i = 0; i < inits->count; i++) {
		if (inits->list[i].left_out)
			continue;
		sample("wakeups", &inits->list[i],
		       field(&instances[i], "status", "ctxt_switches") - switches[i]);
		sample("rest_cpu", &inits->list[i],
		       ((double)instance_cpu(&instances[i]) - cpu[i]) / 1e3);
		instance_kill(&instances[i]);
	}
}

int main(int argc, char **argv)
{
	struct inits inits;

	inits_read(&inits, argc, argv);
	for (int round = 0; round < inits.number; round++) {
		for (int turn = 0; turn < inits.count; turn++) {
			struct init *init = inits_turn(&inits, round, turn);

			if (!init->left_out)
				look(&inits, init);
		}
		progress(round + 1, (int)inits.number + 1);
	}
	rest(&inits);
	return 0;
}
