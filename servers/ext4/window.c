// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Windows: see window.h.
 *
 *	file A   |aaaa|aa|........|          B's blocks come behind A's window,
 *	device   |aaaa|aa|window  |bbbb|     A's next ones into it
 *
 * Only a file that goes on where its last allocation ended gets a window, as large as the
 * file is, within limits: what is written at once and never again leaves no gap behind it.
 */
#include "window.h"

#include "alloc_search.h"
#include "map.h"
#include "node.h"

#define WINDOW_MIN	16			/* blocks */
#define WINDOW_MAX	(8ULL << 20)		/* bytes */

uint64_t window_wanted(const struct server *s, const struct node *node, uint64_t lblk)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs);
	uint64_t len = lblk, max = WINDOW_MAX >> block_bits(s);

	if (!node || !lblk || node->goal_lblk != lblk)
		return 0;
	if (len < WINDOW_MIN)
		len = WINDOW_MIN;
	if (len > max)
		len = max;
	/* whole stripes: what is written now may end within one */
	if (s->stripe && len > s->stripe)
		len -= len % s->stripe;
	return (len + mask) & ~mask;
}

static void mark(struct server *s, const struct window *w, bool used)
{
	if (used)
		ext2fs_mark_block_bitmap_range2(s->fs->block_map, w->pblk, w->len);
	else
		ext2fs_unmark_block_bitmap_range2(s->fs->block_map, w->pblk, w->len);
}

static void end_nth(struct server *s, unsigned int n)
{
	struct windows *ws = &s->windows;

	mark(s, &ws->list[n], false);
	ws->blocks -= ws->list[n].len;
	trim_changed(s, ws->list[n].pblk, ws->list[n].len);
	search_freed(s, ws->list[n].pblk, ws->list[n].len);
	ws->nr--;
	for (; n < ws->nr; n++)
		ws->list[n] = ws->list[n + 1];
}

void window_end(struct server *s, ext2_ino_t ino)
{
	for (unsigned int n = 0; n < s->windows.nr; n++) {
		if (s->windows.list[n].ino == ino) {
			end_nth(s, n);
			return;
		}
	}
}

void window_open(struct server *s, ext2_ino_t ino, uint64_t pblk, uint64_t len)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs);

	len = (len + mask) & ~mask;
	for (unsigned int n = 0; n < s->windows.nr; n++) {
		struct window *w = &s->windows.list[n];

		if (w->ino != ino)
			continue;
		if (w->pblk != pblk || w->len <= len) {
			end_nth(s, n);
			return;
		}
		ext2fs_unmark_block_bitmap_range2(s->fs->block_map, pblk, len);
		w->pblk += len;
		w->len -= len;
		s->windows.blocks -= len;
		return;
	}
}

/* Is there one already that will do? */
static bool goes_on(const struct server *s, ext2_ino_t ino, uint64_t pblk, uint64_t len)
{
	for (unsigned int n = 0; n < s->windows.nr; n++) {
		const struct window *w = &s->windows.list[n];

		if (w->ino == ino)
			return w->pblk == pblk && w->len >= len / 2;
	}
	return false;
}

void windows_end_all(struct server *s)
{
	while (s->windows.nr)
		end_nth(s, s->windows.nr - 1);
}

void windows_mark(struct server *s, bool used)
{
	for (unsigned int n = 0; n < s->windows.nr; n++)
		mark(s, &s->windows.list[n], used);
}

void window_begin(struct server *s, ext2_ino_t ino, uint64_t pblk, uint64_t len)
{
	struct windows *ws = &s->windows;
	uint64_t end = ext2fs_blocks_count(s->fs->super) & ~(uint64_t)EXT2FS_CLUSTER_MASK(s->fs);
	blk64_t used;

	/* marking bit by bit is dear: not for each block that is added to the file */
	if (goes_on(s, ino, pblk, len))
		return;
	window_end(s, ino);
	if (pblk >= end || ext2fs_test_block_bitmap2(s->fs->block_map, pblk))
		return;
	if (len > end - pblk)
		len = end - pblk;
	if (!ext2fs_find_first_set_block_bitmap2(s->fs->block_map, pblk, pblk + len - 1, &used))
		len = used - pblk;
	if (!alloc_has_plenty(s, len))
		return;
	if (ws->nr == WINDOWS_MAX)
		end_nth(s, 0);
	ws->list[ws->nr] = (struct window){ .ino = ino, .pblk = pblk, .len = len };
	mark(s, &ws->list[ws->nr++], true);
	ws->blocks += len;
}
