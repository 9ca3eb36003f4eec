// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What FIEMAP says becomes mappings in order, with the holes between them, over any
 * number of batches; answers that make no sense are refused, and none keeps the
 * command busy for ever.
 */
#include "../peer.h"

#include "extents.h"

#define LAST	FIEMAP_EXTENT_LAST

/* A file system: its extents, of which it gives at most @batch at once. */
struct fake {
	const struct fiemap_extent *e;
	unsigned int nr, batch;
	unsigned int calls;
	uint32_t flags;
	int err;
	bool stubborn;		/* answers the same whatever is asked for */
};

static int ask(void *arg, struct fiemap *fm)
{
	struct fake *f = arg;

	CHECK(f->calls++ < 100);
	CHECK_EQ(fm->fm_flags, f->flags);
	CHECK(fm->fm_extent_count >= 100);
	CHECK(fm->fm_start <= FIEMAP_MAX_OFFSET &&
	      fm->fm_length <= FIEMAP_MAX_OFFSET - fm->fm_start);
	if (f->err)
		return f->err;
	for (unsigned int i = 0; i < f->nr && fm->fm_mapped_extents < f->batch; i++)
		if (f->stubborn || f->e[i].fe_logical + f->e[i].fe_length > fm->fm_start)
			fm->fm_extents[fm->fm_mapped_extents++] = f->e[i];
	return 0;
}

#define EXTENT(offset, length, address, flags) \
	{ .fe_logical = offset, .fe_length = length, .fe_physical = address, .fe_flags = flags }

static int collect(struct fake *f, uint64_t size, bool holes, struct mappings *m)
{
	f->calls = 0;
	return extents_collect(ask, f, f->flags, size, holes, m);
}

static void check_mapping(const struct mappings *m, size_t i, uint64_t offset, uint64_t length,
			  uint64_t address, bool hole)
{
	CHECK(i < m->nr);
	CHECK_EQ(m->mapping[i].offset, offset);
	CHECK_EQ(m->mapping[i].length, length);
	CHECK_EQ(m->mapping[i].address, address);
	CHECK_EQ(m->mapping[i].hole, hole);
}

static void check_holes(void)
{
	static const struct fiemap_extent e[] = {
		EXTENT(4096, 8192, 100 << 12, 0),
		EXTENT(12288, 4096, 300 << 12, FIEMAP_EXTENT_UNWRITTEN),
		EXTENT(65536, 4096, 200 << 12, LAST),
	};

	/* whatever the batches are */
	for (unsigned int batch = 1; batch <= 4; batch++) {
		struct fake f = { .e = e, .nr = 3, .batch = batch, .flags = FIEMAP_FLAG_SYNC };
		struct mappings m;

		CHECK_EQ(collect(&f, 70001, true, &m), 0);
		CHECK_EQ(m.nr, 6);
		CHECK_EQ(m.nr_extents, 3);
		check_mapping(&m, 0, 0, 4096, 0, true);
		check_mapping(&m, 1, 4096, 8192, 100 << 12, false);
		check_mapping(&m, 2, 12288, 4096, 300 << 12, false);
		check_mapping(&m, 3, 16384, 49152, 0, true);
		check_mapping(&m, 4, 65536, 4096, 200 << 12, false);
		check_mapping(&m, 5, 69632, 70001 - 69632, 0, true);
		mappings_free(&m);

		CHECK_EQ(collect(&f, 70001, false, &m), 0);
		CHECK_EQ(m.nr, 3);
		mappings_free(&m);
		/* space behind the end of the file is not followed by a hole */
		CHECK_EQ(collect(&f, 5000, true, &m), 0);
		CHECK_EQ(m.nr, 5);
		mappings_free(&m);
	}
}

