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
 *       no printable ASCII comes out as \xHH, so that one message stays one line;
 *   %e  an errno value as its words.
 */
void text_add(struct text *text, const char *format, ...) __attribute__((nonnull));
void text_add_list(struct text *text, const char *format, va_list arguments);

/*
 * Appends `string` as a JSON string, its quotes included: valid UTF-8 whatever comes in (RFC 8259,
 * sections 7 and 8.1); a byte that belongs to no valid sequence becomes U+FFFD.
 * Returns false, and appends nothing, when it does not fit whole.
 */
bool text_add_json(struct text *text, const char *string);

/* Reads a decimal number, digits only. Returns false on anything else and above `most`. */
bool text_number(const char *word, unsigned long long most, unsigned long long *value);

/* The first place of `part` in `line`, NULL without one: strstr(3) without 1 KiB of tables. */
char *text_find(char *line, const char *part);

/*
 * Reads a whole number as strtol(3) does in base 10: blanks, a sign, digits. Moves `at` behind it;
 * leaves it where it is when there is no digit. Returns the number, at most INT_MAX either way.
 */
int text_integer(const char **at);

#endif
