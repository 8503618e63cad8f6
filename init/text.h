/*
 * Bounded text: formatting without heap and stdio.
 *
 * Every function takes what fits and leaves out the rest; the buffer always ends with a NUL.
 * musl's vsnprintf would bring floating point and stdio's buffers (8 KiB of binary) for the
 * handful of conversions that an init prints.
 */
#ifndef ZINIT_TEXT_H
#define ZINIT_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
	char *start;
	size_t length; /* bytes in use, the NUL not counted */
	size_t size; /* bytes that the buffer holds, the NUL counted */
};

/* Makes `text` an empty text in `buffer` of `size` bytes, size > 0. */
void text_start(struct text *text, char *buffer, size_t size);

/*
 * Appends by a format: %s, %d, %u, %ld, %lu, %lld, %llu, %x, %c, %% as printf(3) has them, a
 * minimum width for strings and decimal numbers (%-12s, %6d, %03d), and
 *   %q  a string that somebody else chose (a process's name, a word of the command line): what is
 *       no printable ASCII comes out as \xHH, so that one message stays one line; a width is its
 *       most, too (%-16q);
 *   %e  an errno value (int) as its words;
 *   %S  a signal's number (int) as its name;
 *   %T  microseconds (long long) as seconds: 1.234 s.
 */
void text_add(struct text *text, const char *format, ...) __attribute__((nonnull));

/* Writes by the format into a buffer of `size` bytes. Returns the buffer. */
char *text_print(char *buffer, size_t size, const char *format, ...) __attribute__((nonnull));

/*
 * The same for a message that is also an object: what a conversion is followed by in braces names
 * a field, as in "cannot send %S{signal} to %d{pid}: %e{errno}". Where `fields` is not NULL,
 * `,"signal":"SIGTERM"`, `,"pid":7` and `,"errno":1` are appended to it, strings escaped and each
 * whole or not at all. %!d{pid} is a field that the words leave out.
 */
void text_add_fields(struct text *text, struct text *fields, const char *format, va_list arguments)
	__attribute__((nonnull(1, 3)));

/*
 * Appends `string` as a JSON string, its quotes included: valid UTF-8 whatever comes in (RFC 8259,
 * sections 7 and 8.1); a byte that belongs to no valid sequence becomes U+FFFD.
 * Returns false, and appends nothing, when it does not fit whole.
 */
bool text_add_json(struct text *text, const char *string);

/* Reads a decimal number, digits only. Returns false on anything else and above `most`. */
bool text_number(const char *word, unsigned long long most, unsigned long long *value);

/* The bytes up to the next `end`, or to the end of the string. */
size_t text_until(const char *string, char end);

/*
 * Cuts off what is in front of the next `end`, in place, and moves `at` behind it, to NULL at the
 * last. Returns it; NULL when `at` is NULL: strsep(3) for one byte.
 */
char *text_cut(char **at, char end);

/* Is `word` one of the words of `list`, which are divided by `between`? */
bool text_lists(const char *list, char between, const char *word);

/* What follows KEY and `end` at the start of a line of `text`, NULL where no line has them. */
const char *text_behind(const char *text, const char *key, char end);

/* The first place of `part` in `line`, NULL without one: strstr(3) without 1 KiB of tables. */
char *text_find(char *line, const char *part);

/*
 * Reads a whole number as strtol(3) does in base 10: blanks, a sign, digits. Moves `at` behind it;
 * leaves it where it is when there is no digit. Returns the number, at most INT_MAX either way.
 */
int text_integer(const char **at);

#endif
