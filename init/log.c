/* Messages: one line each, on stderr, never blocking. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "descriptors.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

static struct {
	int level;
	enum log_format format;
	enum { WAY_NOWAIT, WAY_PRIVATE, WAY_POLL } way;
	int private_fd;
	unsigned lost;
} state = { .level = LOG_WARNING, .private_fd = -1 };

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_set(int level, enum log_format format)
{
	state.level = level;
	state.format = format;
}

bool log_says(enum log_level level)
{
	return (int)level <= state.level;
}

int log_descriptor(void)
{
	return state.private_fd;
}

/*
 * A file is the exception among what RWF_NOWAIT is refused for: a description of our own would
 * have an offset of its own and write over what the main child wrote. Writing a file is no wait
 * for anybody, so it is polled and written.
 */
static void choose_fallback(void)
{
	struct stat status;

	state.way = WAY_POLL;
	if (fstat(STDERR_FILENO, &status) != 0 || S_ISREG(status.st_mode))
		return;
	int fd = descriptors_lift(descriptors_open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK, 0));
	if (fd < 0)
		return;
	state.private_fd = fd;
	state.way = WAY_PRIVATE;
}

/* pipe(2)'s take RWF_NOWAIT, mkfifo(3)'s do not (FMODE_NOWAIT of create_pipe_files(), fifo_open()). */
static bool is_named_fifo(void)
{
	struct stat status;
	struct statfs filesystem;

	return fstat(STDERR_FILENO, &status) == 0 && S_ISFIFO(status.st_mode) &&
	       fstatfs(STDERR_FILENO, &filesystem) == 0 && filesystem.f_type != PIPEFS_MAGIC;
}

void log_prepare(void)
{
	if (state.way == WAY_NOWAIT && (isatty(STDERR_FILENO) || is_named_fifo()))
		choose_fallback();
}

static bool write_polled(const char *line, size_t length)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };

	/* POLLERR is a pipe whose reader has gone: closed. */
	if (poll(&ready, 1, 0) != 1 || ready.revents != POLLOUT)
		return false;
	return write(STDERR_FILENO, line, length) == (ssize_t)length;
}

bool log_write(const char *line, size_t length)
{
	if (state.way == WAY_NOWAIT) {
		struct iovec piece = { .iov_base = (char *)line, .iov_len = length };
		/* By the raw call: musl has a pwritev2() only since 1.2.5. */
		long count = syscall(SYS_pwritev2, STDERR_FILENO, &piece, 1, -1L, -1L, RWF_NOWAIT);

		if (count >= 0)
			return count == (long)length;
		/* EINVAL: a file whose kind knows the call's flags not at all. */
		if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
			return false;
		choose_fallback();
	}
	if (state.way == WAY_PRIVATE)
		return write(state.private_fd, line, length) == (ssize_t)length;
	return write_polled(line, length);
}

/* Days since 1970-01-01 to a date of the proleptic Gregorian calendar, in UTC. */
static void add_date(struct text *text, long long days)
{
	int year = 1970, month = 0;

	for (;; year++) {
		bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		const int lengths[] = { 31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

		if (days >= (leap ? 366 : 365)) {
			days -= leap ? 366 : 365;
			continue;
		}
		for (; days >= lengths[month]; month++)
			days -= lengths[month];
		break;
	}
	text_add(text, "%04d-%02d-%02d", year, month + 1, (int)days + 1);
}

static void add_time(struct text *text)
{
	struct timespec now;
	long long second;

	clock_gettime(CLOCK_REALTIME, &now);
	second = now.tv_sec;
	add_date(text, second / 86400);
	second %= 86400;
	text_add(text, "T%02d:%02d:%02d.%06dZ", (int)(second / 3600), (int)(second / 60 % 60),
		 (int)(second % 60), (int)(now.tv_nsec / 1000));
}

void message_start(struct message *message, size_t longest)
{
	text_start(&message->words, message->word_bytes, longest);
	text_start(&message->fields, message->field_bytes, longest / 4 * 5);
}

static void add_list(struct message *message, const char *format, va_list arguments)
{
	text_add_fields(&message->words, state.format == LOG_JSON ? &message->fields : NULL, format,
			arguments);
}

void message_add(struct message *message, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_list(message, format, arguments);
	va_end(arguments);
}

void message_compose(struct text *line, enum log_level level, const char *event,
		     struct message *message)
{
	char *words = message->words.start;
	size_t length = message->words.length;

	text_add(line, "{\"time\":\"");
	add_time(line);
	text_add(line, "\",\"level\":\"%s\",\"event\":\"%s\",\"message\":", level_names[level],
		 event);
	/* What does not fit, escaped, loses its end. */
	line->size -= message->fields.length;
	for (; !text_add_json(line, words); length /= 2)
		words[length / 2] = '\0';
	line->size += message->fields.length;
	text_add(line, "%s", message->fields.start);
}

static bool say(enum log_level level, const char *event, struct message *message)
{
	char line[LOG_JSON_LINE];
	struct text text;

	/* Two bytes stay free, for the end of a JSON object and the end of the line. */
	text_start(&text, line, (state.format == LOG_TEXT ? LOG_LINE : LOG_JSON_LINE) - 2);
	if (state.format == LOG_TEXT) {
		text_add(&text, "zinit[%d]: %s: %s", (int)getpid(), level_names[level],
			 message->words.start);
	} else {
		message_compose(&text, level, event, message);
		line[text.length++] = '}';
	}
	line[text.length++] = '\n';
	return log_write(line, text.length);
}

void log_message(enum log_level level, const char *event, struct message *message)
{
	struct message notice;
	int saved = errno;

	if (!log_says(level))
		return;
	if (state.lost) {
		message_start(&notice, LOG_LINE);
		message_add(&notice, "%u{lost_messages} messages were lost: the log was full",
			    state.lost);
		if (say(LOG_WARNING, "messages-lost", &notice))
			state.lost = 0;
	}
	if (state.lost || !say(level, event, message))
		state.lost++;
	errno = saved;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	struct message message;
	va_list arguments;

	if (!log_says(level))
		return;
	message_start(&message, LOG_LINE);
	va_start(arguments, format);
	add_list(&message, format, arguments);
	va_end(arguments);
	log_message(level, event, &message);
}
