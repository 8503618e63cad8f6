/*
 * Messages: one line each, on stderr, never blocking.
 *
 * A line has at most LOG_LINE bytes (LOG_JSON_LINE as JSON) and goes out by one call that cannot
 * block, whoever else fills the same pipe or holds the same terminal with Ctrl-S: an init that
 * waits for its log reaps and forwards nothing. What cannot be written at once is dropped and
 * counted, and the count is said when the log flows again.
 *
 * Every message has an event, a fixed name for its kind, and may have fields, which its format
 * names (text_add_fields()). As text only the message shows; as JSON (--log-format json) the line
 * is an object with time, level, event, message and the fields, whose names carry their units. The
 * man page lists events and fields.
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

/* How much is said (errors always; -q, the default, -v, -vv: see enum log_level), and in which form. */
void log_set(int level, enum log_format format);

/* Would a message of `level` be said? For what is dear to find out. */
bool log_says(enum log_level level);

/*
 * Says one message; the format is text_add_fields()'s. Never fails, never blocks, keeps errno.
 * The way out: pwritev2(2) with RWF_NOWAIT; where that is refused (a terminal, a kernel before
 * 4.14) a private description of the same file with O_NONBLOCK, since O_NONBLOCK on descriptor 2
 * itself would be the child's too; where both are refused poll(2), then write(2).
 */
void log_event(enum log_level level, const char *event, const char *format, ...)
	__attribute__((nonnull(2, 3)));

#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_WARNING, event, __VA_ARGS__)
/* These ask first: the start and the way of each signal do without the log's code and stack. */
#define log_info(event, ...) \
	(log_says(LOG_INFO) ? log_event(LOG_INFO, event, __VA_ARGS__) : (void)0)
#define log_debug(event, ...) \
	(log_says(LOG_DEBUG) ? log_event(LOG_DEBUG, event, __VA_ARGS__) : (void)0)

/* Writes a whole line in that way. Returns whether it went out whole. */
bool log_write(const char *line, size_t length);

/* A message that is put together from pieces: its words, and (as JSON) its fields. */
enum { MESSAGE_WORDS = 1536, MESSAGE_FIELDS = 1920 };
struct message {
	struct text words, fields;
	char word_bytes[MESSAGE_WORDS], field_bytes[MESSAGE_FIELDS];
};

/* Makes it empty. Its words have at most `longest` bytes, its fields a quarter more. */
void message_start(struct message *message, size_t longest);

/* Appends to the words and the fields: text_add_fields(). */
void message_add(struct message *message, const char *format, ...) __attribute__((nonnull));

/* Says it, as log_event() does. */
void log_message(enum log_level level, const char *event, struct message *message);

/*
 * Appends the message to `line` as JSON, but for the brace at its end: all of its fields, and as
 * much of its words as has room beside them.
 */
void message_compose(struct text *line, enum log_level level, const char *event,
		     struct message *message);

/*
 * Opens the private description now, where one will be needed: before zinit changes its user, or
 * shuts open(2) away.
 */
void log_prepare(void);

/* The private description (-1: none), which closing what was inherited must spare. */
int log_descriptor(void);

#endif
