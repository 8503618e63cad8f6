/* Options: from argv and the environment to one struct. */
#include "options.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "arguments.h"
#include "license.h"
#include "log.h"

enum section { EVERYDAY, STOPPING, ZOMBIES, PRIVILEGES, HOST, HIDDEN };

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

static const char *basename_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path && *path ? path : "zinit";
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

/* A plain option's variable takes 0 or 1, a counted one its count. */
static void read_variable(struct source *source, const struct entry *entry, const char *word)
{
	unsigned long long number;

	if (entry->type != SET && entry->type != COUNT) {
		arguments_read(source, entry, word);
		return;
	}
	if (!text_number(word, entry->type == COUNT ? 9 : 1, &number))
		arguments_bad(source, entry, word,
			      entry->type == COUNT ? "a number from 0 to 9" : "0 or 1");
	if (number)
		*(int *)arguments_member(source, entry) = entry->type == COUNT ? (int)number :
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
		arguments_usage_error(given->source, "%s is reserved: unset it", name);
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
	if (entry->type == ACTION)
		act(source, (enum option_action)entry->value);
	if (argument)
		arguments_read(source, entry, argument);
	else
		*(int *)arguments_member(source, entry) = entry->value;
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
		arguments_usage_error(
			source, "unknown option '%q': a PROGRAM of that name needs -- in front",
			word);
	if (argument && !entry->argument)
		arguments_usage_error(source, "option '%q': --%s takes no argument", word,
				      entry->name);
	takes_next = entry->argument && !argument && !(entry->marks & OPTIONAL);
	if (takes_next && !next)
		arguments_usage_error(source, "option '%q' needs an argument: --%s %s", word,
				      entry->name, entry->argument);
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
				arguments_usage_error(source, "option '-%c' needs an argument: %s",
						      *word, entry->argument);
			take_option(source, given, entry, word[1] ? word + 1 : next);
			return word[1] ? 1 : 2;
		}
		if (entry)
			take_option(source, given, entry, "");
		else if (!contract->version_anywhere)
			arguments_usage_error(
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
			arguments_read(source, entry, argv[i] + 5);
			words++;
		} else if (strcmp(argv[i], "--as") == 0 && i + 1 < argc) {
			arguments_read(source, entry, argv[++i]);
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
			arguments_usage_error(
				source, "no PROGRAM to run: %s [OPTION]... [--] PROGRAM [ARG]...",
				source->program);
		return;
	}
	if (options->program)
		arguments_usage_error(source, "'%q': %s runs no PROGRAM", options->program[0],
				      instead);
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
