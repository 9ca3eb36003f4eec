/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of requests.
 */
#ifndef FUSEIOMAP_OPCODE_H
#define FUSEIOMAP_OPCODE_H

#include <stdint.h>

/* The request's name without FUSE_ and IOMAP_, or NULL for one that is not known. */
const char *opcode_name(uint32_t opcode);

#endif
