/* Privileges of the main child: resolved before the fork, applied in the child, followed by zinit. */
#include "privileges.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "pages.h"
#include "procfs.h"
#include "sandbox.h"

/* (uid_t)-1 is no user: setresuid(2) takes it for "as it was". */
#define LAST_ID 4294967294U

enum {
	CAPABILITIES = 64, /* as many as a set has room for */
	CAPABILITY_NAME = 40, /* CAP_CHECKPOINT_RESTORE and longer */
	GROUPS = 65536, /* NGROUPS_MAX of the kernel */
};

static struct {
	bool user, groups, no_new_privs;
	bool stays; /* zinit keeps its own user */
	bool in_container; /* PID 1 */
	uid_t uid;
	gid_t gid;
	gid_t *group;
	size_t group_count;
	char *files[2]; /* /etc/passwd and /etc/group, while they are read */

	cap_t raised; /* all that zinit may use, in effect */
	cap_t last; /* what is left in the end */
	const char *cutting; /* the option that cuts the bounding set */
	cap_value_t dropped[CAPABILITIES], ambient[CAPABILITIES];
	size_t dropped_count, ambient_count;
} wanted ON_OWN_PAGES;

enum step { RAISE, BOUND, SET_GROUPS, SET_GID, SET_UID, HOLD, SET_LAST, SET_AMBIENT, NO_NEW_PRIVS };

/* What each step of privileges_apply() does, for whom, and what it takes where it is refused. */
static const struct {
	const char *option, *action, *needs;
} steps[] = {
	[RAISE] = { NULL, "use zinit's capabilities", "" },
	[BOUND] = { NULL, "cut the bounding set", " (needs CAP_SETPCAP)" },
	[SET_GROUPS] = { "user", "set the groups",
			 " (needs CAP_SETGID, and a user namespace that maps them and allows it)" },
	[SET_GID] = { "user", "set the group",
		      " (needs CAP_SETGID, and a user namespace that maps it)" },
	[SET_UID] = { "user", "set the user",
		      " (needs CAP_SETUID, and a user namespace that maps it)" },
	[HOLD] = { "user", "hold capabilities over the change of user",
		   " (the securebits are locked)" },
	[SET_LAST] = { NULL, "set the capabilities", "" },
	[SET_AMBIENT] = { NULL, "make capabilities ambient", " (the securebits may forbid it)" },
	[NO_NEW_PRIVS] = { "no-new-privs", "set no_new_privs", " (Linux 3.5 and later)" },
};

bool privileges_wanted(const struct options *options)
{
	return options->user || options->keep_caps || options->drop_caps || options->no_new_privs;
}

static bool refuse(const char *option, const char *word, const char *why)
{
	log_error("usage", "option --%s: '%q' is not right: %s", option, word, why);
	return false;
}

static bool is_missing(const char *option, const char *capability)
{
	log_error("not-permitted",
		  "option --%s{option} needs %s{capability}, which zinit does not have", option,
		  capability);
	return false;
}

static bool has(cap_t set, cap_value_t capability, cap_flag_t flag)
{
	cap_flag_value_t value = CAP_CLEAR;

	cap_get_flag(set, capability, flag, &value);
	return value == CAP_SET;
}

/* ---- users and groups ---- */

/*
 * /etc/passwd and /etc/group, as a whole. musl's getpwnam(3) would bring stdio and nscd's protocol
 * (12 KiB), and its initgroups(3) knows 32 groups. A file that is not there has no entries; one
 * that cannot be read might have had some, so that is an error. Returns NULL with errno.
 */
