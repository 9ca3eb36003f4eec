// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Quotas for administrators: iomap4fs_quota.h.
 *
 * Setting limits follows the kernel's do_set_dqblk(): a user above the new soft limit gets a new
 * grace period, and a user at or below it has no timer.
 *
 * A request looks at a bounded part of the tree, whatever the image claims, and tells the caller
 * where the next request goes on.  Others get the lock in between.
 */
#include "quota_ioctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cold.h"
#include "quota.h"

/* Blocks of the tree for an answer */
#define STEPS		256

static int file_of(struct server *s, uint32_t type, struct quota_file **f)
{
	if (type >= NR_QUOTAS)
		return -EINVAL;
	if (!s->quota || !s->quota->files[type].ino)
		return -ESRCH;
	*f = &s->quota->files[type];
	return 0;
}

static int get_info(struct server *s, struct iomap4fs_quota_info *info)
{
	struct quota_file *f;
	int err = file_of(s, info->type, &f);

	if (err)
		return err;
	info->flags = f->enforced ? IOMAP4FS_QUOTA_ENFORCED : 0;
	info->space_grace = f->space_grace;
	info->inode_grace = f->inode_grace;
	return 0;
}

static uint64_t in_bytes(uint64_t kib)
{
	return kib > UINT64_MAX >> 10 ? UINT64_MAX : kib << 10;
}

static void tell(const struct quota_file *f, const struct quota_entry *e, struct iomap4fs_quota *q)
{
	*q = (struct iomap4fs_quota){
		.id = e->id,
		.space_hard = in_bytes(e->block_hard), .space_soft = in_bytes(e->block_soft),
		.space = e->space + quota_reserved(f, e->id),
		.inodes_hard = e->inode_hard, .inodes_soft = e->inode_soft, .inodes = e->inodes,
		.space_timer = e->block_time, .inodes_timer = e->inode_time,
	};
}

static int list(struct server *s, struct iomap4fs_quota_list *l)
{
	unsigned int steps = STEPS;
	struct quota_entry e;
	struct quota_file *f;
	uint64_t first = l->next, next = l->next, pos;
	int ret = file_of(s, l->type, &f);

	if (!ret && l->exact && l->next > UINT32_MAX)
		ret = -EINVAL;
	if (ret)
		return ret;
	l->nr = l->done = 0;
	while (l->nr < (l->exact ? 1 : IOMAP4FS_QUOTA_LIST_MAX)) {
		ret = quota_tree_next(s, f, &next, &steps, &pos);
		if (ret <= 0 || (l->exact && next != first))
			break;
		ret = quota_tree_read(s, f, (uint32_t)next, pos, &e);
		if (ret)
			break;
		tell(f, &e, &l->quota[l->nr++]);
		next++;
	}
	l->next = next;
	if (ret < 0 && ret != -EAGAIN)
		return ret;
	if (l->exact && !l->nr) {
		e = (struct quota_entry){ .id = (uint32_t)first };
		tell(f, &e, &l->quota[l->nr++]);
	}
	l->done = l->exact || (!ret && l->nr < IOMAP4FS_QUOTA_LIST_MAX) || l->next > UINT32_MAX;
	return 0;
}

/* A frozen device is left alone. */
static int may_set(struct server *s)
{
	int err = super_may_allocate(s);

	return err ? err : s->frozen ? -EBUSY : 0;
}

static int set_info(struct server *s, const struct iomap4fs_quota_info *info)
{
	struct quota_file *f;
	int err = may_set(s);

	if (!err)
		err = info->flags ? -EINVAL : file_of(s, info->type, &f);
	if (!err)
		err = cold_settle(s);
	return err ? err : quota_tree_set_grace(s, f, info->space_grace, info->inode_grace);
}

static uint64_t in_kib(uint64_t bytes)
{
	return bytes / 1024 + !!(bytes % 1024);
}

static void set_limits(const struct quota_file *f, struct quota_entry *e,
		       const struct iomap4fs_quota *q)
{
	const uint32_t space = IOMAP4FS_QUOTA_SPACE_HARD | IOMAP4FS_QUOTA_SPACE_SOFT |
			       IOMAP4FS_QUOTA_SPACE_TIMER;
	const uint32_t inodes = IOMAP4FS_QUOTA_INODES_HARD | IOMAP4FS_QUOTA_INODES_SOFT |
				IOMAP4FS_QUOTA_INODES_TIMER;

	if (q->set & IOMAP4FS_QUOTA_SPACE_HARD)
		e->block_hard = in_kib(q->space_hard);
	if (q->set & IOMAP4FS_QUOTA_SPACE_SOFT)
		e->block_soft = in_kib(q->space_soft);
	if (q->set & IOMAP4FS_QUOTA_INODES_HARD)
		e->inode_hard = q->inodes_hard;
	if (q->set & IOMAP4FS_QUOTA_INODES_SOFT)
		e->inode_soft = q->inodes_soft;
	if (q->set & space) {
		e->block_time = q->set & IOMAP4FS_QUOTA_SPACE_TIMER ? q->space_timer : 0;
		quota_limits_set(f, e, true, false);
	}
	if (q->set & inodes) {
		e->inode_time = q->set & IOMAP4FS_QUOTA_INODES_TIMER ? q->inodes_timer : 0;
		quota_limits_set(f, e, false, true);
	}
}

