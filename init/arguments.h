/*
 * Arguments: what the word behind an option means, and what is said of a bad one.
 *
 * A bad word ends zinit: one line that names it and what would be right, one that names the help,
 * and the contract's usage status.
 */
#ifndef ZINIT_ARGUMENTS_H
#define ZINIT_ARGUMENTS_H

#include "options.h"

enum type {
	SET, /* stores the table's value */
	COUNT, /* adds the table's value */
	ACTION, /* shows something and ends */
	DURATION, /* 10, 1.5s, 500ms, 2m, 1h */
	SIGNAL, /* a name or a number */
	DEATH_SIGNAL, /* the same, under tini's name its own narrow way */
	SIGNALS, /* a list of them */
	REWRITE, /* FROM:TO, a list */
	CODES, /* exit statuses, a list */
	CHOICE, /* one of the words of `argument` */
	PERCENT,
	NUMBER,
	TEXT,
	AS, /* a contract's name */
};

enum marks { ENV = 1, OPTIONAL = 2 };

struct entry {
	const char *name, *argument, *help;
	unsigned short member;
	short value;
	char letter;
	unsigned char type, section, marks;
};

/* Where a word came from, for the message about it. */
struct source {
	struct options *options;
	const char *program; /* as the user called zinit */
	const char *variable; /* NULL: the command line */
	const char *whole; /* the argument that the word is a part of */
};

/* Where the entry's value is kept. */
void *arguments_member(const struct source *source, const struct entry *entry);

/* Reads the option's argument, or stores what an option without one stands for. */
void arguments_read(struct source *source, const struct entry *entry, const char *word);

/* "option --NAME: 'WORD' is not right: RIGHT", and the end. */
_Noreturn void arguments_bad(const struct source *source, const struct entry *entry,
			     const char *word, const char *right);

/* The same with a text of its own, by text_add()'s format. */
_Noreturn void arguments_usage_error(const struct source *source, const char *format, ...);

#endif
