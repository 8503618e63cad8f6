/*
 * bare.h: programs without a C library, for x86-64: none of its start is in a figure.
 *
 * Such a program has `void bare_main(long *stack)`, where the kernel's argument count, argv and
 * environment are, and never returns from it.
 */
#ifndef BARE_H
#define BARE_H

#include <sys/syscall.h>

static inline long bare_call(long number, long a, long b, long c)
{
	long result;
	register long d __asm__("r10") = 0;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(d)
			 : "rcx", "r11", "memory");
	return result;
}

__attribute__((noreturn)) static inline void bare_exit(int status)
{
	for (;;)
		bare_call(SYS_exit_group, status, 0, 0);
}

__attribute__((used, noreturn)) void bare_main(long *stack);
__asm__(".globl _start\n"
	"_start:\n\t"
	"xor %ebp, %ebp\n\t"
	"mov %rsp, %rdi\n\t"
	"and $-16, %rsp\n\t"
	"call bare_main\n");

#endif
