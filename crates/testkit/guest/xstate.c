/*
 * Preloaded into the guest's kernel, so that it boots on every host.
 *
 * The kernel (User-Mode Linux 6.1) keeps the extended registers of its processes in a buffer of
 * a fixed length. Where the host's XSAVE area is longer (Intel with AMX), reading it with
 * PTRACE_GETREGSET gives the beginning, but writing that beginning back is refused: Linux takes
 * a whole area or none. The guest would end before its first process runs. So a write that is
 * too short is filled up with what the host holds now. The rest belongs to registers that no
 * process of the guest may use.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Static: the kernel calls from stacks of a few KiB. It is one thread, and never leaves a call
 * for another one. AMX needs 11 KiB; an area that fills all of this may have been cut off. */
static unsigned char area[64 << 10] __attribute__((aligned(64)));

typedef long (*ptrace_call)(enum __ptrace_request, ...);
static ptrace_call host_ptrace;

/* At the start, because a look-up needs more stack than there is later. */
__attribute__((constructor)) static void find_host_ptrace(void)
{
	host_ptrace = (ptrace_call)dlsym(RTLD_NEXT, "ptrace");
}

/* Writes the host's whole area with `given` laid over it; the host's refusal is the answer. */
static long set_whole_area(pid_t pid, void *kind, const struct iovec *given)
{
	struct iovec whole = { .iov_base = area, .iov_len = sizeof area };

	if (host_ptrace(PTRACE_GETREGSET, pid, kind, &whole) < 0)
		return -1;
	if (whole.iov_len <= given->iov_len || whole.iov_len == sizeof area)
		return host_ptrace(PTRACE_SETREGSET, pid, kind, (void *)given);
	memcpy(area, given->iov_base, given->iov_len);
	return host_ptrace(PTRACE_SETREGSET, pid, kind, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list words;
	va_start(words, request);
	pid_t pid = va_arg(words, pid_t);
	void *address = va_arg(words, void *);
	void *data = va_arg(words, void *);
	va_end(words);

	if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE)
		return set_whole_area(pid, address, data);
	return host_ptrace(request, pid, address, data);
}
