/* Arguments: what the word behind an option means, and what is said of a bad one. */
#include "arguments.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"

void *arguments_member(const struct source *source, const struct entry *entry)
{
	return (char *)source->options + entry->member;
}

_Noreturn void arguments_usage_error(const struct source *source, const char *format, ...)
{
	const struct contract *contract = source->options->contract;
	char message[LOG_LINE], hint[128];
	struct text text;
	va_list arguments;

	text_start(&text, message, sizeof(message));
	va_start(arguments, format);
	text_add_fields(&text, NULL, format, arguments);
	va_end(arguments);
	log_error("usage", "%s", message);
	text_start(&text, hint, sizeof(hint));
	text_add(&text, "Try '%s %s'\n", source->program,
		 text_lists(contract->not_ours, ' ', "help") ? "-h" : "--help");
	if (write(contract->usage_stream, hint, text.length) < 0) {
		/* Nobody reads it. */
	}
	_exit(contract->usage_status);
}

_Noreturn void arguments_bad(const struct source *source, const struct entry *entry,
			     const char *word, const char *right)
{
	char where[160];
	struct text text;

	text_start(&text, where, sizeof(where));
	if (source->variable)
		text_add(&text, "%s", source->variable);
	else if (entry->name)
		text_add(&text, "option --%s", entry->name);
	else
		text_add(&text, "option -%c", entry->letter);
	text_add(&text, ": '%q'", word);
	if (source->whole && strcmp(source->whole, word) != 0)
		text_add(&text, " in '%q'", source->whole);
	arguments_usage_error(source, "%s is not right: %s", where, right);
}

/*
 * Copies the next word of a list divided by commas into `word`. Returns what follows it, NULL at
 * the end. A word that is too long is cut, and so is none that is right.
 */
static const char *next_word(const char *list, char word[static 32])
{
	size_t length = text_until(list, ',');
	size_t kept = length < 31 ? length : 31;

	memcpy(word, list, kept);
	word[kept] = '\0';
	return list[length] ? list + length + 1 : NULL;
}

static bool parse_duration(const char *word, int64_t *nanoseconds)
{
	static const struct {
		const char *name;
		int64_t size;
	} units[] = { { "", NANOSECONDS },
		      { "s", NANOSECONDS },
		      { "ms", NANOSECONDS / 1000 },
		      { "m", 60 * NANOSECONDS },
		      { "h", 3600 * NANOSECONDS } };
	const int64_t most = 1000000000; /* seconds, or any other unit: 31 years */
	int64_t whole = 0, fraction = 0, scale = 1;
	bool digits = false;

	for (; *word >= '0' && *word <= '9'; word++, digits = true)
		if ((whole = whole * 10 + (*word - '0')) > most)
			return false;
	if (*word == '.') {
		for (word++; *word >= '0' && *word <= '9'; word++, digits = true) {
			if (scale >= NANOSECONDS / 1000)
				continue; /* finer than a microsecond */
			fraction = fraction * 10 + (*word - '0');
			scale *= 10;
		}
	}
	for (size_t i = 0; digits && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(word, units[i].name) != 0)
			continue;
		if (whole > INT64_MAX / units[i].size - 1)
			return false;
		*nanoseconds = whole * units[i].size + fraction * (units[i].size / scale);
		return true;
	}
	return false;
}

static int read_signal(const struct source *source, const struct entry *entry, const char *word)
{
	char name[SIGNAL_NAME_SIZE];
	int signal = signals_parse(word);
	bool strict = source->options->contract->strict_names && entry->type == DEATH_SIGNAL;

	if (strict &&
	    (signal > SIGSYS || signal == 0 || strcmp(signals_name(name, signal), word) != 0))
		arguments_bad(source, entry, word, "a signal by its full name, as SIGTERM");
	if (signal == 0)
		arguments_bad(source, entry, word,
			      "a signal's name or number, as TERM, SIGUSR1, RTMIN+2, 15");
	return signal;
}

static void read_signals(const struct source *source, const struct entry *entry, const char *list)
{
	signal_set set = 0;
	char word[32];

	while (list) {
		list = next_word(list, word);
		set |= signals_one(read_signal(source, entry, word));
	}
	*(signal_set *)arguments_member(source, entry) = set;
}

static void rewrite(struct options *options, int from, int to)
{
	options->rewrite[from] = (unsigned char)to;
	options->rewritten |= signals_one(from);
}

