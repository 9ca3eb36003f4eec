// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The checksum of metadata, crc32c, with the processor's instruction for it.
 *
 * libext2fs does it with tables, some four instructions for each byte, and each change
 * of a block is a checksum of all of it.  It calls its own public function as any program
 * would, through the dynamic linker, which takes the first one that it finds: this one.  On
 * a processor without the instruction, libext2fs's.
 */
#include <ext2fs/ext2fs.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <dlfcn.h>

__attribute__((target("sse4.2")))
static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
	uint64_t sum = crc, word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	crc = sum;
	while (len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}

static uint32_t by_library(uint32_t crc, const unsigned char *p, size_t len)
{
	static uint32_t (*function)(uint32_t, const unsigned char *, size_t);

	/* the next one after this; two threads would store the same */
	if (!function)
		*(void **)&function = dlsym(RTLD_NEXT, "ext2fs_crc32c_le");
	return function(crc, p, len);
}

__u32 ext2fs_crc32c_le(__u32 crc, unsigned char const *p, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return by_instruction(crc, p, len);
	return by_library(crc, p, len);
}
#endif
