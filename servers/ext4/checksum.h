/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRC-32C, of which ext4's metadata checksums are made.
 */
#ifndef IOMAP4FS_CHECKSUM_H
#define IOMAP4FS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* As ext2fs_crc32c_le(), with the processor's own instruction where it has one. */
uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t len);
/* The same without that instruction */
uint32_t checksum_crc32c_by_tables(uint32_t crc, const void *data, size_t len);

#endif
