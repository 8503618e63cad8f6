/* How each process ended and what it used, in words and figures; the final report. */
#include "account.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "clock.h"
#include "descriptors.h"
#include "log.h"
#include "pages.h"

enum { REPORT_LINE = 3072 };

enum { NOT_OPEN = -1, CANNOT_OPEN = -2 };

static int report_fd = NOT_OPEN;

static long long microseconds(struct timeval time)
{
	return (long long)time.tv_sec * 1000000 + time.tv_usec;
}

/* "exited with status 3", "was killed by SIGSEGV (core dumped)" */
static void add_end(struct message *message, int status)
{
	if (WIFSIGNALED(status))
		message_add(message, "was killed by %S{signal}%s%!d{core_dumped}", WTERMSIG(status),
			    WCOREDUMP(status) ? " (core dumped)" : "", WCOREDUMP(status) ? 1 : 0);
	else
		message_add(message, "exited with status %d{exit_status}", WEXITSTATUS(status));
}

/* wait4(2)'s figures: the process's own and those of the descendants that it waited for. */
static void add_usage(struct message *message, const struct rusage *usage)
{
	message_add(message,
		    "user %T{user_microseconds}, system %T{system_microseconds}, peak memory "
		    "%ld{peak_memory_kib} KiB, block input %ld{block_inputs}, output "
		    "%ld{block_outputs}, page faults %ld{minor_faults} minor, %ld{major_faults} "
		    "major, switches %ld{voluntary_switches} voluntary, %ld{involuntary_switches} "
		    "involuntary",
		    microseconds(usage->ru_utime), microseconds(usage->ru_stime), usage->ru_maxrss,
		    usage->ru_inblock, usage->ru_oublock, usage->ru_minflt, usage->ru_majflt,
		    usage->ru_nvcsw, usage->ru_nivcsw);
}

void account_say_orphan(pid_t pid, const char *name, int status, const struct rusage *usage)
{
	struct message message;

	message_start(&message, LOG_LINE);
	message_add(&message, "reaped orphan %d{pid} (%q{name}), which ", (int)pid, name);
	add_end(&message, status);
	message_add(&message, "; ");
	add_usage(&message, usage);
	log_message(LOG_WARNING, "orphan-reaped", &message);
}

/*
 * How many processes of zinit's cgroup the kernel has killed for lack of memory, -1 unknown:
 * memory.events counts those of the levels below as well, version 1's memory.oom_control (since
 * Linux 4.13) those of this level alone.
 */
static long long count_oom_kills(void)
{
	struct cgroup cgroup;
	long long count = -1;

	if (cgroup_find(NULL, &cgroup))
		count = cgroup_number(&cgroup, "memory.events", "oom_kill");
	if (count < 0 && cgroup_find("memory", &cgroup))
		count = cgroup_number(&cgroup, "memory.oom_control", "oom_kill");
	return count;
}

void account_open(struct account *account)
{
	account->started = clock_now();
	account->oom_kills = count_oom_kills();
}

int account_descriptor(void)
{
	return report_fd < 0 ? -1 : report_fd;
}

bool account_prepare(const char *path)
{
	if (strcmp(path, "-") == 0) {
		report_fd = STDERR_FILENO;
		return true;
	}
	/* O_NONBLOCK: a FIFO that nobody reads is an error (ENXIO), not a wait without end. */
	int fd = descriptors_lift(
		descriptors_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NONBLOCK, 0644));

	if (fd < 0) {
		log_warning("report-failed", "cannot open the report %q{file}: %e{errno}", path,
			    errno);
		report_fd = CANNOT_OPEN;
		return false;
	}
	report_fd = fd;
	return true;
}

/* Never waits: zinit's end must not depend on who reads the report. Returns 0 or an errno value. */
static int write_report(const char *line, size_t length)
{
	ssize_t count;

	if (report_fd == STDERR_FILENO)
		return log_write(line, length) ? 0 : EAGAIN;
	count = write(report_fd, line, length);
	if (count < 0)
		return errno;
	return count == (ssize_t)length ? 0 : ENOSPC;
}

/* One line of the report: the message as text or as an object. Returns as write_report() does. */
static int report_line(const char *event, struct message *message, bool json)
{
	static char bytes[REPORT_LINE] ON_OWN_PAGES;
	struct text line;

	text_start(&line, bytes, sizeof(bytes) - 2);
	if (json) {
		message_compose(&line, LOG_INFO, event, message);
		bytes[line.length++] = '}';
	} else {
		if (report_fd == STDERR_FILENO)
			text_add(&line, "zinit[%d]: ", (int)getpid());
		text_add(&line, "%s", message->words.start);
	}
	bytes[line.length++] = '\n';
	return write_report(bytes, line.length);
}

static void describe_main_child(struct message *message, const struct account *account,
				pid_t main_child)
{
	long long oom_kills = count_oom_kills();
	int status = account->main_status;

	oom_kills = account->oom_kills >= 0 && oom_kills > account->oom_kills ?
			    oom_kills - account->oom_kills :
			    0;
	message_add(message, "main child %d{pid} ", (int)main_child);
	add_end(message, status);
	if (oom_kills && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		message_add(message, ", probably out of memory");
	else if (oom_kills)
		message_add(message, "; %lld of its cgroup were killed, out of memory", oom_kills);
	message_add(message, "%!lld{oom_kills}; ran %T{run_microseconds}, ", oom_kills,
		    (long long)(clock_now() - account->started) / 1000);
	add_usage(message, &account->main_usage);
}

static void describe_zinit(struct message *message, const struct account *account)
{
	struct text *fields = &message->fields;
	const char *between = "; forwarded ";
	char name[SIGNAL_NAME_SIZE];

	message_add(message,
		    "zinit %d{pid}: %llu{orphans_reaped} orphan%s adopted and reaped, at most "
		    "%llu{most_zombies_at_once} zombie%s at once",
		    (int)getpid(), account->reaped, account->reaped == 1 ? "" : "s",
		    account->most_at_once, account->most_at_once == 1 ? "" : "s");
	text_add(fields, ",\"forwarded\":{");
	for (int number = SIGNAL_FIRST; number <= SIGNAL_LAST; number++) {
		if (!account->forwarded[number] || fields->size - fields->length < 96)
			continue;
		signals_name(name, number);
		message_add(message, "%s%s %llu", between, name, account->forwarded[number]);
		text_add(fields, "%s\"%s\":%llu", *between == ';' ? "" : ",", name,
			 account->forwarded[number]);
		between = ", ";
	}
	text_add(fields, "}");
	message_add(message, "%s; %u{held_zombies} zombies held by others at the end",
		    *between == ';' ? "; no signal forwarded" : "", account->held);
}

void account_report(const struct account *account, const char *path, bool json, pid_t main_child)
{
	static struct message message ON_OWN_PAGES;
	int error = 0;

	if (report_fd == CANNOT_OPEN || (report_fd == NOT_OPEN && !account_prepare(path)))
		return;
	message_start(&message, MESSAGE_WORDS);
	if (main_child > 0) {
		describe_main_child(&message, account, main_child);
		error = report_line("report-main-child", &message, json);
	}
	message_start(&message, MESSAGE_WORDS);
	describe_zinit(&message, account);
	if (!error)
		error = report_line("report-zinit", &message, json);
	if (error)
		log_warning("report-failed", "cannot write the report %q{file}: %e{errno}", path,
			    error);
}
