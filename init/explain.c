/* Why a program did not start. */
#include "explain.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "log.h"
#include "spawn.h"

/* Finds the file that was tried, as the child did; returns a descriptor, -1 when there is none. */
static int open_program(const char *program, char path[PATH_MAX])
{
	const char *at = spawn_search_path();
	int fd = -1;

	if (strchr(program, '/'))
		return descriptors_open(program, O_RDONLY | O_NONBLOCK, 0);
	while (fd < 0 && spawn_next_path(&at, program, path))
		fd = descriptors_open(path, O_RDONLY | O_NONBLOCK, 0);
	return fd;
}

/* The name of the interpreter on the first line, behind #!; false when there is no such line. */
static bool script_interpreter(char *head, const char **interpreter, bool *carriage_return)
{
	size_t length;

	if (strncmp(head, "#!", 2) != 0)
		return false;
	head += 2;
	while (*head == ' ' || *head == '\t')
		head++;
	for (length = 0; head[length] && !strchr(" \t\n", head[length]);)
		length++;
	*carriage_return = length > 0 && head[length - 1] == '\r';
	head[length - (*carriage_return ? 1 : 0)] = '\0';
	*interpreter = head;
	return true;
}

/* The name of the dynamic loader in an ELF file of this machine's class; false when it has none. */
static bool elf_interpreter(int fd, const char *head, char loader[PATH_MAX])
{
	ElfW(Ehdr) header;
	ElfW(Phdr) segment;

	memcpy(&header, head, sizeof(header));
	for (unsigned i = 0; i < header.e_phnum; i++) {
		off_t at = (off_t)(header.e_phoff + i * sizeof(segment));

		if (pread(fd, &segment, sizeof(segment), at) != (ssize_t)sizeof(segment))
			return false;
		if (segment.p_type != PT_INTERP || segment.p_filesz >= PATH_MAX)
			continue;
		ssize_t length = pread(fd, loader, segment.p_filesz, (off_t)segment.p_offset);
		if (length <= 0)
			return false;
		loader[length] = '\0';
		return true;
	}
	return false;
}

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned short machine;
		const char *name;
	} machines[] = {
		{ EM_X86_64, "x86-64 (amd64)" }, { EM_AARCH64, "AArch64 (arm64)" },
		{ EM_ARM, "32-bit ARM" },        { EM_386, "32-bit x86 (i386)" },
		{ EM_PPC64, "64-bit PowerPC" },  { EM_S390, "s390x" },
		{ EM_RISCV, "RISC-V" },          { EM_MIPS, "MIPS" },
	};

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].machine == machine)
			return machines[i].name;
	return "unknown";
}

void explain_exec_failure(const char *program, int error)
{
	char path[PATH_MAX], head[512] = "";
	const char *interpreter;
	bool carriage_return;
	struct message message;
	int fd = open_program(program, path);
	ssize_t length = fd < 0 ? -1 : read(fd, head, sizeof(head) - 1);
	bool elf = length >= (ssize_t)sizeof(ElfW(Ehdr)) && memcmp(head, ELFMAG, SELFMAG) == 0;

	if (length > 0)
		head[length] = '\0';
	message_start(&message, LOG_LINE);
	message_add(&message, "cannot run '%q{program}': ", program);
	if (error == ENOENT && length > 0 &&
	    script_interpreter(head, &interpreter, &carriage_return))
		message_add(&message, "its interpreter '%q' is missing%s", interpreter,
			    carriage_return ? " (its #! line ends with CR LF: save it with LF)" :
					      "");
	else if (error == ENOENT && elf && elf_interpreter(fd, head, path))
		message_add(&message, "its dynamic loader '%q' is missing", path);
	else if (error == ENOEXEC && elf)
		message_add(&message, "it is for another architecture: %s",
			    machine_name((unsigned char)head[EI_DATA] == ELFDATA2MSB ?
						 (unsigned)(unsigned char)head[18] << 8 |
							 (unsigned char)head[19] :
						 (unsigned)(unsigned char)head[19] << 8 |
							 (unsigned char)head[18]));
	else if (error == ENOENT && length < 0 && !strchr(program, '/'))
		message_add(&message, "not found in PATH");
	else
		message_add(&message, "%e", error);
	message_add(&message, "%!d{errno}", error);
	log_message(LOG_ERROR, "exec-failed", &message);
	if (fd >= 0)
		close(fd);
}
