// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is promised to a file, through random writes and cuts, is what an array of its
 * blocks says: which, how many, in which pieces, and how much is kept back in all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inode.h"
#include "map.h"
#include "node.h"

#define BLOCKS		1000	/* of the file that are looked at */
#define STEPS		20000
#define FREE_BLOCKS	1000000
#define INO		12

static int failures;

#define CHECK(condition) do {							\
	if (!(condition) && failures++ < 20)					\
		printf("FAILED: line %d: %s\n", __LINE__, #condition);		\
} while (0)

static struct ext2_super_block super;
static struct struct_ext2_filsys fs;
static struct server s;
static struct inode in;
static bool promised[BLOCKS];
static const struct caller who;

static uint64_t count(uint64_t start, uint64_t end)
{
	uint64_t n = 0;

	while (start < end)
		n += promised[start++];
	return n;
}

/* As if the file had blocks at its end only: so nothing is promised ahead. */
static struct mapping hole(void)
{
	return (struct mapping){ .type = MAP_HOLE, .lblk = 0, .len = BLOCKS };
}

static void write_some(uint64_t start, uint64_t end)
{
	struct mapping m = hole();
	uint64_t stop;

	CHECK(delayed_write(&s, &in, start, end, true, &who, &m, &stop));
	CHECK(m.type == MAP_DELAYED && m.lblk <= start && m.lblk + m.len >= end);
	for (uint64_t b = start; b < end; b++)
		promised[b] = true;
}

static void check(const struct node *node)
{
	uint64_t total = count(0, BLOCKS), at = 0;
	uint64_t start = rand() % BLOCKS, len = rand() % (BLOCKS - start + 1);

	CHECK(delayed_blocks(&s, INO) == total);
	CHECK(s.delayed.blocks == total);
	CHECK(total <= 4 ? !s.delayed.tree_blocks : s.delayed.tree_blocks >= total / 170);
	CHECK(alloc_available(&s, &who) == FREE_BLOCKS - total - s.delayed.tree_blocks);
	CHECK(delayed_in(node, start, len) == count(start, start + len));
	while (at < BLOCKS) {
		struct mapping m = hole();
		struct delayed_range r;
		uint64_t end = at;

		while (end < BLOCKS && promised[end] == promised[at])
			end++;
		delayed_overlay(node, at + rand() % (end - at), &m);
		CHECK((m.type == MAP_DELAYED) == promised[at]);
		CHECK(m.lblk == at && m.lblk + m.len == end);
		CHECK(delayed_find(node, at, &r) == promised[at]);
		CHECK(!promised[at] || (r.start == at && r.end == end));
		at = end;
	}
}

static void set_up(void)
{
	struct ext3_extent_header *eh = (void *)in.raw.i_block;

	fs.super = &super;
	fs.blocksize = 4096;
	super.s_log_block_size = 2;
	super.s_free_blocks_count = FREE_BLOCKS;
	s.fs = &fs;
	s.opt.delalloc = true;
	s.opt.resuid = s.opt.resgid = -1;
	s.maxbytes_extent = s.maxbytes_indirect = 1LL << 40;
	in.ino = INO;
	in.raw.i_flags = EXT4_EXTENTS_FL;
	eh->eh_magic = EXT3_EXT_MAGIC;
	eh->eh_max = 4;
}

static void ahead(struct node *node)
{
	struct mapping m = { .type = MAP_HOLE, .lblk = 0, .len = MAP_MAX_LBLK + 1 };
	uint64_t stop;

	/* once is not a file that grows */
	CHECK(delayed_write(&s, &in, 0, 1, true, &who, &m, &stop) && m.len == 1);
	m = (struct mapping){ .type = MAP_HOLE, .lblk = 0, .len = MAP_MAX_LBLK + 1 };
	CHECK(delayed_write(&s, &in, 1, 2, true, &who, &m, &stop) && m.len == 2 + 16);
	m = (struct mapping){ .type = MAP_HOLE, .lblk = 0, .len = MAP_MAX_LBLK + 1 };
	CHECK(delayed_write(&s, &in, 18, 19, false, &who, &m, &stop) && m.len == 19);
	delayed_cut(&s, node, 0, UINT64_MAX);
	CHECK(!s.delayed.blocks && !s.delayed.tree_blocks && !node->delayed.list);
}

/* Little space: it is not promised any more, and what is stays. */
static void tight(struct node *node)
{
	struct mapping m = hole();
	uint64_t stop;

	super.s_free_blocks_count = 2000;
	CHECK(delayed_write(&s, &in, 100, 400, true, &who, &m, &stop));
	m = hole();
	CHECK(delayed_write(&s, &in, 350, 1000, true, &who, &m, &stop));
	CHECK(m.lblk == 100 && m.len == 300);
	m = hole();
	CHECK(!delayed_write(&s, &in, 0, 1000, true, &who, &m, &stop) && stop == 100);
	delayed_cut(&s, node, 0, UINT64_MAX);
}

int main(void)
{
	struct node *node;

	set_up();
	if (nodes_init(&s))
		return 1;
	node = node_get(&s, INO);
	srand(1);
	for (int i = 0; i < STEPS; i++) {
		uint64_t start = rand() % BLOCKS, most = rand() % 4 ? 8 : 200;
		uint64_t end = start + 1 + rand() % most;

		if (end > BLOCKS)
			end = BLOCKS;
		if (rand() % 2) {
			write_some(start, end);
		} else {
			delayed_cut(&s, node, start, end);
			memset(&promised[start], 0, end - start);
		}
		check(node);
	}
	delayed_cut(&s, node, 0, UINT64_MAX);
	ahead(node);
	tight(node);
	nodes_destroy(&s);
	return failures != 0;
}
