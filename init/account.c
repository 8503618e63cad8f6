/* How each process ended and what it used, in words and figures; the final report. */
#include "account.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "descriptors.h"
#include "log.h"
#include "pages.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

enum { REPORT_LINE = 2048, MOST_FIELDS = 20 };

enum { NOT_OPEN = -1, CANNOT_OPEN = -2 };

static int report_fd = NOT_OPEN;

void account_add_end(struct text *text, int status)
{
	if (WIFSIGNALED(status)) {
		text_add(text, "was killed by ");
		signals_add_name(text, WTERMSIG(status));
		if (WCOREDUMP(status))
			text_add(text, " (core dumped)");
		return;
	}
	text_add(text, "exited with status %d", WEXITSTATUS(status));
}

static long long microseconds(struct timeval time)
{
	return (long long)time.tv_sec * 1000000 + time.tv_usec;
}

static void add_seconds(struct text *text, long long microseconds)
{
	text_add(text, "%lld.%03d s", microseconds / 1000000, (int)(microseconds / 1000 % 1000));
}

/* wait4(2)'s figures: the process's own and those of the descendants that it waited for. */
static void add_usage(struct text *text, const struct rusage *usage)
{
	text_add(text, "user ");
	add_seconds(text, microseconds(usage->ru_utime));
	text_add(text, ", system ");
	add_seconds(text, microseconds(usage->ru_stime));
	text_add(text,
		 ", peak memory %ld KiB, block input %ld, output %ld, page faults %ld minor, "
		 "%ld major, switches %ld voluntary, %ld involuntary",
		 usage->ru_maxrss, usage->ru_inblock, usage->ru_oublock, usage->ru_minflt,
		 usage->ru_majflt, usage->ru_nvcsw, usage->ru_nivcsw);
}

/* The same for programs. `signal` holds the name while the fields are in use. Returns how many. */
static size_t set_fields(struct log_field *fields, char signal[SIGNAL_NAME_SIZE], int status,
			 const struct rusage *usage)
{
	size_t count = 0;

	if (WIFSIGNALED(status)) {
		fields[count++] = LOG_STRING("signal", signals_name(signal, WTERMSIG(status)));
		fields[count++] = LOG_NUMBER("core_dumped", WCOREDUMP(status) ? 1 : 0);
	} else {
		fields[count++] = LOG_NUMBER("exit_status", WEXITSTATUS(status));
	}
	fields[count++] = LOG_NUMBER("user_microseconds", microseconds(usage->ru_utime));
	fields[count++] = LOG_NUMBER("system_microseconds", microseconds(usage->ru_stime));
	fields[count++] = LOG_NUMBER("peak_memory_kib", usage->ru_maxrss);
	fields[count++] = LOG_NUMBER("block_inputs", usage->ru_inblock);
	fields[count++] = LOG_NUMBER("block_outputs", usage->ru_oublock);
	fields[count++] = LOG_NUMBER("minor_faults", usage->ru_minflt);
	fields[count++] = LOG_NUMBER("major_faults", usage->ru_majflt);
	fields[count++] = LOG_NUMBER("voluntary_switches", usage->ru_nvcsw);
	fields[count++] = LOG_NUMBER("involuntary_switches", usage->ru_nivcsw);
	fields[count].name = NULL;
	return count;
}

void account_say_orphan(pid_t pid, const char *name, int status, const struct rusage *usage)
{
	struct log_field fields[MOST_FIELDS] = { LOG_NUMBER("pid", pid), LOG_STRING("name", name) };
	char line[LOG_LINE], signal[SIGNAL_NAME_SIZE];
	struct text text;

	set_fields(fields + 2, signal, status, usage);
	text_start(&text, line, sizeof(line));
	account_add_end(&text, status);
	text_add(&text, "; ");
	add_usage(&text, usage);
	log_warning("orphan-reaped", fields, "reaped orphan %d (%q), which %s", (int)pid, name,
		    line);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
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
	account->started = now();
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
	int fd = descriptors_lift(open(
		path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		0644));

	if (fd < 0) {
		log_warning("report-failed",
			    LOG_FIELDS(LOG_STRING("file", path), LOG_NUMBER("errno", errno)),
			    "cannot open the report %q: %e", path, errno);
		report_fd = CANNOT_OPEN;
		return false;
	}
	report_fd = fd;
	return true;
}

