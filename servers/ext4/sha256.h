/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4) of a piece of memory, for the names of encrypted files. */
#ifndef IOMAP4FS_SHA256_H
#define IOMAP4FS_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE	32

void sha256(const void *data, size_t len, uint8_t digest[SHA256_SIZE]);

#endif
