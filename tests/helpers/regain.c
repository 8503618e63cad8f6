/*
 * regain: tries to become root, or another group's member, in every way that a process has.
 * Prints a line for each that worked; status 0 when none did.
 */
#include <grp.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

static int worked;

static void look(const char *how, int result)
{
	if (result == 0) {
		puts(how);
		worked = 1;
	}
}

int main(void)
{
	const gid_t root = 0;

	look("seteuid", seteuid(0));
	look("setuid", setuid(0));
	look("setreuid", setreuid(0, 0));
	look("setresuid", setresuid(0, 0, 0));
	setfsuid(0);
	look("setfsuid", setfsuid(-1));
	look("setegid", setegid(0));
	look("setgid", setgid(0));
	look("setresgid", setresgid(0, 0, 0));
	look("setgroups", setgroups(1, &root));
	look("PR_CAP_AMBIENT", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 7, 0, 0));
	return worked;
}