static int set(struct server *s, const struct iomap4fs_quota_set *a)
{
	const uint32_t known = IOMAP4FS_QUOTA_INODES_TIMER * 2 - 1;
	struct quota_entry e;
	struct quota_file *f;
	uint64_t pos;
	int err = may_set(s);

	if (!err)
		err = a->quota.set & ~known || a->reserved ? -EINVAL : file_of(s, a->type, &f);
	/* the kernel's limits are signed */
	if (!err && (a->quota.space_hard > INT64_MAX || a->quota.space_soft > INT64_MAX ||
		     a->quota.inodes_hard > INT64_MAX || a->quota.inodes_soft > INT64_MAX ||
		     a->quota.space_timer > INT64_MAX || a->quota.inodes_timer > INT64_MAX))
		err = -ERANGE;
	if (!err)
		err = cold_settle(s);
	if (!err)
		err = quota_load(s, f, a->quota.id, &e, &pos);
	if (err)
		return err;
	set_limits(f, &e, &a->quota);
	return quota_tree_write(s, pos, &e);
}

/* As quotactl(2): users may look at their own. */
static bool may_look(fuse_req_t req, const struct iomap4fs_quota_list *l)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	gid_t *groups;
	bool found = false;
	int nr;

	if (!ctx->uid)
		return true;
	if (!l->exact)
		return false;
	if (l->type == QUOTA_USER)
		return l->next == ctx->uid;
	if (l->type != QUOTA_GROUP)
		return false;
	if (l->next == ctx->gid)
		return true;
	nr = fuse_req_getgroups(req, 0, NULL);
	groups = nr > 0 ? calloc((size_t)nr, sizeof(*groups)) : NULL;
	if (!groups)
		return false;
	if (fuse_req_getgroups(req, nr, groups) < nr)
		nr = 0;
	for (int i = 0; i < nr; i++)
		found |= groups[i] == l->next;
	free(groups);
	return found;
}

union arg {
	struct iomap4fs_quota_info info;
	struct iomap4fs_quota_list list;
	struct iomap4fs_quota_set set;
};

static int run(struct server *s, unsigned int cmd, union arg *arg)
{
	switch (cmd) {
	case IOMAP4FS_IOC_QUOTA_INFO:
		return get_info(s, &arg->info);
	case IOMAP4FS_IOC_QUOTA_LIST:
		return list(s, &arg->list);
	case IOMAP4FS_IOC_QUOTA_SET:
		return set(s, &arg->set);
	default:
		return set_info(s, &arg->info);
	}
}

bool quota_ioctl(fuse_req_t req, struct server *s, unsigned int cmd, const void *in,
		 size_t in_size, size_t out_size)
{
	bool changes = cmd == IOMAP4FS_IOC_QUOTA_SET || cmd == IOMAP4FS_IOC_QUOTA_SET_INFO;
	struct cold cold = { 0 };
	unsigned int tries = 0;
	union arg *arg, given;
	int err = 0;

	if (!changes && cmd != IOMAP4FS_IOC_QUOTA_INFO && cmd != IOMAP4FS_IOC_QUOTA_LIST)
		return false;
	arg = calloc(1, sizeof(*arg));
	if (!arg)
		err = -ENOMEM;
	else if (in_size < _IOC_SIZE(cmd))
		err = -EINVAL;
	else
		memcpy(arg, in, _IOC_SIZE(cmd));
	if (!err && changes && fuse_req_ctx(req)->uid)
		err = -EPERM;
	if (!err && cmd == IOMAP4FS_IOC_QUOTA_LIST && !may_look(req, &arg->list))
		err = -EPERM;
	if (!err) {
		memcpy(&given, arg, sizeof(given));
		server_lock(s);
		do {
			if (changes)
				commit_if_large(s);
			memcpy(arg, &given, sizeof(given));
			cold_begin(s, &cold);
			err = run(s, cmd, arg);
		} while (cold_again(s, &cold) || (changes && commit_frees_space(s, err, &tries)));
		server_unlock(s);
	}
	/* an administrator's change is durable when the command ends */
	if (!err && changes)
		err = commit_wait(s);
	if (err)
		fuse_reply_err(req, -err);
	else if (changes)
		fuse_reply_ioctl(req, 0, NULL, 0);
	else
		fuse_reply_ioctl(req, 0, arg,
				 out_size < _IOC_SIZE(cmd) ? out_size : _IOC_SIZE(cmd));
	free(arg);
	return true;
}
