// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE_IOMAP_CONFIG: ask the server for the geometry of the file system.
 *
 * Sent when the INIT reply has switched iomap on, and before any other request:
 * the connection counts as initialised when this has been answered.  INIT's
 * reply is processed in the server's write(2), so the request is asynchronous.
 * A server that does not implement it keeps the defaults; one that answers
 * nonsense, or an error, has no mount.
 */
#include "iomap_i.h"

#include <linux/blkdev.h>
#include <linux/ctype.h>

struct fuse_iomap_config_args {
	struct fuse_args args;
	struct fuse_iomap_config_in in;
	struct fuse_iomap_config_out out;
};

static bool config_is_valid(struct super_block *sb, const struct fuse_iomap_config_out *out,
			    unsigned int size)
{
	u64 flags = out->flags;

	if (size != FUSE_IOMAP_CONFIG_OUT_V1_SIZE && size != FUSE_IOMAP_CONFIG_OUT_V2_SIZE &&
	    size != sizeof(*out))
		return false;
	if (flags & ~(FUSE_IOMAP_CONFIG_ALL | FUSE_IOMAP_CONFIG_EXTENSIONS))
		return false;
	if ((flags & (FUSE_IOMAP_CONFIG_MAPPINGS | FUSE_IOMAP_CONFIG_BEFORE)) ==
	    FUSE_IOMAP_CONFIG_BEFORE)
		return false;
	if (memchr_inv(out->s_pad, 0, sizeof(out->s_pad)))
		return false;
	if ((flags & FUSE_IOMAP_CONFIG_UUID) && out->s_uuid_len > sizeof(out->s_uuid))
		return false;
	if ((flags & FUSE_IOMAP_CONFIG_BLOCKSIZE) &&
	    !fuse_iomap_can_have_blocks_of(out->s_blocksize))
		return false;
	if ((flags & FUSE_IOMAP_CONFIG_TIME) &&
	    (out->s_time_gran == 0 || out->s_time_gran > NSEC_PER_SEC ||
	     out->s_time_min > out->s_time_max))
		return false;
	if ((flags & FUSE_IOMAP_CONFIG_MAXBYTES) &&
	    (out->s_maxbytes < 0 || out->s_maxbytes > MAX_LFS_FILESIZE))
		return false;
	return true;
}

static int apply_config(struct super_block *sb, const struct fuse_iomap_config_out *out,
			unsigned int size)
{
	struct fuse_conn *fc = get_fuse_conn_super(sb);
	struct fuse_iomap_conn *ic = &fc->iomap;
	u64 flags = out->flags;
	size_t i;

	if (!config_is_valid(sb, out, size))
		return -EINVAL;

	if (flags & FUSE_IOMAP_CONFIG_BLOCKSIZE) {
		if (sb->s_bdev && !sb_set_blocksize(sb, out->s_blocksize))
			return -EINVAL;
		sb->s_blocksize = out->s_blocksize;
		sb->s_blocksize_bits = ilog2(out->s_blocksize);
	}
	if (flags & FUSE_IOMAP_CONFIG_SID) {
		/* s_id goes to logs: the server must not write control characters there */
		for (i = 0; i < sizeof(sb->s_id) - 1 && i < sizeof(out->s_id) && out->s_id[i]; i++)
			sb->s_id[i] = isascii(out->s_id[i]) && isgraph(out->s_id[i]) ?
				      out->s_id[i] : '?';
		sb->s_id[i] = '\0';
	}
	if (flags & FUSE_IOMAP_CONFIG_UUID)
		super_set_uuid(sb, out->s_uuid, out->s_uuid_len);
	if (flags & FUSE_IOMAP_CONFIG_MAX_LINKS)
		sb->s_max_links = out->s_max_links;
	if (flags & FUSE_IOMAP_CONFIG_TIME) {
		sb->s_time_gran = out->s_time_gran;
		sb->s_time_min = out->s_time_min;
		sb->s_time_max = out->s_time_max;
	}
	if (flags & FUSE_IOMAP_CONFIG_MAXBYTES)
		sb->s_maxbytes = min_t(u64, out->s_maxbytes, FUSE_IOMAP_MAX_BYTES);
	if ((flags & FUSE_IOMAP_CONFIG_CACHE_MAXBYTES) && out->cache_maxbytes)
		ic->cache_limit = clamp(out->cache_maxbytes, FUSE_IOMAP_CACHE_MAXBYTES_MIN,
					flags & FUSE_IOMAP_CONFIG_MAPPINGS ?
					FUSE_IOMAP_CACHE_MAXBYTES_KEPT_MAX :
					FUSE_IOMAP_CACHE_MAXBYTES_MAX);
	ic->keeps_mappings = flags & FUSE_IOMAP_CONFIG_MAPPINGS;
	ic->tells_before = flags & FUSE_IOMAP_CONFIG_BEFORE;
	/* else it is the server's answer to OPENDIR that says who may read a directory */
	ic->lists_unopened = (flags & FUSE_IOMAP_CONFIG_DIRS) && fc->default_permissions;
	ic->writes_replacements = flags & FUSE_IOMAP_CONFIG_REPLACE;
	/* the same goes for OPEN and files */
	if ((flags & FUSE_IOMAP_CONFIG_NO_OPEN) && fc->default_permissions)
		fc->no_open = 1;
	ic->answers_forget = flags & FUSE_IOMAP_CONFIG_FORGET;
	ic->may_turn_read_only = flags & FUSE_IOMAP_CONFIG_READ_ONLY;
	return 0;
}