static char *read_whole(const char *path)
{
	struct stat status;
	char *text;

	if (stat(path, &status) != 0)
		return errno == ENOENT || errno == ENOTDIR ? calloc(1, 1) : NULL;
	text = malloc((size_t)status.st_size + 1);
	if (text && procfs_read(path, text, (size_t)status.st_size + 1) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The next line that has so many fields, between colons and in place; false at the end. */
static bool next_entry(char **at, char *fields[], int count)
{
	char *line;

	while ((line = text_cut(at, '\n'))) {
		for (int i = 0; i < count; i++)
			fields[i] = text_cut(&line, ':');
		if (fields[count - 1])
			return true;
	}
	return false;
}

static bool parse_id(const char *word, unsigned *id)
{
	unsigned long long number;

	if (!text_number(word, LAST_ID, &number))
		return false;
	*id = (unsigned)number;
	return true;
}

/* Is `word`, a name or a number, the one of this entry? A word of digits is always a number. */
static bool is_named(const char *word, const char *name, unsigned id)
{
	unsigned number;

	return parse_id(word, &number) ? number == id : strcmp(word, name) == 0;
}

static const char *no_such(const char *word, const char *otherwise)
{
	while (*word >= '0' && *word <= '9')
		word++;
	return *word ? otherwise : "the largest is 4294967294";
}

struct user {
	const char *name; /* NULL: passwd does not know the number */
	const char *home;
};

static bool find_user(const char *word, struct user *user)
{
	enum { NAME, PASSWORD, UID, GID, COMMENT, HOME, FIELDS };
	char *fields[FIELDS], *at = wanted.files[0] = read_whole("/etc/passwd");
	bool any = at && *at;

	if (!at) {
		log_error("not-permitted", "option --user: cannot read /etc/passwd: %e{errno}",
			  errno);
		return false;
	}
	while (next_entry(&at, fields, FIELDS)) {
		if (!parse_id(fields[UID], &wanted.uid) || !parse_id(fields[GID], &wanted.gid) ||
		    !is_named(word, fields[NAME], wanted.uid))
			continue;
		*user = (struct user){ fields[NAME], fields[HOME][0] ? fields[HOME] : "/" };
		return true;
	}
	wanted.gid = 0;
	*user = (struct user){ .home = "/" };
	if (parse_id(word, &wanted.uid))
		return true;
	return refuse("user", word,
		      no_such(word, any ? "no such user in /etc/passwd" :
					  "no such user: /etc/passwd is missing or empty"));
}

static bool has_member(char *list, const char *name)
{
	const char *member;

	while ((member = text_cut(&list, ',')))
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

/* The explicit GROUP, or those that the user is in, with the primary one in front. */
static bool find_groups(const char *word, const char *user)
{
	enum { NAME, PASSWORD, GID, MEMBERS, FIELDS };
	char *fields[FIELDS], *at;
	gid_t gid;

	if (!word && !user)
		return true;
	at = wanted.files[1] = read_whole("/etc/group");
	if (!at) {
		log_error("not-permitted", "option --user: cannot read /etc/group: %e{errno}",
			  errno);
		return false;
	}
	if (!word) {
		wanted.group = malloc(GROUPS * sizeof(gid_t));
		if (!wanted.group)
			return refuse("user", user, "no memory for its groups");
		wanted.group[wanted.group_count++] = wanted.gid;
	}
	while (next_entry(&at, fields, FIELDS)) {
		if (!parse_id(fields[GID], &gid))
			continue;
		if (word && is_named(word, fields[NAME], gid)) {
			wanted.gid = gid;
			return true;
		}
		if (!word && gid != wanted.gid && has_member(fields[MEMBERS], user)) {
			if (wanted.group_count == GROUPS)
				return refuse("user", user,
					      "it is in more groups than Linux allows");
			wanted.group[wanted.group_count++] = gid;
		}
	}
	if (!word || parse_id(word, &wanted.gid))
		return true;
	return refuse("user", word, no_such(word, "no such group in /etc/group"));
}

static bool has_group(const gid_t *list, size_t count, gid_t gid)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == gid)
			return true;
	return false;
}

/*
 * Does zinit have these groups already? Then an ordinary user may ask for itself. Whether the
 * primary group is among the others makes no difference to what may be done.
 */
static bool has_groups(void)
{
	gid_t own[1024], real, effective, saved;
	int count = getgroups(sizeof(own) / sizeof(own[0]), own);

	getresgid(&real, &effective, &saved);
	if (count < 0 || real != wanted.gid || effective != wanted.gid || saved != wanted.gid)
		return false;
	for (int i = 0; i < count; i++)
		if (own[i] != wanted.gid && !has_group(wanted.group, wanted.group_count, own[i]))
			return false;
	for (size_t i = 0; i < wanted.group_count; i++)
		if (wanted.group[i] != wanted.gid &&
		    !has_group(own, (size_t)count, wanted.group[i]))
			return false;
	return true;
}

static bool has_user(void)
{
	uid_t real, effective, saved;

	getresuid(&real, &effective, &saved);
	return real == wanted.uid && effective == wanted.uid && saved == wanted.uid;
}

/* HOME in the environment; setenv(3) brings locks and a list of what it allocated. */
static bool set_home(const char *home)
{
	size_t count = 0, length = strlen(home);
	char *variable = malloc(length + sizeof("HOME="));
	char **new;

	if (!variable)
		return false;
	memcpy(variable, "HOME=", 5);
	memcpy(variable + 5, home, length + 1);
	for (; environ[count]; count++) {
		if (strncmp(environ[count], variable, 5) == 0) {
			environ[count] = variable;
			return true;
		}
	}
	new = malloc((count + 2) * sizeof(*new));
	if (!new) {
		free(variable);
		return false;
	}
	memcpy(new, environ, count * sizeof(*new));
	new[count] = variable;
	new[count + 1] = NULL;
	environ = new;
	return true;
}

static bool resolve_user(const char *option, cap_t now)
{
	static char word[256] ON_OWN_PAGES;
	struct user user = { .name = NULL };
	char *group;

	if (strlen(option) >= sizeof(word))
		return refuse("user", option, "too long");
	memcpy(word, option, strlen(option) + 1);
	group = strchr(word, ':');
	if (group)
		*group++ = '\0';
	if (!*word || (group && !*group))
		return refuse("user", option, "USER or USER:GROUP, neither of them empty");
	if (!find_user(word, &user) || !find_groups(group, user.name))
		return false;
	wanted.user = true;
	wanted.groups = !has_groups();
	if (wanted.groups && !has(now, CAP_SETGID, CAP_PERMITTED))
		return is_missing("user", "CAP_SETGID");
	if (!has_user() && !has(now, CAP_SETUID, CAP_PERMITTED))
		return is_missing("user", "CAP_SETUID");
	if (!set_home(user.home))
		return refuse("user", option, "no memory for HOME");
	for (int i = 0; i < 2; i++)
		free(wanted.files[i]);
	return true;
}

/* ---- capabilities ---- */

enum fate { UNNAMED, KEPT, DROPPED };

/*
 * The capability of a word with or without CAP_, in any case, of `length` bytes. Leaves in `name`
 * what messages call it. (cap_from_name(3) also takes numbers, and a name with more behind it.)
 */
static bool parse_capability(const char *word, size_t length, char name[CAPABILITY_NAME],
			     cap_value_t *capability)
{
	size_t at = strncasecmp(word, "cap_", 4) == 0 ? 0 : 4;
	bool letters = length > 0;

	if (length > CAPABILITY_NAME - 5)
		length = CAPABILITY_NAME - 5;
	memcpy(name, "CAP_", 4);
	for (size_t i = 0; i < length; i++) {
		letters = letters && (word[i] == '_' || isalpha((unsigned char)word[i]));
		name[at++] = (char)toupper((unsigned char)word[i]);
	}
	name[at] = '\0';
	return letters && cap_from_name(name, capability) == 0;
}

/* For cap_from_name(3) alone, which reads numbers by it and gets none; musl's own is 2 KiB. */
unsigned long strtoul(const char *word, char **end, int base)
{
	unsigned long number = 0;

	(void)base;
	for (; *word >= '0' && *word <= '9'; word++)
		number = number * 10 + (unsigned long)(*word - '0');
	*end = (char *)word;
	return number;
}

static bool is_all(const char *word, size_t length)
{
	return length == 3 && strncasecmp(word, "all", 3) == 0;
}

/*
 * Notes the fate of each capability that `list` names. Of those kept it is checked at once that
 * they can be: a capability can be made inheritable only from zinit's own permitted set, and from
 * its inheritable or bounding one (capabilities(7), "Programmatically adjusting capability sets").
 */
static bool read_list(const char *option, const char *list, enum fate fate,
		      enum fate fates[CAPABILITIES], cap_t now)
{
	char name[CAPABILITY_NAME];
	cap_value_t capability;
	size_t length;

	for (const char *word = list;; word += length + 1) {
		length = text_until(word, ',');
		if (fate == DROPPED && is_all(word, length)) {
			for (int i = 0; i < CAPABILITIES; i++)
				if (fates[i] != KEPT)
					fates[i] = DROPPED;
		} else if (!parse_capability(word, length, name, &capability)) {
			memcpy(name, word, length < CAPABILITY_NAME ? length : CAPABILITY_NAME - 1);
			name[length < CAPABILITY_NAME ? length : CAPABILITY_NAME - 1] = '\0';
			return refuse(option, name, "no capability of that name");
		} else if (fate == DROPPED && fates[capability] == KEPT) {
			return refuse(option, name, "--keep-caps names it, too");
		} else if (fate == KEPT && !has(now, capability, CAP_PERMITTED)) {
			return is_missing(option, name);
		} else if (fate == KEPT && !has(now, capability, CAP_INHERITABLE) &&
			   cap_get_bound(capability) != 1) {
			return refuse(option, name, "zinit's bounding set does not have it");
		} else if (fate == KEPT && cap_get_ambient(capability) < 0) {
			return refuse(option, name, "this kernel has no ambient capabilities");
		} else {
			fates[capability] = fate;
		}
		if (!word[length])
			return true;
	}
}

static bool resolve_capabilities(const struct options *options, cap_t now)
{
	enum fate fates[CAPABILITIES] = { UNNAMED };

	if (options->keep_caps && !read_list("keep-caps", options->keep_caps, KEPT, fates, now))
		return false;
	if (options->drop_caps && !read_list("drop-caps", options->drop_caps, DROPPED, fates, now))
		return false;
	if (options->keep_caps && cap_get_secbits() & SECBIT_NO_CAP_AMBIENT_RAISE)
		return refuse("keep-caps", options->keep_caps,
			      "the securebits forbid ambient ones");
	wanted.cutting = options->keep_caps ? "keep-caps" : "drop-caps";
	wanted.last = cap_dup(now);
	if (!wanted.last)
		return refuse("user", "", "no memory");
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		if (fates[c] == DROPPED || (options->keep_caps && fates[c] != KEPT)) {
			cap_set_flag(wanted.last, CAP_INHERITABLE, 1, &c, CAP_CLEAR);
			cap_set_flag(wanted.last, CAP_PERMITTED, 1, &c, CAP_CLEAR);
			if (cap_get_bound(c) == 1)
				wanted.dropped[wanted.dropped_count++] = c;
		} else if (fates[c] == KEPT || (options->user && cap_get_ambient(c) == 1)) {
			cap_set_flag(wanted.last, CAP_INHERITABLE, 1, &c, CAP_SET);
			wanted.ambient[wanted.ambient_count++] = c;
		}
	}
	if (wanted.dropped_count && !has(now, CAP_SETPCAP, CAP_PERMITTED))
		return is_missing(wanted.cutting, "CAP_SETPCAP");
	/* What the kernel leaves to an ordinary user, over the change and over exec. */
	if (options->user && wanted.uid != 0) {
		cap_clear_flag(wanted.last, CAP_PERMITTED);
		if (wanted.ambient_count)
			cap_set_flag(wanted.last, CAP_PERMITTED, (int)wanted.ambient_count,
				     wanted.ambient, CAP_SET);
	}
	cap_fill(wanted.last, CAP_EFFECTIVE, CAP_PERMITTED);
	return true;
}

