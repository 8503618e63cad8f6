/* Options: from argv and the environment to one struct. */
#include "options.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "license.h"
#include "log.h"

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

enum section { EVERYDAY, STOPPING, ZOMBIES, PRIVILEGES, HOST, HIDDEN };

enum marks { ENV = 1, OPTIONAL = 2 };

struct entry {
	const char *name, *argument, *help;
	unsigned short member;
	short value;
	char letter;
	unsigned char type, section, marks;
};

static const struct entry table[] = {
#define OPTION(letter_, name_, argument_, type_, member_, value_, section_, marks_, help_) \
	{ .letter = (letter_),                                                             \
	  .name = (name_),                                                                 \
	  .argument = (argument_),                                                         \
	  .type = (type_),                                                                 \
	  .member = offsetof(struct options, member_),                                     \
	  .value = (value_),                                                               \
	  .section = (section_),                                                           \
	  .marks = (marks_),                                                               \
	  .help = (help_) },
#include "options.def"
#undef OPTION
};

enum { ENTRIES = sizeof(table) / sizeof(table[0]) };

static const char *const section_titles[] = {
	[EVERYDAY] = "Everyday",           [STOPPING] = "Stopping",
	[ZOMBIES] = "Seeing zombies",      [PRIVILEGES] = "Privileges",
	[HOST] = "On hosts, and the rest",
};

/* Where a word came from, for the message about it. */
struct source {
	struct options *options;
	const char *program; /* as the user called zinit */
	const char *variable; /* NULL: the command line */
	const char *whole; /* the argument that the word is a part of */
};

static void *member_of(const struct source *source, const struct entry *entry)
{
	return (char *)source->options + entry->member;
}

static const char *basename_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path && *path ? path : "zinit";
}

/* One line that names the bad word and what would be right, one that names the help, and the end. */
static _Noreturn void usage_error(const struct source *source, const char *format, ...)
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

static _Noreturn void bad_word(const struct source *source, const struct entry *entry,
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
	usage_error(source, "%s is not right: %s", where, right);
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
		bad_word(source, entry, word, "a signal by its full name, as SIGTERM");
	if (signal == 0)
		bad_word(source, entry, word,
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
	*(signal_set *)member_of(source, entry) = set;
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
		bad_word(source, entry, word,
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
			bad_word(source, entry, word, "FROM:TO, as TERM:QUIT");
		*colon = '\0';
		from = signals_parse(word);
		if (from == 0)
			bad_word(source, entry, word,
				 "FROM is a signal's name or number, as TERM or 15");
		if (from == SIGKILL || from == SIGSTOP || from == SIGCHLD)
			bad_word(source, entry, word,
				 "FROM is a signal that zinit can get and forwards");
		if (strcasecmp(colon + 1, "none") != 0 && strcmp(colon + 1, "0") != 0) {
			to = signals_parse(colon + 1);
			if (to == 0)
				bad_word(source, entry, colon + 1,
					 "TO is a signal's name or number, or none (0) to drop it");
		}
		rewrite(source->options, from, to);
	}
}

static void read_codes(const struct source *source, const struct entry *entry, const char *list)
{
	uint32_t *bits = member_of(source, entry);
	unsigned long long code;
	char word[32];

	if (source->options->contract->loose_numbers) {
		const char *end = list;
		int number = text_integer(&end);

		if (*end || number < 0 || number > 255)
			bad_word(source, entry, list, "an exit status from 0 to 255");
		bits[number / 32] |= 1U << (number % 32);
		return;
	}
	while (list) {
		list = next_word(list, word);
		if (!text_number(word, 255, &code))
			bad_word(source, entry, word, "an exit status from 0 to 255");
		bits[code / 32] |= 1U << (code % 32);
	}
}

static void read_choice(const struct source *source, const struct entry *entry, const char *word)
{
	const char *choice = entry->argument;

	for (int value = 0;; value++) {
		size_t length = text_until(choice, '|');

		if (strlen(word) == length && memcmp(word, choice, length) == 0) {
			*(int *)member_of(source, entry) = value;
			return;
		}
		if (!choice[length])
			bad_word(source, entry, word, entry->argument);
		choice += length + 1;
	}
}

static void read_number(const struct source *source, const struct entry *entry, const char *word)
{
	bool percent = entry->type == PERCENT;
	unsigned long long number;

	if (!text_number(word, percent ? 100 : INT_MAX, &number))
		bad_word(source, entry, word,
			 percent ? "a percentage from 0 to 100" : "a whole number");
	*(int64_t *)member_of(source, entry) = (int64_t)number;
}

static _Noreturn void show(int stream, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t count = write(stream, bytes, length);

		if (count <= 0)
			_exit(1);
		bytes += count;
		length -= (size_t)count;
	}
	_exit(0);
}

