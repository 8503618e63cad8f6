/* Stopping: every process that is left gets its signal, and nobody else does. */
#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "descendants.h"
#include "log.h"
#include "pages.h"
#include "procfs.h"
#include "signals.h"

/*
 * Who had the polite signal, which comes once in zinit's life: a bit for each PID up to the kernel's
 * largest (PID_MAX_LIMIT is 4 Mi on 64 bits): half a megabyte of which only the pages with PIDs in
 * use are ever touched.
 */
enum { PIDS = 4 << 20 };
static uint32_t had_it[PIDS / 32] ON_OWN_PAGES;
static bool everybody_had_it;

struct round {
	int signal;
	unsigned sent;
};

static bool is_zombie(pid_t pid)
{
	struct process now;

	return procfs_is_ours() && procfs_process(pid, &now) && now.state == 'Z' &&
	       now.threads <= 1;
}

static void send_to(const struct pinned *process, void *context)
{
	struct round *round = context;
	uint32_t *word = &had_it[process->pid % PIDS / 32], bit = 1U << (process->pid % 32);
	bool first = !(*word & bit);
	char name[PROCFS_NAME];
	int error;

	/* SIGKILL does a zombie no harm, and the look takes its time amid a fork bomb. */
	if (round->signal != SIGKILL && (!first || is_zombie(process->pid)))
		return;
	*word |= bit;
	error = descendants_signal(process, round->signal);
	if (error == 0) {
		round->sent++;
		if (round->signal != SIGKILL)
			descendants_signal(process, SIGCONT);
	} else if (error != ESRCH && first && !is_zombie(process->pid)) {
		/* Once, as SIGKILL is tried a hundred times in its second. */
		log_warning("stop-refused", "cannot end process %d{pid} (%q{name}): %e{errno}",
			    (int)process->pid, procfs_name(process->pid, name), error);
	}
}

unsigned stop_round(int signal)
{
	struct round round = { .signal = signal };

	if (getpid() != 1) {
		descendants_each(send_to, &round);
		return round.sent;
	}
	/* The kernel holds its list of processes meanwhile: all of them, each once. */
	if (signal != SIGKILL && everybody_had_it)
		return 0;
	everybody_had_it = true;
	if (kill(-1, signal) == 0)
		round.sent = 1;
	if (signal != SIGKILL)
		kill(-1, SIGCONT);
	return round.sent;
}

bool stop_anybody_left(bool childless)
{
	if (!childless)
		return true;
	return getpid() == 1 && kill(-1, 0) == 0;
}

struct names {
	int level;
	const char *event, *verb;
	unsigned count;
};

static const char *hindrance(pid_t pid, char state)
{
	if (state == 'D')
		return " (it sleeps uninterruptibly)";
	if (state == 'Z' && procfs_status(pid, "TracerPid") > 0)
		return " (dead, and held by its tracer)";
	return "";
}

static void name_one(pid_t pid, void *context)
{
	struct names *names = context;
	struct process process;
	const char *why;

	if (pid == getpid() || !procfs_process(pid, &process))
		return;
	why = hindrance(pid, process.state);
	if ((process.state == 'Z' && process.threads <= 1 && !*why) || names->count++ >= 10)
		return;
	log_event((enum log_level)names->level, names->event, "process %d{pid} (%q{name}) %s%s",
		  (int)pid, process.name, names->verb, why);
}

static void name_pinned(const struct pinned *process, void *context)
{
	name_one(process->pid, context);
}

void stop_name(int level, const char *event, const char *verb)
{
	struct names names = { .level = level, .event = event, .verb = verb };

	if (!log_says((enum log_level)level) || !procfs_is_ours())
		return;
	if (getpid() == 1)
		procfs_each(name_one, &names);
	else
		descendants_each(name_pinned, &names);
	if (names.count > 10)
		log_event((enum log_level)level, names.event,
			  "each of %u more processes %s%!u{processes}", names.count - 10, verb,
			  names.count);
}