bool privileges_resolve(const struct options *options)
{
	cap_t now = cap_get_proc();

	if (!now) {
		log_error("not-permitted", "cannot read zinit's capabilities: %e{errno}", errno);
		return false;
	}
	wanted.no_new_privs = options->no_new_privs;
	wanted.stays = options->no_sandbox;
	wanted.in_container = getpid() == 1;
	if (options->user && !resolve_user(options->user, now))
		return false;
	if (!options->user && !options->keep_caps && !options->drop_caps)
		return true;
	if (!resolve_capabilities(options, now))
		return false;
	cap_fill(now, CAP_EFFECTIVE, CAP_PERMITTED);
	wanted.raised = now;
	return true;
}

/* ---- the child ---- */

/*
 * By the raw calls: musl's wrappers make every thread change (2 KiB), and zinit has one. On 32 bits
 * the calls of these names have 16-bit numbers, those with 32 in the name the whole ones.
 */
#ifdef SYS_setgroups32
enum {
	SETGROUPS = SYS_setgroups32,
	SETRESGID = SYS_setresgid32,
	SETRESUID = SYS_setresuid32,
	FCHOWN = SYS_fchown32
};
#else
enum {
	SETGROUPS = SYS_setgroups,
	SETRESGID = SYS_setresgid,
	SETRESUID = SYS_setresuid,
	FCHOWN = SYS_fchown
};
#endif