static void add_option_help(struct text *text, const struct entry *entry)
{
	const struct text before = *text;

	if (entry->letter)
		text_add(text, "  -%c, --%s", entry->letter, entry->name);
	else
		text_add(text, "      --%s", entry->name);
	if (entry->marks & OPTIONAL)
		text_add(text, "[=%s]", entry->argument);
	else if (entry->argument)
		text_add(text, " %s", entry->argument);
	if (text->length - before.length > 33)
		text_add(text, "\n%-34s", "");
	while (text->length - before.length < 34)
		text_add(text, " ");
	text_add(text, "%s\n", entry->help);
}

static _Noreturn void show_help(const struct contract *contract, const char *program)
{
	char page[6144];
	struct text text;

	text_start(&text, page, sizeof(page));
	text_add(&text, "Usage: %s [OPTION]... [--] PROGRAM [ARG]...\n", program);
	text_add(&text,
		 "Run PROGRAM as init does: forward signals to it, reap every orphan, end with "
		 "its\nexit status. DURATION is 10, 1.5s, 500ms or 2m.\n");
	for (int section = EVERYDAY; section < HIDDEN; section++) {
		text_add(&text, "\n%s:\n", section_titles[section]);
		for (int i = 0; i < ENTRIES; i++)
			if (table[i].section == section)
				add_option_help(&text, &table[i]);
	}
	text_add(
		&text,
		"\nIts own exit statuses: 124 timed out, 125 failed or misused, 126 PROGRAM cannot "
		"be\nrun, 127 PROGRAM not found, 128+N PROGRAM ended by signal N. See zinit(1).\n");
	show(contract->help_stream, page, text.length);
}

static _Noreturn void act(const struct source *source, enum option_action action)
{
	const struct contract *contract = source->options->contract;
	char line[128];
	struct text text;

	if (action == ACTION_HELP)
		show_help(contract, source->program);
	if (action == ACTION_LICENSE)
		show(STDOUT_FILENO, LICENSE_TEXT, sizeof(LICENSE_TEXT) - 1);
	text_start(&text, line, sizeof(line));
	text_add(&text, "%s\n", contract->version);
	show(contract->version_stream, line, text.length);
}

/* Reads one option's argument, `word`; on a bad one it does not return. */
static void read_option(struct source *source, const struct entry *entry, const char *word)
{
	int *plain = member_of(source, entry);

	source->whole = word;
	switch ((enum type)entry->type) {
	case SET:
		*plain = entry->value;
		break;
	case COUNT:
		*plain = *plain < 0 ? entry->value : *plain + entry->value;
		break;
	case ACTION:
		act(source, (enum option_action)entry->value);
	case DURATION:
		if (!parse_duration(word, member_of(source, entry)))
			bad_word(source, entry, word, "a duration, as 10, 1.5s, 500ms, 2m");
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
			bad_word(source, entry, word, "it must not be empty");
		*(const char **)member_of(source, entry) = word;
		break;
	case AS:
		source->options->contract = compat_find(word);
		if (!source->options->contract) {
			source->options->contract = compat_of(NULL);
			bad_word(
				source, entry, word,
				"zinit, tini, docker-init, dumb-init, catatonit, podman-init or pause");
		}
		break;
	}
}

/* A plain option's variable takes 0 or 1, a counted one its count. */
static void read_variable(struct source *source, const struct entry *entry, const char *word)
{
	unsigned long long number;

	if (entry->type != SET && entry->type != COUNT) {
		read_option(source, entry, word);
		return;
	}
	if (!text_number(word, entry->type == COUNT ? 9 : 1, &number))
		bad_word(source, entry, word,
			 entry->type == COUNT ? "a number from 0 to 9" : "0 or 1");
	if (number)
		*(int *)member_of(source, entry) = entry->type == COUNT ? (int)number :
									  entry->value;
}

/* Does the variable NAME=... stand for the long option `name`: ZINIT_STOP_TIMEOUT for stop-timeout? */
static bool names_option(const char *variable, const char *name)
{
	for (; *name; variable++, name++)
		if (*variable != (*name == '-' ? '_' : *name - 'a' + 'A'))
			return false;
	return *variable == '=';
}

