/* The sandbox: what zinit itself may still do once the main child runs. */
#include "sandbox.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "pages.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64 /* x32's numbers have a bit of their own: none is allowed */
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__powerpc64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

/* Who needs a call. */
enum need {
	ALWAYS = 1,
	LOOKS = 2, /* looks at processes that are not its children: --grace, --watch, -v, ... */
};

/* When it is allowed. */
enum condition {
	ANY,
	IS, /* the argument is this value */
	HAS_NOT, /* the argument has none of these bits */
};

struct rule {
	uint16_t call;
	uint8_t need;
	uint8_t condition;
	uint8_t argument;
	uint32_t value;
};

#define OPEN_TO_WRITE (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

/*
 * Calls by the number, since the C library chooses: musl's open() is open(2) or openat(2), its
 * poll() has two forms, and on 32 bits those with 64-bit times are others.
 * The first rows are the loop's own, and the cheapest.
 */
static const struct rule rules[] = {
#ifdef ARCHITECTURE
	/* The loop: signals are read and sent on, children reaped, deadlines waited for. */
	{ .call = SYS_read, .need = ALWAYS },
	{ .call = SYS_wait4, .need = ALWAYS },
	{ .call = SYS_kill, .need = ALWAYS },
#ifdef SYS_ppoll
	{ .call = SYS_ppoll, .need = ALWAYS },
#endif
#ifdef SYS_ppoll_time64
	{ .call = SYS_ppoll_time64, .need = ALWAYS },
#endif
#ifdef SYS_clock_gettime
	{ .call = SYS_clock_gettime, .need = ALWAYS }, /* where the vDSO has none */
#endif
#ifdef SYS_clock_gettime32
	{ .call = SYS_clock_gettime32, .need = ALWAYS },
#endif
#ifdef SYS_clock_gettime64
	{ .call = SYS_clock_gettime64, .need = ALWAYS },
#endif
	{ .call = SYS_waitid, .need = ALWAYS },
	{ .call = SYS_rt_sigqueueinfo, .need = ALWAYS },
	/* A stopped, frozen or traced zinit goes on with its wait by these. */
	{ .call = SYS_restart_syscall, .need = ALWAYS },
	{ .call = SYS_rt_sigreturn, .need = ALWAYS },
#ifdef SYS_sigreturn
	{ .call = SYS_sigreturn, .need = ALWAYS },
#endif
	/* The log: its line, its wait-free ways. */
	{ .call = SYS_write, .need = ALWAYS },
#ifdef SYS_pwritev2
	{ .call = SYS_pwritev2, .need = ALWAYS },
#endif
#ifdef SYS_poll
	{ .call = SYS_poll, .need = ALWAYS },
#endif
	{ .call = SYS_getpid, .need = ALWAYS },
/* The log's last resort asks whether it goes to a file: musl's fstat() in its forms. */
#ifdef SYS_fstat
	{ .call = SYS_fstat, .need = ALWAYS },
#endif
#ifdef SYS_fstat64
	{ .call = SYS_fstat64, .need = ALWAYS },
	{ .call = SYS_statx, .need = ALWAYS },
#endif
/* The crowd's sweep reads the list of children; names come from /proc, too. */
#ifdef SYS_open
	{ SYS_open, ALWAYS, HAS_NOT, 1, OPEN_TO_WRITE },
#endif
	{ SYS_openat, ALWAYS, HAS_NOT, 2, OPEN_TO_WRITE },
	{ .call = SYS_close, .need = ALWAYS },
#ifdef SYS_lseek
	{ .call = SYS_lseek, .need = ALWAYS },
#endif
#ifdef SYS__llseek
	{ .call = SYS__llseek, .need = ALWAYS },
#endif
#ifdef SYS_fcntl64
	{ SYS_fcntl64, ALWAYS, IS, 1, F_SETFD }, /* musl's open() with O_CLOEXEC */
	{ SYS_fcntl64, ALWAYS, IS, 1, F_DUPFD_CLOEXEC },
#else
	{ SYS_fcntl, ALWAYS, IS, 1, F_SETFD },
	{ SYS_fcntl, ALWAYS, IS, 1, F_DUPFD_CLOEXEC },
#endif
	/* The terminal: stopping and going on with the main child, giving it back at the end. */
	{ SYS_ioctl, ALWAYS, IS, 1, TIOCGPGRP },
	{ SYS_ioctl, ALWAYS, IS, 1, TIOCSPGRP },
	{ SYS_ioctl, ALWAYS, IS, 1, TCSETSW }, /* tcsetattr(3) with TCSADRAIN */
	/* Memory that only the start needed is given back when the filter stands. */
	{ SYS_madvise, ALWAYS, IS, 2, MADV_DONTNEED },
	/* The end, and dying of the main child's signal without a core dump. */
	{ .call = SYS_exit_group, .need = ALWAYS },
	{ .call = SYS_exit, .need = ALWAYS },
	{ SYS_prctl, ALWAYS, IS, 0, PR_SET_DUMPABLE },
	{ .call = SYS_rt_sigprocmask, .need = ALWAYS },
	{ .call = SYS_rt_sigaction, .need = ALWAYS },
	/* Descendants: found in /proc, pinned and signalled. */
	{ .call = SYS_getdents64, .need = LOOKS },
#ifdef SYS_pidfd_open
	{ .call = SYS_pidfd_open, .need = LOOKS },
	{ .call = SYS_pidfd_send_signal, .need = LOOKS },
#endif
#endif
};

