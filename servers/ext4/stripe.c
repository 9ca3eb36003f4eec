// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stripes: see stripe.h.
 */
#include "stripe.h"

#include "log.h"
#include "server.h"

/*
 * Blocks: what is smaller is not worth a stripe of its own.  Kernel ext4 packs smaller files, too.
 */
#define SMALL	16

void stripe_open(struct server *s)
{
	const struct ext2_super_block *sb = s->fs->super;
	uint64_t per_group = sb->s_blocks_per_group;

	if (s->opt.stripe && s->opt.stripe <= per_group)
		s->stripe = s->opt.stripe;
	else if (sb->s_raid_stripe_width && sb->s_raid_stripe_width <= per_group)
		s->stripe = sb->s_raid_stripe_width;
	else if (sb->s_raid_stride && sb->s_raid_stride <= per_group)
		s->stripe = sb->s_raid_stride;
	if (s->stripe & EXT2FS_CLUSTER_MASK(s->fs)) {
		log_warn("stripes of %u blocks are no number of clusters, and are ignored",
			 s->stripe);
		s->stripe = 0;
	}
	if (s->stripe <= 1)
		s->stripe = 0;
}

bool stripe_is_worth(const struct server *s, uint64_t len)
{
	return s->stripe && (len >= SMALL || len >= s->stripe);
}

bool stripe_wanted(const struct server *s, uint64_t goal, uint64_t lblk, uint64_t len)
{
	return stripe_is_worth(s, len) && !lblk && goal % s->stripe;
}

uint64_t stripe_cut(const struct server *s, uint64_t lblk, uint64_t len)
{
	uint64_t rest = s->stripe ? (lblk + len) % s->stripe : 0;

	return rest < len ? len - rest : len;
}