static void check_empty(void)
{
	struct fake f = { .batch = 1 };
	struct mappings m;

	CHECK_EQ(collect(&f, 0, true, &m), 0);
	CHECK_EQ(m.nr, 0);
	mappings_free(&m);
	CHECK_EQ(collect(&f, 10, true, &m), 0);
	CHECK_EQ(m.nr, 1);
	CHECK_EQ(m.nr_extents, 0);
	check_mapping(&m, 0, 0, 10, 0, true);
	mappings_free(&m);
	f.err = -EOPNOTSUPP;
	CHECK_EQ(collect(&f, 10, true, &m), -EOPNOTSUPP);
	mappings_free(&m);
}

/* The file changed between two batches, and no extent was the last one. */
static void check_overlap(void)
{
	static const struct fiemap_extent e[] = {
		EXTENT(0, 8192, 1 << 20, 0),
		EXTENT(4096, 8192, 2 << 20, 0),
		EXTENT(4096, 4096, 3 << 20, 0),
	};
	struct fake f = { .e = e, .nr = 3, .batch = 1 };
	struct mappings m;

	CHECK_EQ(collect(&f, 12288, true, &m), 0);
	CHECK_EQ(m.nr, 2);
	check_mapping(&m, 0, 0, 8192, 1 << 20, false);
	check_mapping(&m, 1, 8192, 4096, (2 << 20) + 4096, false);
	mappings_free(&m);
}

static void check_wrong(void)
{
	static const struct fiemap_extent wrong[] = {
		EXTENT(4096, UINT64_MAX, 0, 0),
		EXTENT(UINT64_MAX, 1, 0, 0),
		EXTENT(0, 8192, UINT64_MAX - 4096, 0),
		EXTENT(0, 0, 0, 0),
		EXTENT(8192, 0, 0, 0),
	};
	static const struct fiemap_extent same = EXTENT(0, 4096, 0, 0);
	static const struct fiemap_extent whole = EXTENT(0, UINT64_MAX, 0, FIEMAP_EXTENT_UNKNOWN);
	struct fake f = { .nr = 1, .batch = 1, .stubborn = true };
	struct mappings m;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		f.e = &wrong[i];
		CHECK_EQ(collect(&f, 4096, true, &m), -EUCLEAN);
		mappings_free(&m);
	}
	f.e = &same;
	CHECK_EQ(collect(&f, 4096, true, &m), -EUCLEAN);
	CHECK_EQ(f.calls, 2);
	mappings_free(&m);
	/* to the end of the world, and not further */
	f.e = &whole;
	CHECK_EQ(collect(&f, 4096, true, &m), 0);
	CHECK_EQ(f.calls, 1);
	CHECK_EQ(m.nr, 1);
	mapping_to_blocks(&m.mapping[0], 4096);
	CHECK_EQ(m.mapping[0].length, 1LL << 52);
	mappings_free(&m);
}

static void check_flags(void)
{
	static const struct mapping all = { .length = 1, .flags = UINT32_MAX };
	static const struct mapping hole = { .length = 1, .hole = true };
	static const struct mapping plain = { .length = 1 };
	unsigned int count = 0;
	char buf[16];

	for (unsigned int i = 0; i < MAPPING_NR_FLAGS; i++) {
		count += !!mapping_flag(&all, i, buf);
		CHECK(!mapping_flag(&plain, i, buf));
		CHECK(!i == !!mapping_flag(&hole, i, buf));
	}
	CHECK_EQ(count, MAPPING_NR_FLAGS - 1);
	CHECK(!strcmp(mapping_flag(&all, MAPPING_NR_FLAGS - 1, buf), "0xffffc070"));
	CHECK(mapping_has_address(&plain));
	CHECK(!mapping_has_address(&all) && !mapping_has_address(&hole));
}

static void check_blocks(void)
{
	struct mapping m = { .offset = 5000, .length = 4096, .address = 8191 };

	mapping_to_blocks(&m, 4096);
	CHECK_EQ(m.offset, 1);
	CHECK_EQ(m.length, 2);
	CHECK_EQ(m.address, 1);
}

int main(void)
{
	check_holes();
	check_empty();
	check_overlap();
	check_wrong();
	check_flags();
	check_blocks();
	return 0;
}
