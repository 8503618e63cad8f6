/* Users: who the main child is to be, from /etc/passwd and /etc/group. */
#include "users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "pages.h"
#include "procfs.h"

/* (uid_t)-1 is no user: setresuid(2) takes it for "as it was". */
#define LAST_ID 4294967294U

enum { GROUPS = 65536 /* NGROUPS_MAX of the kernel */ };

static bool refuse(const char *word, const char *why)
{
	log_error("usage", "option --user: '%q' is not right: %s", word, why);
	return false;
}

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

static bool find_user(const char *word, struct identity *identity, struct user *user, char **file)
{
	enum { NAME, PASSWORD, UID, GID, COMMENT, HOME, FIELDS };
	char *fields[FIELDS], *at = *file = read_whole("/etc/passwd");
	bool any = at && *at;

	if (!at) {
		log_error("not-permitted", "option --user: cannot read /etc/passwd: %e{errno}",
			  errno);
		return false;
	}
	while (next_entry(&at, fields, FIELDS)) {
		if (!parse_id(fields[UID], &identity->uid) ||
		    !parse_id(fields[GID], &identity->gid) ||
		    !is_named(word, fields[NAME], identity->uid))
			continue;
		*user = (struct user){ fields[NAME], fields[HOME][0] ? fields[HOME] : "/" };
		return true;
	}
	identity->gid = 0;
	*user = (struct user){ .home = "/" };
	if (parse_id(word, &identity->uid))
		return true;
	return refuse(word, no_such(word, any ? "no such user in /etc/passwd" :
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
static bool find_groups(const char *word, struct identity *identity, const char *user, char **file)
{
	enum { NAME, PASSWORD, GID, MEMBERS, FIELDS };
	char *fields[FIELDS], *at;
	gid_t gid;

	if (!word && !user)
		return true;
	at = *file = read_whole("/etc/group");
	if (!at) {
		log_error("not-permitted", "option --user: cannot read /etc/group: %e{errno}",
			  errno);
		return false;
	}
	if (!word) {
		identity->groups = malloc(GROUPS * sizeof(gid_t));
		if (!identity->groups)
			return refuse(user, "no memory for its groups");
		identity->groups[identity->group_count++] = identity->gid;
	}
	while (next_entry(&at, fields, FIELDS)) {
		if (!parse_id(fields[GID], &gid))
			continue;
		if (word && is_named(word, fields[NAME], gid)) {
			identity->gid = gid;
			return true;
		}
		if (!word && gid != identity->gid && has_member(fields[MEMBERS], user)) {
			if (identity->group_count == GROUPS)
				return refuse(user, "it is in more groups than Linux allows");
			identity->groups[identity->group_count++] = gid;
		}
	}
	if (!word || parse_id(word, &identity->gid))
		return true;
	return refuse(word, no_such(word, "no such group in /etc/group"));
}

static bool has_group(const gid_t *list, size_t count, gid_t gid)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == gid)
			return true;
	return false;
}

/* Has the one list all groups of the other, but for `spared`? */
static bool has_all(const gid_t *list, size_t count, const gid_t *other, size_t other_count,
		    const gid_t *spared)
{
	for (size_t i = 0; i < other_count; i++)
		if (!(spared && other[i] == *spared) && !has_group(list, count, other[i]))
			return false;
	return true;
}

bool users_have_groups(const struct identity *identity, bool exactly)
{
	gid_t own[1024], real, effective, saved;
	const gid_t *spared = exactly ? NULL : &identity->gid;
	int count = getgroups(sizeof(own) / sizeof(own[0]), own);

	getresgid(&real, &effective, &saved);
	return count >= 0 && real == identity->gid && effective == identity->gid &&
	       saved == identity->gid &&
	       has_all(identity->groups, identity->group_count, own, (size_t)count, spared) &&
	       has_all(own, (size_t)count, identity->groups, identity->group_count, spared);
}

bool users_have_user(const struct identity *identity)
{
	uid_t real, effective, saved;

	getresuid(&real, &effective, &saved);
	return real == identity->uid && effective == identity->uid && saved == identity->uid;
}

/* HOME in the environment; setenv(3) brings locks and a list of what it allocated. */
static bool set_home(const char *home)
{
	size_t count = 0, length = strlen(home);
	static char *variable; /* it stays */
	char **new;

	variable = malloc(length + sizeof("HOME="));
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

bool users_resolve(const char *option, struct identity *identity)
{
	static char word[256] ON_OWN_PAGES;
	struct user user = { .name = NULL };
	char *group, *passwd = NULL, *groups = NULL; /* the latter two are files, as a whole */
	bool found;

	if (strlen(option) >= sizeof(word))
		return refuse(option, "too long");
	memcpy(word, option, strlen(option) + 1);
	group = strchr(word, ':');
	if (group)
		*group++ = '\0';
	if (!*word || (group && !*group))
		return refuse(option, "USER or USER:GROUP, neither of them empty");
	found = find_user(word, identity, &user, &passwd) &&
		find_groups(group, identity, user.name, &groups) &&
		(set_home(user.home) || refuse(option, "no memory for HOME"));
	free(passwd);
	free(groups);
	return found;
}
