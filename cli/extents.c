// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading a file's extents in batches.
 *
 * FIEMAP answers from some offset on, as many extents as there is room for; the next
 * batch begins where the last extent ended.  The file may change between two batches,
 * so an extent may begin before the place that was asked for: its beginning is cut
 * off.  What the file system says decides how far it goes on, and it may be anybody's,
 * so each batch has to get further.
 */
#include "extents.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH	512

static int add(struct mappings *mappings, const struct mapping *m)
{
	if (mappings->nr == mappings->allocated) {
		size_t allocated = mappings->allocated ? mappings->allocated * 2 : 64;
		struct mapping *more;

		more = reallocarray(mappings->mapping, allocated, sizeof(*more));
		if (!more)
			return -ENOMEM;
		mappings->mapping = more;
		mappings->allocated = allocated;
	}
	mappings->mapping[mappings->nr++] = *m;
	mappings->nr_extents += !m->hole;
	return 0;
}

static int add_hole(struct mappings *mappings, uint64_t from, uint64_t to)
{
	const struct mapping hole = { .offset = from, .length = to - from, .hole = true };

	return to > from ? add(mappings, &hole) : 0;
}

/* Add what of @e is at or behind *@pos, which moves to its end. */
static int add_extent(struct mappings *mappings, const struct fiemap_extent *e, bool holes,
		      uint64_t *pos)
{
	struct mapping m = {
		.offset = e->fe_logical,
		.length = e->fe_length,
		.address = e->fe_physical,
		.flags = e->fe_flags,
	};
	uint64_t known;
	int err;

	if (m.length > UINT64_MAX - m.offset)
		return -EUCLEAN;
	if (mapping_has_address(&m) && m.length > UINT64_MAX - m.address)
		return -EUCLEAN;
	if (!m.length || m.offset + m.length <= *pos)
		return 0;
	known = *pos;
	if (m.offset < known) {
		m.length -= known - m.offset;
		m.address += mapping_has_address(&m) ? known - m.offset : 0;
		m.offset = known;
	}
	err = holes ? add_hole(mappings, known, m.offset) : 0;
	if (!err)
		err = add(mappings, &m);
	*pos = m.offset + m.length;
	return err;
}

int extents_collect(extents_ask_t ask, void *arg, uint32_t flags, uint64_t size, bool holes,
		    struct mappings *mappings)
{
	struct fiemap *fm = calloc(1, sizeof(*fm) + BATCH * sizeof(fm->fm_extents[0]));
	bool last = false;
	uint64_t pos = 0;
	int err = 0;

	memset(mappings, 0, sizeof(*mappings));
	if (!fm)
		return -ENOMEM;
	while (!err && !last && pos < FIEMAP_MAX_OFFSET) {
		const uint64_t start = pos;

		memset(fm, 0, sizeof(*fm));
		fm->fm_start = start;
		fm->fm_length = FIEMAP_MAX_OFFSET - start;
		fm->fm_flags = flags;
		fm->fm_extent_count = BATCH;
		err = ask(arg, fm);
		if (err || !fm->fm_mapped_extents)
			break;
		if (fm->fm_mapped_extents > BATCH)
			err = -EUCLEAN;
		for (uint32_t i = 0; !err && !last && i < fm->fm_mapped_extents; i++) {
			err = add_extent(mappings, &fm->fm_extents[i], holes, &pos);
			last = fm->fm_extents[i].fe_flags & FIEMAP_EXTENT_LAST;
		}
		if (!err && !last && pos == start)
			err = -EUCLEAN;
	}
	free(fm);
	if (!err && holes)
		err = add_hole(mappings, pos, size);
	return err;
}

void mappings_free(struct mappings *mappings)
{
	free(mappings->mapping);
	memset(mappings, 0, sizeof(*mappings));
}

bool mapping_has_address(const struct mapping *m)
{
	if (m->hole || (m->flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC)))
		return false;
	/* some file systems know where inline data lies, others say 0 */
	return m->address || !(m->flags & FIEMAP_EXTENT_DATA_INLINE);
}

const char *mapping_flag(const struct mapping *m, unsigned int i, char buf[16])
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = {
		{ FIEMAP_EXTENT_UNKNOWN,	"unknown" },
		{ FIEMAP_EXTENT_DELALLOC,	"delalloc" },
		{ FIEMAP_EXTENT_UNWRITTEN,	"unwritten" },
		{ FIEMAP_EXTENT_DATA_INLINE,	"inline" },
		{ FIEMAP_EXTENT_DATA_TAIL,	"tail" },
		{ FIEMAP_EXTENT_NOT_ALIGNED,	"not-aligned" },
		{ FIEMAP_EXTENT_ENCODED,	"encoded" },
		{ FIEMAP_EXTENT_DATA_ENCRYPTED,	"encrypted" },
		{ FIEMAP_EXTENT_SHARED,		"shared" },
		{ FIEMAP_EXTENT_MERGED,		"merged" },
		{ FIEMAP_EXTENT_LAST,		"last" },
	};
	const unsigned int nr = sizeof(names) / sizeof(names[0]);
	uint32_t rest = m->flags;

	static_assert(sizeof(names) / sizeof(names[0]) + 2 == MAPPING_NR_FLAGS,
		      "the hole, the flags with a name, and the others");
	if (i == 0)
		return m->hole ? "hole" : NULL;
	if (i <= nr)
		return m->flags & names[i - 1].flag ? names[i - 1].name : NULL;
	for (unsigned int j = 0; j < nr; j++)
		rest &= ~names[j].flag;
	snprintf(buf, 16, "0x%x", (unsigned int)rest);
	return rest ? buf : NULL;
}

void mapping_to_blocks(struct mapping *m, uint64_t block_size)
{
	/* rounding up by adding could overflow */
	const uint64_t last = (m->offset + (m->length - 1)) / block_size;

	m->offset /= block_size;
	m->length = last - m->offset + 1;
	m->address /= block_size;
}
