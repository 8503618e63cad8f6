/*
 * Memory: what stands in for the C library's heap.
 *
 * zinit allocates nothing once the main child runs. libcap does: a few dozen bytes for each set of
 * capabilities, among others for those that zinit drops 50 ms after the start. They come from a
 * static array, so that they cost no system call, no page and no failure; and musl's allocator
 * (8 KiB of the binary) stays out. What is larger (a big /etc/group, before the start) is mapped.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* In front of each block; the memory of a block is new, thus zero, and is never used again. */
struct header {
	size_t size;
} __attribute__((aligned(16)));

enum { RIGHTS = PROT_READ | PROT_WRITE, MAPPING = MAP_PRIVATE | MAP_ANONYMOUS };

static struct header arena[64];
static size_t used; /* headers */

static void *take(size_t size)
{
	struct header *header;
	size_t count = size / sizeof(*header) + 2;

	if (size > PTRDIFF_MAX - 2 * sizeof(*header))
		return NULL;
	if (count <= sizeof(arena) / sizeof(arena[0]) - used) {
		header = arena + used;
		used += count;
	} else {
		/* cppcheck-suppress invalidFunctionArg */
		header = mmap(NULL, count * sizeof(*header), RIGHTS, MAPPING, -1, 0);
		if (header == MAP_FAILED)
			return NULL;
	}
	header->size = size;
	return header + 1;
}

static void give_back(struct header *header)
{
	if (header < arena || header >= arena + sizeof(arena) / sizeof(arena[0]))
		munmap(header, (header->size / sizeof(*header) + 2) * sizeof(*header));
}

void *malloc(size_t size)
{
	return take(size);
}

void *calloc(size_t count, size_t size)
{
	size_t all;

	return __builtin_mul_overflow(count, size, &all) ? NULL : take(all);
}

void free(void *block)
{
	if (block)
		give_back((struct header *)block - 1);
}

void *realloc(void *block, size_t size)
{
	struct header *old = block ? (struct header *)block - 1 : NULL;
	void *moved = take(size);

	if (moved && old) {
		memcpy(moved, block, old->size < size ? old->size : size);
		give_back(old);
	}
	return moved;
}
