/*
 * Messages: one line each, on stderr, never blocking.
 *
 * A line has at most LOG_LINE bytes (LOG_JSON_LINE as JSON) and goes out by one call that cannot block, whoever else fills
 * the same pipe or holds the same terminal with Ctrl-S: an init that waits for its log reaps and
 * forwards nothing. What cannot be written at once is dropped and counted, and the count is said
 * when the log flows again.
 *
 * Every message has an event, a fixed name for its kind, and may have fields. As text only the
 * message shows; as JSON (--log-format json) the line is an object with time, level, event,
 * message and the fields, whose names carry their units. The man page lists events and fields.
 */
#ifndef ZINIT_LOG_H
#define ZINIT_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* Bytes of a line of text, and of a JSON object, whose fields have names. */
enum { LOG_LINE = 512, LOG_JSON_LINE = 1024 };

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
	const char *name;
	const char *string; /* NULL: the field is the number */
	long long number;
};

#define LOG_NUMBER(field_name, value) \
	((struct log_field){ .name = (field_name), .number = (value) })
#define LOG_STRING(field_name, value) \
	((struct log_field){ .name = (field_name), .string = (value) })

/* The fields of a message, in place: LOG_FIELDS(LOG_NUMBER("pid", pid), LOG_STRING("name", name)) */
#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { .name = NULL } })
#define LOG_PLAIN NULL

/* How much is said (errors always; -q, the default, -v, -vv: see enum log_level), and in which form. */
void log_set(int level, enum log_format format);

/* Would a message of `level` be said? For what is dear to find out. */
bool log_says(enum log_level level);

/*
 * Says one message; the format is text_add()'s. Never fails, never blocks, keeps errno.
 * The way out: pwritev2(2) with RWF_NOWAIT; where that is refused (a terminal, a kernel before
 * 4.14) a private description of the same file with O_NONBLOCK, since O_NONBLOCK on descriptor 2
 * itself would be the child's too; where both are refused poll(2), then write(2).
 */
void log_event(enum log_level level, const char *event, const struct log_field *fields,
	       const char *format, ...) __attribute__((nonnull(2, 4)));

#define log_error(event, fields, ...) log_event(LOG_ERROR, event, fields, __VA_ARGS__)
#define log_warning(event, fields, ...) log_event(LOG_WARNING, event, fields, __VA_ARGS__)
#define log_info(event, fields, ...) log_event(LOG_INFO, event, fields, __VA_ARGS__)
#define log_debug(event, fields, ...) log_event(LOG_DEBUG, event, fields, __VA_ARGS__)

/*
 * Opens the private description now, where one will be needed: before zinit changes its user, or
 * shuts open(2) away.
 */
void log_prepare(void);

/* The private description (-1: none), which closing what was inherited must spare. */
int log_descriptor(void);

/* Appends `"name":value` pairs, each behind a comma: for JSON objects written elsewhere. */
void log_add_fields(struct text *text, const struct log_field *fields);

/* Appends the time now as RFC 3339 has it, in UTC, with microseconds. */
void log_add_time(struct text *text);

#endif