static bool set_groups(void)
{
	return syscall(SETGROUPS, wanted.group_count, wanted.group) == 0 &&
	       getgroups(0, NULL) == (int)wanted.group_count;
}

static bool set_gid(void)
{
	gid_t real, effective, saved;

	return syscall(SETRESGID, wanted.gid, wanted.gid, wanted.gid) == 0 &&
	       getresgid(&real, &effective, &saved) == 0 && real == wanted.gid &&
	       effective == wanted.gid && saved == wanted.gid;
}

static bool set_uid(void)
{
	return syscall(SETRESUID, wanted.uid, wanted.uid, wanted.uid) == 0 && has_user();
}

/*
 * As PID 1 of a container: standard output is a pipe or a terminal of root's, which the user could
 * not open by its name (/dev/stdout, /proc/1/fd/1). runc gives it to the container's user in the
 * same way; with --user it is known only here. Where it is refused, names stay shut as they were.
 */
static void give_streams(void)
{
	struct stat status;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || isatty(fd)) &&
		    syscall(FCHOWN, fd, wanted.uid, (gid_t)-1) != 0)
			continue;
	}
}

/* Groups, group, user: each needs a right that the next one may take away. */
static bool set_identity(enum step *step)
{
	*step = SET_GROUPS;
	if (wanted.groups && !set_groups())
		return false;
	*step = SET_GID;
	if (!set_gid())
		return false;
	*step = SET_UID;
	return set_uid();
}

