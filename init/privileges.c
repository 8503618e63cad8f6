/* Privileges of the main child: resolved before the fork, applied in the child, followed by zinit. */
#include "privileges.h"

#include <ctype.h>
#include <errno.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "pages.h"
#include "sandbox.h"
#include "users.h"

enum {
	CAPABILITIES = 64, /* as many as a set has room for */
	CAPABILITY_NAME = 40, /* CAP_CHECKPOINT_RESTORE and longer */
};

static struct {
	bool user, groups, no_new_privs;
	bool stays; /* zinit keeps its own user */
	bool in_container; /* PID 1 */
	struct identity identity;

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
	if (options->user && wanted.identity.uid != 0) {
		cap_clear_flag(wanted.last, CAP_PERMITTED);
		if (wanted.ambient_count)
			cap_set_flag(wanted.last, CAP_PERMITTED, (int)wanted.ambient_count,
				     wanted.ambient, CAP_SET);
	}
	cap_fill(wanted.last, CAP_EFFECTIVE, CAP_PERMITTED);
	return true;
}

static bool resolve_user(const char *option, cap_t now)
{
	bool may = has(now, CAP_SETGID, CAP_PERMITTED);

	if (!users_resolve(option, &wanted.identity))
		return false;
	wanted.user = true;
	wanted.groups = may && !users_have_groups(&wanted.identity, true);
	if (!may && !users_have_groups(&wanted.identity, false))
		return is_missing("user", "CAP_SETGID");
	if (!users_have_user(&wanted.identity) && !has(now, CAP_SETUID, CAP_PERMITTED))
		return is_missing("user", "CAP_SETUID");
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
	/* A user namespace may forbid it (setgroups in user_namespaces(7)): it may not be needed. */
	if (syscall(SETGROUPS, wanted.identity.group_count, wanted.identity.groups) != 0)
		return users_have_groups(&wanted.identity, false);
	return getgroups(0, NULL) == (int)wanted.identity.group_count;
}

static bool set_gid(void)
{
	gid_t real, effective, saved;

	return syscall(SETRESGID, wanted.identity.gid, wanted.identity.gid, wanted.identity.gid) ==
		       0 &&
	       getresgid(&real, &effective, &saved) == 0 && real == wanted.identity.gid &&
	       effective == wanted.identity.gid && saved == wanted.identity.gid;
}

static bool set_uid(void)
{
	return syscall(SETRESUID, wanted.identity.uid, wanted.identity.uid, wanted.identity.uid) ==
		       0 &&
	       users_have_user(&wanted.identity);
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
		    syscall(FCHOWN, fd, wanted.identity.uid, (gid_t)-1) != 0)
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
	bool hold = wanted.user && wanted.identity.uid != 0 && wanted.ambient_count;

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

	if (!wanted.user || wanted.stays || wanted.identity.uid == 0)
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
