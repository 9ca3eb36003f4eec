// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CRC-32C.  Each change of a block of metadata is followed by the checksum of the whole
 * block: by tables that is ten thousand instructions, by the processor's own six hundred.
 *
 * libext2fs calls its own public function as any program would, through the dynamic linker,
 * which takes the first one that it finds: the one here.  On a processor without the
 * instruction that calls libext2fs's.
 */
#include "checksum.h"

#include <dlfcn.h>
#include <ext2fs/ext2fs.h>
#include <string.h>

#if defined(__x86_64__)

static inline uint64_t word(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* The inner loop is to be unrolled: that is one instruction for eight bytes. */
__attribute__((target("sse4.2"), optimize("O3")))
static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t sum = crc;

	for (; len >= 64; p += 64, len -= 64)
		for (int i = 0; i < 8; i++)
			sum = __builtin_ia32_crc32di(sum, word(p + 8 * i));
	for (; len >= 8; p += 8, len -= 8)
		sum = __builtin_ia32_crc32di(sum, word(p));
	for (; len; p++, len--)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *p);
	return (uint32_t)sum;
}

static uint32_t crc_by_library(uint32_t crc, const uint8_t *p, size_t len)
{
	static uint32_t (*function)(uint32_t, const uint8_t *, size_t);

	/* the next one after this file's; two threads would store the same */
	if (!function)
		*(void **)&function = dlsym(RTLD_NEXT, "ext2fs_crc32c_le");
	return function(crc, p, len);
}

__u32 ext2fs_crc32c_le(__u32 crc, unsigned char const *p, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc_by_instruction(crc, p, len);
	return crc_by_library(crc, p, len);
}

#endif

uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t len)
{
	return ext2fs_crc32c_le(crc, data, len);
}