/* Never waits: zinit's end must not depend on who reads the report. Returns 0 or an errno value. */
static int write_report(const char *line, size_t length)
{
	struct iovec piece = { .iov_base = (char *)line, .iov_len = length };
	struct pollfd ready = { .fd = report_fd, .events = POLLOUT };
	long count = -1;

	/* Standard error may be blocking, and its flags are everybody's. */
	if (report_fd == STDERR_FILENO) {
		count = syscall(SYS_pwritev2, report_fd, &piece, 1, -1L, -1L, RWF_NOWAIT);
		if (count < 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
			return errno;
		if (count < 0 && (poll(&ready, 1, 0) != 1 || ready.revents != POLLOUT))
			return EAGAIN;
	}
	if (count < 0)
		count = write(report_fd, line, length);
	if (count < 0)
		return errno;
	return count == (long)length ? 0 : ENOSPC;
}

/* What has been composed so far becomes a message of the event, as text or as an object. */
struct line {
	char bytes[REPORT_LINE], message[REPORT_LINE];
	struct text text, words;
};

static int say_line(struct line *line, bool json, const char *event, const struct log_field *fields,
		    const char *more)
{
	struct text *text = &line->text;

	text_start(text, line->bytes, sizeof(line->bytes));
	if (json) {
		text_add(text, "{\"time\":\"");
		log_add_time(text);
		text_add(text, "\",\"level\":\"info\",\"event\":\"%s\",\"message\":", event);
		text_add_json(text, line->message);
		log_add_fields(text, fields);
		text_add(text, "%s}", more);
	} else {
		if (report_fd == STDERR_FILENO)
			text_add(text, "zinit[%d]: ", (int)getpid());
		text_add(text, "%s", line->message);
	}
	/* Two lines, a report, are under the 4,096 bytes that the kubelet takes of a termination log. */
	text_add(text, "\n");
	return write_report(line->bytes, text->length);
}

static int report_main_child(struct line *line, const struct account *account, bool json,
			     pid_t main_child)
{
	struct log_field fields[MOST_FIELDS];
	char signal[SIGNAL_NAME_SIZE];
	long long ran = (now() - account->started) / 1000;
	long long oom_kills = count_oom_kills();
	int status = account->main_status;
	size_t count;

	oom_kills = account->oom_kills >= 0 && oom_kills > account->oom_kills ?
			    oom_kills - account->oom_kills :
			    0;
	text_add(&line->words, "main child %d ", (int)main_child);
	account_add_end(&line->words, status);
	if (oom_kills && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		text_add(&line->words, ", probably out of memory");
	else if (oom_kills)
		text_add(&line->words, "; %lld of its cgroup were killed, out of memory",
			 oom_kills);
	text_add(&line->words, "; ran ");
	add_seconds(&line->words, ran);
	text_add(&line->words, ", ");
	add_usage(&line->words, &account->main_usage);

	fields[0] = LOG_NUMBER("pid", main_child);
	fields[1] = LOG_NUMBER("run_microseconds", ran);
	fields[2] = LOG_NUMBER("oom_kills", oom_kills);
	count = 3 + set_fields(fields + 3, signal, status, &account->main_usage);
	fields[count].name = NULL;
	return say_line(line, json, "report-main-child", fields, "");
}

static int report_zinit(struct line *line, const struct account *account, bool json)
{
	char forwarded[REPORT_LINE / 2], name[SIGNAL_NAME_SIZE];
	struct text more;
	const char *between = "; forwarded ";

	text_add(&line->words,
		 "zinit %d: %llu orphan%s adopted and reaped, at most %llu zombie%s at once",
		 (int)getpid(), account->reaped, account->reaped == 1 ? "" : "s",
		 account->most_at_once, account->most_at_once == 1 ? "" : "s");
	text_start(&more, forwarded, sizeof(forwarded));
	text_add(&more, ",\"forwarded\":{");
	for (int number = SIGNAL_FIRST; number <= SIGNAL_LAST; number++) {
		if (!account->forwarded[number])
			continue;
		signals_name(name, number);
		text_add(&line->words, "%s%s %llu", between, name, account->forwarded[number]);
		text_add(&more, "%s\"%s\":%llu", *between == ';' ? "" : ",", name,
			 account->forwarded[number]);
		between = ", ";
	}
	text_add(&more, "}");
	text_add(&line->words, "%s; %u zombies held by others at the end",
		 *between == ';' ? "; no signal forwarded" : "", account->held);
	return say_line(
		line, json, "report-zinit",
		LOG_FIELDS(LOG_NUMBER("pid", getpid()),
			   LOG_NUMBER("orphans_reaped", (long long)account->reaped),
			   LOG_NUMBER("most_zombies_at_once", (long long)account->most_at_once),
			   LOG_NUMBER("held_zombies", account->held)),
		forwarded);
}

void account_report(const struct account *account, const char *path, bool json, pid_t main_child)
{
	static struct line line ON_OWN_PAGES;
	int error = 0;

	if (report_fd == CANNOT_OPEN || (report_fd == NOT_OPEN && !account_prepare(path)))
		return;
	text_start(&line.words, line.message, sizeof(line.message));
	if (main_child > 0)
		error = report_main_child(&line, account, json, main_child);
	text_start(&line.words, line.message, sizeof(line.message));
	if (!error)
		error = report_zinit(&line, account, json);
	if (error)
		log_warning("report-failed",
			    LOG_FIELDS(LOG_STRING("file", path), LOG_NUMBER("errno", error)),
			    "cannot write the report %q: %e", path, error);
}
