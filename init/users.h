/*
 * Users: who the main child is to be, from /etc/passwd and /etc/group.
 *
 * With gosu's meaning: names or numbers, a word of digits being always a number; USER alone brings
 * the groups that initgroups(3) would, USER:GROUP that group and no other; a number that passwd
 * does not know has group 0, as with `docker run -u`.
 */
#ifndef ZINIT_USERS_H
#define ZINIT_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* the supplementary ones, the primary among them; NULL without any */
	size_t group_count;
};

/*
 * Resolves USER[:GROUP], and sets HOME in the environment: to the user's home, "/" where passwd does
 * not know it. On an error says one line that names the word, and returns false.
 */
bool users_resolve(const char *option, struct identity *identity);

/* Has zinit that user already, real, effective and saved? */
bool users_have_user(const struct identity *identity);

/*
 * Has zinit these groups already? Then an ordinary user may ask for itself. Whether the primary
 * group is among the others makes no difference to what may be done, so that it need not be the
 * same but `exactly`.
 */
bool users_have_groups(const struct identity *identity, bool exactly);

#endif