enum { RULES = sizeof(rules) / sizeof(rules[0]), MOST = 5 + 4 * RULES };

/* Does zinit look for others in /proc, or may a message make it look? */
static uint8_t needs_of(const struct options *options)
{
	uint8_t needs = ALWAYS;

	if (options->grace > 0 || options->timeout != UNSET || options->wait_all ||
	    options->watch != UNSET || options->report || log_says(LOG_INFO))
		needs |= LOOKS;
	return needs;
}

#ifdef ARCHITECTURE
/* The half of a 64-bit argument that these calls look at: all of theirs are ints. */
static uint32_t offset_of_argument(unsigned argument)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t) +
			  (__BYTE_ORDER == __BIG_ENDIAN ? sizeof(uint32_t) : 0));
}

/*
 * The filter: the number is compared with one rule after the other. What matches jumps to the end,
 * which is never more than 255 instructions away; a condition is looked at in between.
 */
static unsigned short compile(struct sock_filter program[MOST], uint8_t needs)
{
	const struct sock_filter load_call =
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	unsigned short at = 0, end = 4;

	_Static_assert(MOST < 255, "a jump of the filter is too far");
	for (int i = 0; i < RULES; i++)
		if (rules[i].need & needs)
			end = (unsigned short)(end + (rules[i].condition == ANY ? 1 : 4));
	program[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						     offsetof(struct seccomp_data, arch));
	program[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0,
						     (uint8_t)(end - 3));
	program[at++] = load_call;
	for (int i = 0; i < RULES; i++) {
		const struct rule *rule = &rules[i];
		bool is = rule->condition == IS;

		if (!(rule->need & needs))
			continue;
		if (rule->condition == ANY) {
			program[at] = (struct sock_filter)BPF_JUMP(
				BPF_JMP | BPF_JEQ | BPF_K, rule->call, (uint8_t)(end - at - 1), 0);
			at++;
			continue;
		}
		program[at++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, 3);
		program[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
							     offset_of_argument(rule->argument));
		program[at] = (struct sock_filter)BPF_JUMP(
			(uint16_t)(BPF_JMP | BPF_K | (is ? BPF_JEQ : BPF_JSET)), rule->value,
			(uint8_t)(is ? end - at - 1 : 0), (uint8_t)(is ? 0 : end - at - 1));
		at++;
		program[at++] = load_call;
	}
	program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return at;
}
#endif

static void say_refused(const char *what)
{
	log_info("sandbox-refused", "the sandbox lacks a part, %s{part}: %e{errno}", what, errno);
}

static void install_filter(const struct options *options)
{
#ifdef ARCHITECTURE
	static struct sock_filter instructions[MOST] ON_OWN_PAGES;
	struct sock_fprog program = { .filter = instructions };

	program.len = compile(instructions, needs_of(options));
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		say_refused("the filter of system calls");
#else
	(void)options;
	errno = ENOSYS;
	say_refused("the filter of system calls");
#endif
}

/* What zinit gives up it does not get back from a set-uid program: it never executes one. */
void sandbox_empty_bounding(void)
{
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		if (cap_drop_bound(c) != 0 && cap_get_bound(c) == 1) {
			say_refused("the empty bounding set");
			return;
		}
	}
}

/*
 * CAP_KILL is kept where zinit has it: a child of root's may take another user's id at any time.
 * The ambient set goes with the inheritable one.
 */
void sandbox_drop_capabilities(bool all_but_kill)
{
	static const cap_value_t kill = CAP_KILL;
	cap_flag_value_t has_kill = CAP_CLEAR;
	cap_t set = cap_get_proc();

	cap_get_flag(set, kill, CAP_PERMITTED, &has_kill);
	cap_clear(set);
	if (all_but_kill && has_kill == CAP_SET) {
		cap_set_flag(set, CAP_PERMITTED, 1, &kill, CAP_SET);
		cap_set_flag(set, CAP_EFFECTIVE, 1, &kill, CAP_SET);
	}
	/* A set that could not be read is none for libcap: each of these calls fails. */
	if (cap_set_proc(set) != 0)
		say_refused("the dropped capabilities");
	cap_free(set);
}

void sandbox_enter(const struct options *options)
{
	if (options->no_sandbox)
		return;
	sandbox_empty_bounding();
	sandbox_drop_capabilities(true);
	/* Without CAP_SYS_ADMIN there is no filter without it (seccomp(2)). */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		say_refused("no_new_privs");
	install_filter(options);
}