static void config_end(struct fuse_mount *fm, struct fuse_args *args, int error)
{
	struct fuse_iomap_config_args *ca = container_of(args, typeof(*ca), args);
	struct fuse_conn *fc = fm->fc;

	if (error == -ENOSYS)
		error = 0;
	else if (!error)
		error = apply_config(fm->sb, &ca->out, args->out_args[0].size);
	kfree(ca);

	if (error) {
		pr_err_ratelimited("%s: server's geometry was refused, error %d\n",
				   fm->sb->s_id, error);
		fc->conn_error = 1;
	}
	fuse_set_initialized(fc);
	wake_up_all(&fc->blocked_waitq);
}

/*
 * Send IOMAP_CONFIG if the connection has iomap.  Returns true if the end of the
 * request will finish the connection's initialisation, false if the caller has
 * to.
 */
bool fuse_iomap_send_config(struct fuse_mount *fm)
{
	struct fuse_iomap_config_args *ca;

	if (!fm->fc->iomap.enabled)
		return false;

	ca = kzalloc(sizeof(*ca), GFP_KERNEL | __GFP_NOFAIL);
	fm->fc->iomap.cache_limit = FUSE_IOMAP_CACHE_MAXBYTES_DEFAULT;
	ca->in.flags = FUSE_IOMAP_CONFIG_ALL | FUSE_IOMAP_CONFIG_EXTENSIONS;
	ca->in.maxbytes = FUSE_IOMAP_MAX_BYTES;
	ca->in.cache_maxbytes = FUSE_IOMAP_CACHE_MAXBYTES_DEFAULT;

	ca->args.opcode = FUSE_IOMAP_CONFIG;
	ca->args.in_numargs = 1;
	ca->args.in_args[0].size = sizeof(ca->in);
	ca->args.in_args[0].value = &ca->in;
	ca->args.out_numargs = 1;
	ca->args.out_argvar = true;
	ca->args.out_args[0].size = sizeof(ca->out);
	ca->args.out_args[0].value = &ca->out;
	ca->args.force = true;
	ca->args.nocreds = true;
	ca->args.end = config_end;

	if (fuse_simple_background(fm, &ca->args, GFP_KERNEL | __GFP_NOFAIL) != 0)
		config_end(fm, &ca->args, -ENOTCONN);
	return true;
}