static void read_environment(struct source *source, const bool *given)
{
	static const char prefix[] = "ZINIT_";
	char name[32];

	for (char **variable = environ; *variable; variable++) {
		if (strncmp(*variable, prefix, sizeof(prefix) - 1) != 0)
			continue;
		for (int i = 0; i < ENTRIES; i++) {
			const char *value = strchr(*variable, '=');

			if (!(table[i].marks & ENV) || given[table[i].member] ||
			    !names_option(*variable + sizeof(prefix) - 1, table[i].name))
				continue;
			size_t length = (size_t)(value - *variable);
			memcpy(name, *variable, length);
			name[length] = '\0';
			source->variable = name;
			read_variable(source, &table[i], value + 1);
			source->variable = NULL;
		}
	}
}

/* What the command line gave, by the member of struct options that it set. */
struct given {
	bool member[sizeof(struct options)];
	const struct source *source;
};

static void apply_peer_variable(enum peer_variable variable, const char *name, const char *value,
				void *context)
{
	const struct given *given = context;
	struct options *options = given->source->options;
	bool wins = options->contract->variables_win;

	switch (variable) {
	case VARIABLE_GROUP:
		if (wins || !given->member[offsetof(struct options, target)])
			options->target = TARGET_GROUP;
		break;
	case VARIABLE_LEVEL:
		if (wins || !given->member[offsetof(struct options, verbosity)])
			options->verbosity = text_integer(&value) - 1;
		break;
	case VARIABLE_DEBUG:
		if (wins || !given->member[offsetof(struct options, verbosity)])
			options->verbosity = 2;
		break;
	case VARIABLE_NO_SESSION:
		if (wins && options->target == TARGET_SESSION)
			options->target = TARGET_CHILD;
		break;
	case VARIABLE_SUBREAPER:
		options->subreaper = 1;
		break;
	case VARIABLE_RESERVED:
		usage_error(given->source, "%s is reserved: unset it", name);
	}
}

/* A short option that the contract accepts; NULL without one of that letter. */
static const struct entry *find_letter(const struct contract *contract, char letter)
{
	if (contract->letters && !strchr(contract->letters, letter))
		return NULL;
	for (int i = 0; i < ENTRIES; i++)
		if (table[i].letter == letter)
			return &table[i];
	return NULL;
}

/*
 * A long option by its name or by a start of it that no other has, as getopt_long(3) takes them; a
 * peer's own ones are asked first, so that their starts mean what they meant there (dumb-init's
 * --rew=15:2).
 */
static const struct entry *find_name(const struct contract *contract, const char *word,
				     size_t length)
{
	for (bool own = contract->own_longs;; own = false) {
		const struct entry *found = NULL;
		int count = 0;

		for (int i = 0; i < ENTRIES; i++) {
			const char *name = table[i].name;

			if (!name || strncmp(name, word, length) != 0 ||
			    (own ? !text_lists(contract->own_longs, ' ', name) :
				   text_lists(contract->not_ours, ' ', name)))
				continue;
			if (!name[length])
				return &table[i];
			found = &table[i];
			count++;
		}
		if (count == 1)
			return found;
		if (!own)
			return NULL;
	}
}

/* An option, with its argument; NULL where that is optional and left out. */
static void take_option(struct source *source, struct given *given, const struct entry *entry,
			const char *argument)
{
	if (entry->type == AS)
		return; /* read before all others */
	if (argument)
		read_option(source, entry, argument);
	else
		*(int *)member_of(source, entry) = entry->value;
	given->member[entry->member] = true;
}

/* A word of long options, `next` behind it. Returns how many words it took. */
static int read_long(struct source *source, struct given *given, const char *word, const char *next)
{
	size_t length = text_until(word + 2, '=');
	const struct entry *entry = find_name(source->options->contract, word + 2, length);
	const char *argument = word[2 + length] ? word + 2 + length + 1 : NULL;
	bool takes_next;

	if (!entry)
		usage_error(source, "unknown option '%q': a PROGRAM of that name needs -- in front",
			    word);
	if (argument && !entry->argument)
		usage_error(source, "option '%q': --%s takes no argument", word, entry->name);
	takes_next = entry->argument && !argument && !(entry->marks & OPTIONAL);
	if (takes_next && !next)
		usage_error(source, "option '%q' needs an argument: --%s %s", word, entry->name,
			    entry->argument);
	if (takes_next)
		argument = next;
	else if (!argument && !(entry->marks & OPTIONAL))
		argument = "";
	take_option(source, given, entry, argument);
	return takes_next ? 2 : 1;
}

