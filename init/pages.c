/* Pages: what zinit needs of memory at rest is little, and the rest is given back. */
#include "pages.h"

#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* The linker's: where the program starts, and where what is not the loop's ends. */
extern const char __executable_start[], rest_end[];

enum { STACK_USED = 64 * 1024 };

static char *page_below(const void *address, size_t page)
{
	return (char *)((uintptr_t)address & -(uintptr_t)page);
}

void pages_let_go(void)
{
	size_t page = getauxval(AT_PAGESZ);
	char *start = page_below(__executable_start, page);
	char *here = page_below(__builtin_frame_address(0), page);

	/* Below this frame, and a page for what it calls, there is only what has returned. */
	madvise(here - page - STACK_USED, STACK_USED, MADV_DONTNEED);
	madvise(start, (size_t)(page_below(rest_end, page) - start), MADV_DONTNEED);
}
