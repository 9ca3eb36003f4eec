// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CRC-32C.  Each change of a block of metadata is followed by the checksum of the whole
 * block: by tables that is ten thousand instructions, by the processor's own six hundred.
 *
 * libext2fs calls its own public function as any program would, through the dynamic linker,
 * which takes the first one that it finds: the one here.  A program that has libext2fs inside has
 * no second one, so processors without the instruction get tables of this file's own: the sum
 * of eight bytes is that of each byte, moved by the bytes behind it.
 */
#include "checksum.h"

#include <ext2fs/ext2fs.h>
#include <string.h>

#define POLYNOMIAL	0x82f63b78U	/* the lowest bit first */

static uint32_t tables[8][256];

/* Before main(), so that threads need no lock for it */
__attribute__((constructor))
static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		tables[0][i] = crc;
	}
	for (int k = 1; k < 8; k++)
		for (uint32_t i = 0; i < 256; i++)
			tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 0xff];
}

uint32_t checksum_crc32c_by_tables(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len >= 8; p += 8, len -= 8) {
		uint32_t low;

		/* server.h refuses machines whose lowest byte is not the first one */
		memcpy(&low, p, sizeof(low));
		low ^= crc;
		crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
		      tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
		      tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
	}
	for (; len; p++, len--)
		crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
	return crc;
}

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

__u32 ext2fs_crc32c_le(__u32 crc, unsigned char const *p, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc_by_instruction(crc, p, len);
	return checksum_crc32c_by_tables(crc, p, len);
}

#endif

uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t len)
{
	return ext2fs_crc32c_le(crc, data, len);
}
