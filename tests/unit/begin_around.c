// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An answer with mappings on both sides of the one asked for is one list in ascending order,
 * of those that the request has room for: the nearest.
 */
#include <stdatomic.h>
#include "peer.h"

#define BLOCK	4096
#define POS	(100 * BLOCK)
#define TOLD	5	/* on each side */

static atomic_bool around;

static void on_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		      uint32_t cache_maxbytes)
{
	struct fuse_iomap_config_out cfg = { .flags = flags };

	fuse_iomap_reply_config(req, &cfg);
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	struct fuse_iomap_io read = { .offset = pos, .length = count }, list[2 * TOLD];
	unsigned int i;

	for (i = 0; i < TOLD; i++) {
		list[i] = list[TOLD + i] = read;
		list[i].offset -= (TOLD - i) * count;
		list[TOLD + i].offset += (1 + i) * count;
	}
	if (around)
		CHECK_EQ(fuse_iomap_reply_begin_around(req, &read, NULL, list, TOLD, list + TOLD,
						       TOLD), 0);
	else
		CHECK_EQ(fuse_iomap_reply_begin_more(req, &read, NULL, list + TOLD, TOLD), 0);
}

static const struct fuse_lowlevel_ops ll;
static const struct fuse_iomap_ops iop = { .config = on_config, .begin = on_begin };

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static void begin(struct peer *p, unsigned int behind, unsigned int before)
{
	struct fuse_iomap_begin_in in = {
		.pos = POS, .count = BLOCK, .room = FUSE_IOMAP_ROOM(behind, before),
	};
	unsigned int nr_before = around ? least(before, TOLD) : 0, nr_behind = least(behind, TOLD);
	struct fuse_iomap_begin_out out;
	struct fuse_iomap_io list[2 * TOLD];
	struct peer_reply r;
	unsigned int i;

	CHECK_EQ(peer_call(p, FUSE_IOMAP_BEGIN, 5, &in, sizeof(in), &r), 0);
	CHECK_EQ(r.len, sizeof(out) + (nr_before + nr_behind) * sizeof(list[0]));
	memcpy(&out, r.body, sizeof(out));
	memcpy(list, r.body + sizeof(out), r.len - sizeof(out));
	CHECK_EQ(out.read.offset, POS);
	CHECK_EQ(out.write.type, FUSE_IOMAP_TYPE_PURE_OVERWRITE);
	for (i = 0; i < nr_before; i++)
		CHECK_EQ(list[i].offset, POS - (nr_before - i) * BLOCK);
	for (i = 0; i < nr_behind; i++)
		CHECK_EQ(list[nr_before + i].offset, POS + (1 + i) * BLOCK);
}

static void config(struct peer *p, uint64_t flags, int error)
{
	struct fuse_iomap_config_in in = { .flags = flags };
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_IOMAP_CONFIG, 0, &in, sizeof(in), &r), error);
}

int main(void)
{
	struct peer p;

	CHECK_EQ(FUSE_IOMAP_ROOM(3, 0), 3);
	CHECK_EQ(FUSE_IOMAP_ROOM_BEHIND(FUSE_IOMAP_ROOM(1024, 7)), 1024);
	CHECK_EQ(FUSE_IOMAP_ROOM_BEFORE(FUSE_IOMAP_ROOM(1024, 7)), 7);

	peer_start(&p, &ll, &iop, 2);
	config(&p, FUSE_IOMAP_CONFIG_MAPPINGS | FUSE_IOMAP_CONFIG_BEFORE, 0);
	config(&p, FUSE_IOMAP_CONFIG_FORGET << 1, EINVAL);
	for (int i = 0; i < 2; i++) {
		begin(&p, 0, 0);
		begin(&p, 3, 0);
		begin(&p, 0, 3);
		begin(&p, 1, 2);
		begin(&p, TOLD, TOLD);
		begin(&p, 1024, 1024);
		around = true;
	}
	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