/* dumb-init's form, read as its sscanf("%d:%d") does: what follows the numbers is nothing. */
static void read_plain_rewrite(const struct source *source, const struct entry *entry,
			       const char *word)
{
	const char *colon = word, *end;
	int from = text_integer(&colon), to;

	end = *colon == ':' ? colon + 1 : word;
	to = text_integer(&end);
	if (colon == word || *colon != ':' || end == colon + 1 || from < 1 || from > SIGSYS ||
	    to < 0 || to > SIGSYS)
		arguments_bad(source, entry, word,
			      "NUMBER:NUMBER, signals from 1 to 31, or to 0 to drop");
	rewrite(source->options, from, to);
}

static void read_rewrite(const struct source *source, const struct entry *entry, const char *list)
{
	char word[32];

	if (source->options->contract->plain_rewrite) {
		read_plain_rewrite(source, entry, list);
		return;
	}
	while (list) {
		int from, to = 0;
		char *colon;

		list = next_word(list, word);
		colon = strchr(word, ':');
		if (!colon)
			arguments_bad(source, entry, word, "FROM:TO, as TERM:QUIT");
		*colon = '\0';
		from = signals_parse(word);
		if (from == 0)
			arguments_bad(source, entry, word,
				      "FROM is a signal's name or number, as TERM or 15");
		if (from == SIGKILL || from == SIGSTOP || from == SIGCHLD)
			arguments_bad(source, entry, word,
				      "FROM is a signal that zinit can get and forwards");
		if (strcasecmp(colon + 1, "none") != 0 && strcmp(colon + 1, "0") != 0) {
			to = signals_parse(colon + 1);
			if (to == 0)
				arguments_bad(
					source, entry, colon + 1,
					"TO is a signal's name or number, or none (0) to drop it");
		}
		rewrite(source->options, from, to);
	}
}

static void read_codes(const struct source *source, const struct entry *entry, const char *list)
{
	uint32_t *bits = arguments_member(source, entry);
	unsigned long long code;
	char word[32];

	if (source->options->contract->loose_numbers) {
		const char *end = list;
		int number = text_integer(&end);

		if (*end || number < 0 || number > 255)
			arguments_bad(source, entry, list, "an exit status from 0 to 255");
		bits[number / 32] |= 1U << (number % 32);
		return;
	}
	while (list) {
		list = next_word(list, word);
		if (!text_number(word, 255, &code))
			arguments_bad(source, entry, word, "an exit status from 0 to 255");
		bits[code / 32] |= 1U << (code % 32);
	}
}

static void read_choice(const struct source *source, const struct entry *entry, const char *word)
{
	const char *choice = entry->argument;

	for (int value = 0;; value++) {
		size_t length = text_until(choice, '|');

		if (strlen(word) == length && memcmp(word, choice, length) == 0) {
			*(int *)arguments_member(source, entry) = value;
			return;
		}
		if (!choice[length])
			arguments_bad(source, entry, word, entry->argument);
		choice += length + 1;
	}
}

static void read_number(const struct source *source, const struct entry *entry, const char *word)
{
	bool percent = entry->type == PERCENT;
	unsigned long long number;

	if (!text_number(word, percent ? 100 : INT_MAX, &number))
		arguments_bad(source, entry, word,
			      percent ? "a percentage from 0 to 100" : "a whole number");
	*(int64_t *)arguments_member(source, entry) = (int64_t)number;
}

void arguments_read(struct source *source, const struct entry *entry, const char *word)
{
	int *plain = arguments_member(source, entry);

	source->whole = word;
	switch ((enum type)entry->type) {
	case SET:
		*plain = entry->value;
		break;
	case COUNT:
		*plain = *plain < 0 ? entry->value : *plain + entry->value;
		break;
	case ACTION: /* options.c does it */
		break;
	case DURATION:
		if (!parse_duration(word, arguments_member(source, entry)))
			arguments_bad(source, entry, word, "a duration, as 10, 1.5s, 500ms, 2m");
		break;
	case SIGNAL:
	case DEATH_SIGNAL:
		*plain = read_signal(source, entry, word);
		break;
	case SIGNALS:
		read_signals(source, entry, word);
		break;
	case REWRITE:
		read_rewrite(source, entry, word);
		break;
	case CODES:
		read_codes(source, entry, word);
		break;
	case CHOICE:
		read_choice(source, entry, word);
		break;
	case PERCENT:
	case NUMBER:
		read_number(source, entry, word);
		break;
	case TEXT:
		if (!*word)
			arguments_bad(source, entry, word, "it must not be empty");
		*(const char **)arguments_member(source, entry) = word;
		break;
	case AS:
		source->options->contract = compat_find(word);
		if (!source->options->contract) {
			source->options->contract = compat_of(NULL);
			arguments_bad(
				source, entry, word,
				"zinit, tini, docker-init, dumb-init, catatonit, podman-init or pause");
		}
		break;
	}
}
