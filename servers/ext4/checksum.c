// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CRC-32C.  Each change of a directory block is followed by the checksum of the whole
 * block: by tables that is ten thousand instructions, by the processor's own six hundred.
 */
#include "checksum.h"

#include <ext2fs/ext2fs.h>
#include <string.h>

#if defined(__x86_64__)

__attribute__((target("sse4.2")))
static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t sum = crc, w[8];

	for (; len >= sizeof(w); p += sizeof(w), len -= sizeof(w)) {
		memcpy(w, p, sizeof(w));
		for (int i = 0; i < 8; i++)
			sum = __builtin_ia32_crc32di(sum, w[i]);
	}
	for (; len >= sizeof(w[0]); p += sizeof(w[0]), len -= sizeof(w[0])) {
		memcpy(w, p, sizeof(w[0]));
		sum = __builtin_ia32_crc32di(sum, w[0]);
	}
	for (; len; p++, len--)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *p);
	return (uint32_t)sum;
}

uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc_by_instruction(crc, data, len);
	return ext2fs_crc32c_le(crc, data, len);
}

#else

uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t len)
{
	return ext2fs_crc32c_le(crc, data, len);
}

#endif
