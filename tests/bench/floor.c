/*
 * floor [--] PROGRAM [ARG]...: the least that an init can do: one vfork, one exec, and a wait for
 * whoever ends until PROGRAM has. It forwards nothing, so it is a limit and not an init.
 */
#include <linux/sched.h>
#include <signal.h>

#include "bare.h"

/*
 * The child has the parent's stack until it execs, and writes nothing to it: all of its life is in
 * these lines.
 */
static long spawn(char **argv, char **environment)
{
	long pid;

	__asm__ volatile("syscall\n\t" /* clone */
			 "test %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 "mov (%[argv]), %%rdi\n\t"
			 "mov %[argv], %%rsi\n\t"
			 "mov %[environment], %%rdx\n\t"
			 "mov %[execve], %%eax\n\t"
			 "syscall\n\t"
			 "mov $127, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n"
			 "1:"
			 : "=&a"(pid)
			 : "0"((long)SYS_clone), "D"((long)(CLONE_VM | CLONE_VFORK | SIGCHLD)),
			   "S"(0L), [argv] "r"(argv), [environment] "r"(environment),
			   [execve] "i"(SYS_execve), [exit] "i"(SYS_exit)
			 : "rcx", "rdx", "r11", "memory");
	return pid;
}

void bare_main(long *stack)
{
	char **argv = (char **)(stack + 2), **environment = argv + stack[0];
	long pid, dead;
	int status = 0;

	if (stack[0] < 2)
		bare_exit(125);
	if (argv[0][0] == '-' && argv[0][1] == '-' && argv[0][2] == 0)
		argv++;
	pid = spawn(argv, environment);
	if (pid < 0)
		bare_exit(125);
	do
		dead = bare_call(SYS_wait4, -1, (long)&status, 0);
	while (dead >= 0 && dead != pid);
	bare_exit(status & 127 ? 128 + (status & 127) : status >> 8 & 255);
}