/* A word of short options, `next` behind it: -vg, -pTERM, -p TERM. Returns how many it took. */
static int read_short(struct source *source, struct given *given, const char *word,
		      const char *next)
{
	const struct contract *contract = source->options->contract;

	while (*++word) {
		const struct entry *entry = find_letter(contract, *word);

		if (entry && entry->argument) {
			if (!word[1] && !next)
				usage_error(source, "option '-%c' needs an argument: %s", *word,
					    entry->argument);
			take_option(source, given, entry, word[1] ? word + 1 : next);
			return word[1] ? 1 : 2;
		}
		if (entry)
			take_option(source, given, entry, "");
		else if (!contract->version_anywhere)
			usage_error(
				source,
				"unknown option '-%q': a PROGRAM of that name needs -- in front",
				(char[]){ *word, '\0' });
	}
	return 1;
}

/* Options end at the first word that is none, or behind "--". */
static void read_command_line(struct source *source, struct given *given, int argc, char **argv)
{
	int at = 1;

	while (at < argc && argv[at][0] == '-' && argv[at][1]) {
		const char *word = argv[at];

		if (strcmp(word, "--") == 0) {
			at++;
			break;
		}
		at += (word[1] == '-' ? read_long : read_short)(source, given, word, argv[at + 1]);
	}
	source->options->program = at < argc ? argv + at : NULL;
}

/*
 * --as changes how all other options are read, so it is looked for first: among the words before
 * the PROGRAM, as `--as=NAME` or `--as NAME`. Returns how many words that took.
 */
static int read_as(struct source *source, int argc, char **argv)
{
	const struct entry *entry = table;
	int words = 0;

	while (entry->type != AS)
		entry++;
	for (int i = 1; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--as=", 5) == 0) {
			read_option(source, entry, argv[i] + 5);
			words++;
		} else if (strcmp(argv[i], "--as") == 0 && i + 1 < argc) {
			read_option(source, entry, argv[++i]);
			words += 2;
		}
	}
	return words;
}

static bool is_version_word(const struct contract *contract, int as_words, int argc, char **argv)
{
	if (contract->version_alone && argc == 2 + as_words)
		return strcmp(argv[argc - 1], "--version") == 0;
	if (contract->version_anywhere)
		for (int i = 1; i < argc; i++)
			if (strcasecmp(argv[i], "-v") == 0)
				return true;
	return false;
}

static void check_program(const struct source *source)
{
	struct options *options = source->options;
	const char *instead = options->pause ? "--pause" : options->check ? "--check" : "--copy-to";

	if (options->pause && options->contract->pause_ignores)
		options->program = NULL;
	if (!options->pause && !options->check && !options->copy_to) {
		if (!options->program)
			usage_error(source,
				    "no PROGRAM to run: %s [OPTION]... [--] PROGRAM [ARG]...",
				    source->program);
		return;
	}
	if (options->program)
		usage_error(source, "'%q': %s runs no PROGRAM", options->program[0], instead);
}

void options_parse(struct options *options, int argc, char **argv)
{
	struct source source = { .options = options,
				 .program = basename_of(argc ? argv[0] : NULL) };
	struct given given = { .source = &source };
	int as_words;

	*options = (struct options){
		.contract = compat_of(argc ? argv[0] : NULL),
		.grace_signal = SIGTERM,
		.stop_on = signals_one(SIGTERM) | signals_one(SIGINT) | signals_one(SIGQUIT),
		.grace = 0,
		.stop_timeout = UNSET,
		.timeout = UNSET,
		.watch = UNSET,
		.settle = NANOSECONDS / 4,
		.max_pids = 90,
		.max_zombies = UNSET,
	};
	for (int signal = 0; signal <= SIGNAL_LAST; signal++)
		options->rewrite[signal] = (unsigned char)signal;
	as_words = read_as(&source, argc, argv);
	options->target = (int)options->contract->target;
	options->pause = options->contract->always_pause;
	if (is_version_word(options->contract, as_words, argc, argv))
		act(&source, ACTION_VERSION);
	read_command_line(&source, &given, argc, argv);
	if (!getauxval(AT_SECURE)) {
		compat_variables(options->contract, apply_peer_variable, &given);
		read_environment(&source, given.member);
	}
	log_set(LOG_WARNING + options->verbosity, (enum log_format)options->log_format);
	check_program(&source);
	/* A limit of nothing would be no run at all, a look every 0 s no rest: both are "none". */
	if (options->timeout == 0)
		options->timeout = UNSET;
	if (options->watch == 0)
		options->watch = UNSET;
}

bool options_remaps(const struct options *options, int status)
{
	return options->remap_exit[status / 32 & 7] >> (status % 32) & 1;
}
