/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file's mappings as FIEMAP tells them.
 */
#ifndef FUSEIOMAP_EXTENTS_H
#define FUSEIOMAP_EXTENTS_H

#include <linux/fiemap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
	uint64_t offset;	/* bytes in the file */
	uint64_t length;	/* bytes */
	uint64_t address;	/* bytes on the device; see mapping_has_address() */
	uint32_t flags;		/* FIEMAP_EXTENT_* */
	bool hole;		/* then address and flags are 0 */
};

/* In ascending order, without overlaps. */
struct mappings {
	struct mapping *mapping;
	size_t nr, allocated;
	size_t nr_extents;	/* those that are no holes */
};

/* FS_IOC_FIEMAP; returns 0 or a negative errno. */
typedef int (*extents_ask_t)(void *arg, struct fiemap *fm);

/*
 * Collect the mappings of a file of @size bytes: its extents, also those behind its end,
 * and with @holes what lies between them and the end of the file.  @flags: FIEMAP_FLAG_*.
 * Returns 0, an error of @ask, -ENOMEM, or -EUCLEAN for an answer that makes no sense.
 * The caller calls mappings_free() in either case.
 */
int extents_collect(extents_ask_t ask, void *arg, uint32_t flags, uint64_t size, bool holes,
		    struct mappings *mappings);
void mappings_free(struct mappings *mappings);

bool mapping_has_address(const struct mapping *m);

/*
 * The name of @m's flag number @i, below MAPPING_NR_FLAGS, or NULL if @m does not have it.
 * The first is for holes, the last for all flags that have no name; @buf is for those.
 */
#define MAPPING_NR_FLAGS	13
const char *mapping_flag(const struct mapping *m, unsigned int i, char buf[16]);

/* Turn offset, length and address from bytes into the blocks that they touch. */
void mapping_to_blocks(struct mapping *m, uint64_t block_size);

#endif