/*
 * The bounding set first, since that takes CAP_SETPCAP; then the user, and what is left of the
 * capabilities last: the kernel empties the ambient set when root becomes an ordinary user, and
 * without PR_SET_KEEPCAPS the permitted one that it is raised from (capabilities(7), "Effect of
 * user ID changes on capabilities").
 */
static bool apply(enum step *step)
{
	bool hold = wanted.user && wanted.uid != 0 && wanted.ambient_count;

	*step = RAISE;
	if (wanted.raised && cap_set_proc(wanted.raised) != 0)
		return false;
	*step = BOUND;
	for (size_t i = 0; i < wanted.dropped_count; i++)
		if (cap_drop_bound(wanted.dropped[i]) != 0)
			return false;
	*step = HOLD;
	if (hold && cap_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0, 0) != 0)
		return false;
	if (wanted.user && wanted.in_container)
		give_streams();
	if (wanted.user && !set_identity(step))
		return false;
	*step = HOLD;
	if (hold && cap_prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0, 0) != 0)
		return false;
	*step = SET_LAST;
	if (wanted.last && cap_set_proc(wanted.last) != 0)
		return false;
	*step = SET_AMBIENT;
	for (size_t i = 0; i < wanted.ambient_count; i++)
		if (cap_set_ambient(wanted.ambient[i], CAP_SET) != 0)
			return false;
	*step = NO_NEW_PRIVS;
	return !wanted.no_new_privs || cap_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) == 0;
}

bool privileges_apply(struct privileges_failure *failure)
{
	enum step step;

	errno = 0;
	if (apply(&step))
		return true;
	/* No errno: the call said yes, and the look after it no. */
	*failure = (struct privileges_failure){ (int)step, errno ? errno : EPERM };
	return false;
}

void privileges_explain(const struct privileges_failure *failure)
{
	const char *option = steps[failure->step].option;

	if (!option)
		option = wanted.dropped_count || !wanted.user ? wanted.cutting : "user";
	log_error("not-permitted", "option --%s{option}: cannot %s: %e{errno}%s", option,
		  steps[failure->step].action, failure->error, steps[failure->step].needs);
}

/* ---- zinit itself ---- */

/* A change of user clears the parent-death signal (commit_creds() in the kernel). */
static void set_identity_but(const char **refused)
{
	int parent_death_signal = 0;
	pid_t parent = getppid();
	enum step step;

	prctl(PR_GET_PDEATHSIG, &parent_death_signal);
	if (!set_identity(&step))
		*refused = steps[step].action;
	if (!parent_death_signal)
		return;
	prctl(PR_SET_PDEATHSIG, parent_death_signal);
	if (getppid() != parent)
		signals_raise(parent_death_signal);
}

void privileges_follow(void)
{
	const char *refused = NULL;

	if (!wanted.user || wanted.stays || wanted.uid == 0)
		return;
	sandbox_empty_bounding();
	set_identity_but(&refused);
	if (refused) {
		log_info("user-not-followed", "zinit itself cannot %s of the child: %e{errno}",
			 refused, errno);
		return;
	}
	sandbox_drop_capabilities(false);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
