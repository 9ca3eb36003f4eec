// SPDX-License-Identifier: GPL-2.0
/*
 * Directories that are listed without being opened (FUSE_IOMAP_CONFIG_DIRS).
 *
 * Most directories are small and read once, from the beginning: then OPENDIR, the question
 * whether there is more, and RELEASEDIR are three requests of four.  So open(2) asks
 * nothing, and the first listing is asked for with file handle 0:
 *
 *	all of it fits into an answer    it is kept with the open file, which needs no handle
 *	EOVERFLOW                        OPENDIR, and the ordinary requests with its handle
 *
 * A listing is a snapshot: positions in it mean something only together with it.  That is
 * what a handle is for in the server, and here the answer that is kept: whoever reads on,
 * however slowly, or goes back to where he was, reads the same listing.  It is
 * given back when he begins anew, or closes.
 *
 * With a handle, too, nobody asks whether there is more behind an answer that had room left.
 *
 * The page cache, where the client keeps entries, gets them from the second listing on: most
 * directories don't have one, and a page to fill costs as much as half a request.
 *
 * Only for directories that nobody else changes and whose permissions are the kernel's business.
 */
#include "iomap_i.h"

#include <linux/mutex.h>
#include <linux/pagemap.h>

/* What fuse_readdir_cached() returns if the page cache does not have it */
#define NOT_CACHED	1

/* An open directory; fuse_file.iomap_dir */
struct fuse_iomap_dir {
	struct mutex lock;		/* readers of one open file, and what follows */
	bool has_handle;		/* OPENDIR has been answered: ask with fuse_file.fh */
	bool plus;			/* @all has attributes */
	struct folio *all;		/* the whole listing, or NULL */
	unsigned int size;		/* bytes of it */
	loff_t end;			/* with a handle: no entry is behind this position; or 0 */
};

static struct file_operations fuse_iomap_dir_operations __ro_after_init;

/*
 * The entry at *@at in an answer of @size bytes, with @plus in the attributes before it;
 * moves *@at behind it.  NULL behind the last one.
 */
static struct fuse_dirent *next_entry(char *answer, unsigned int size, bool plus, unsigned int *at)
{
	unsigned int head = plus ? offsetof(struct fuse_direntplus, dirent) : 0;
	struct fuse_dirent *entry;
	size_t length;

	if (size - *at < head + FUSE_NAME_OFFSET)
		return NULL;
	entry = (struct fuse_dirent *)(answer + *at + head);
	if (!entry->namelen || entry->namelen > FUSE_NAME_MAX)
		return ERR_PTR(-EIO);
	length = FUSE_DIRENT_ALIGN(head + FUSE_NAME_OFFSET + entry->namelen);
	if (length > size - *at)
		return NULL;
	if (memchr(entry->name, '/', entry->namelen))
		return ERR_PTR(-EIO);
	*at += length;
	return entry;
}

/* Had an answer of @size bytes room for one more entry, whatever its name? */
static bool is_last(unsigned int size, bool plus)
{
	unsigned int head = plus ? offsetof(struct fuse_direntplus, dirent) : 0;

	return size + FUSE_DIRENT_ALIGN(head + FUSE_NAME_OFFSET + FUSE_NAME_MAX) <= PAGE_SIZE;
}

/* Bring the inodes of an answer into memory.  Each was counted as looked up by the server. */
static int link_entries(struct file *file, char *answer, unsigned int size, u64 attr_version,
			u64 evict_ctr)
{
	struct fuse_dirent *entry;
	unsigned int at = 0;

	while ((entry = next_entry(answer, size, true, &at))) {
		struct fuse_direntplus *plus;

		if (IS_ERR(entry))
			return PTR_ERR(entry);
		plus = container_of(entry, struct fuse_direntplus, dirent);
		if (fuse_direntplus_link(file, plus, attr_version, evict_ctr))
			fuse_force_forget(file, plus->entry_out.nodeid);
	}
	return 0;
}

/*
 * Ask for the entries behind @pos, into @folio, of one page; link their inodes if @plus.
 * Upcall, under i_rwsem shared.  Returns the bytes of the answer or a negative errno.
 */
static ssize_t ask(struct file *file, loff_t pos, bool plus, struct folio *folio)
{
	struct inode *inode = file_inode(file);
	struct fuse_mount *fm = get_fuse_mount(inode);
	struct fuse_folio_desc desc = { .length = PAGE_SIZE };
	u64 attr_version = fuse_get_attr_version(fm->fc);
	u64 evict_ctr = fuse_get_evict_ctr(fm->fc);
	struct fuse_io_args ia = {
		.ap = {
			.args = { .out_pages = true },
			.uses_folios = true,
			.num_folios = 1,
			.folios = &folio,
			.folio_descs = &desc,
		},
	};
	bool locked;
	ssize_t size;
	int err;

	fuse_read_args_fill(&ia, file, pos, PAGE_SIZE, plus ? FUSE_READDIRPLUS : FUSE_READDIR);
	locked = fuse_lock_inode(inode);
	size = fuse_simple_request(fm, &ia.ap.args);
	fuse_unlock_inode(inode, locked);
	fuse_invalidate_atime(inode);
	set_bit(FUSE_IOMAP_WAS_LISTED, &FUSE_IOMAP_I(inode)->state);
	if (size > 0 && plus) {
		err = link_entries(file, folio_address(folio), size, attr_version, evict_ctr);
		if (err)
			return err;
	}
	return size;
}

/*
 * Give the caller entries of an answer from *@at on, as many as he takes; @at and ctx->pos
 * follow.  Returns 1 if he has taken all of them, 0 if not, or a negative errno.
 */
static int emit(struct file *file, struct dir_context *ctx, char *answer, unsigned int size,
		bool plus, unsigned int *at)
{
	struct fuse_dirent *entry;
	unsigned int next = *at;

	while ((entry = next_entry(answer, size, plus, &next))) {
		if (IS_ERR(entry))
			return PTR_ERR(entry);
		if (!fuse_emit(file, ctx, entry))
			return 0;
		ctx->pos = entry->off;
		*at = next;
	}
	return 1;
}

static void forget_listing(struct fuse_iomap_dir *dir)
{
	if (dir->all)
		folio_put(dir->all);
	dir->all = NULL;
	dir->end = 0;
}

/* Where in the listing that is kept are the entries behind @pos?  -1: it has no such position. */
static int find_pos(const struct fuse_iomap_dir *dir, loff_t pos)
{
	struct fuse_dirent *entry;
	unsigned int at = 0;

	if (!pos)
		return 0;
	while ((entry = next_entry(folio_address(dir->all), dir->size, dir->plus, &at)))
		if (IS_ERR(entry) || entry->off == pos)
			return IS_ERR(entry) ? -1 : at;
	return -1;
}

/* Entries to the last one have gone into the page cache, if they go there. */
static void end_of_listing(struct file *file, struct dir_context *ctx)
{
	const struct fuse_file *ff = file->private_data;

	if (ff->open_flags & FOPEN_CACHE_DIR)
		fuse_readdir_cache_end(file, ctx->pos);
}

/* Go on at ctx->pos in the listing that is kept. */
static int read_kept(struct file *file, struct dir_context *ctx, struct fuse_iomap_dir *dir,
		     unsigned int at)
{
	int ret = emit(file, ctx, folio_address(dir->all), dir->size, dir->plus, &at);

	if (ret > 0)
		end_of_listing(file, ctx);
	return min(ret, 0);
}

/* List all of it without a handle.  -EOVERFLOW: that takes one. */
static int read_all(struct file *file, struct dir_context *ctx, struct fuse_iomap_dir *dir)
{
	struct folio *folio = folio_alloc(GFP_KERNEL_ACCOUNT, 0);
	ssize_t size;

	if (!folio)
		return -ENOMEM;
	dir->plus = fuse_use_readdirplus(file_inode(file), ctx);
	size = ask(file, 0, dir->plus, folio);
	if (size < 0) {
		folio_put(folio);
		return size;
	}
	dir->all = folio;
	dir->size = size;
	return read_kept(file, ctx, dir, 0);
}

/* The next part of a listing that the server keeps. */
static int read_part(struct file *file, struct dir_context *ctx, struct fuse_iomap_dir *dir)
{
	struct folio *folio;
	unsigned int at = 0;
	ssize_t size;
	bool plus;
	int ret;

	if (dir->end && ctx->pos == dir->end)
		return 0;
	folio = folio_alloc(GFP_KERNEL, 0);
	if (!folio)
		return -ENOMEM;
	plus = fuse_use_readdirplus(file_inode(file), ctx);
	size = ask(file, ctx->pos, plus, folio);
	ret = size;
	if (size >= 0)
		ret = emit(file, ctx, folio_address(folio), size, plus, &at);
	if (ret > 0 && is_last(size, plus)) {
		dir->end = ctx->pos;
		end_of_listing(file, ctx);
	}
	folio_put(folio);
	return min(ret, 0);
}

/* Have the server open it after all. */
static int get_handle(struct file *file, struct fuse_iomap_dir *dir)
{
	struct inode *inode = file_inode(file);
	struct fuse_file *ff = file->private_data, *opened;

	opened = fuse_file_open(get_fuse_mount(inode), get_node_id(inode), file->f_flags, true);
	if (IS_ERR(opened))
		return PTR_ERR(opened);
	ff->fh = opened->fh;
	ff->open_flags = opened->open_flags;
	/* for RELEASEDIR, unless it is not implemented */
	ff->args = opened->args;
	opened->args = NULL;
	fuse_file_free(opened);
	dir->has_handle = true;
	if (!(ff->open_flags & FOPEN_KEEP_CACHE))
		invalidate_inode_pages2(inode->i_mapping);
	return 0;
}

static int read_locked(struct file *file, struct dir_context *ctx, struct fuse_iomap_dir *dir)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(file_inode(file));
	struct fuse_file *ff = file->private_data;
	int ret, at;

	/* from the beginning: as it is now */
	if (!ctx->pos)
		forget_listing(dir);
	if (dir->all) {
		at = find_pos(dir, ctx->pos);
		if (at >= 0)
			return read_kept(file, ctx, dir, at);
	}
	if (ff->open_flags & FOPEN_CACHE_DIR) {
		ret = fuse_readdir_cached(file, ctx);
		if (ret != NOT_CACHED)
			return ret;
	}
	if (!dir->has_handle) {
		if (!ctx->pos && !test_bit(FUSE_IOMAP_LISTING_IS_LONG, &ii->state)) {
			ret = read_all(file, ctx, dir);
			if (ret != -EOVERFLOW)
				return ret;
			set_bit(FUSE_IOMAP_LISTING_IS_LONG, &ii->state);
		}
		ret = get_handle(file, dir);
		if (ret)
			return ret;
	}
	return read_part(file, ctx, dir);
}

/* file_operations.iterate_shared; caller holds i_rwsem shared. */
static int iterate(struct file *file, struct dir_context *ctx)
{
	struct fuse_file *ff = file->private_data;
	struct fuse_iomap_dir *dir = ff->iomap_dir;
	int ret;

	if (fuse_is_bad(file_inode(file)))
		return -EIO;
	/* the VFS lets one thread in, but not for all of its callers */
	if (mutex_lock_killable(&dir->lock))
		return -EINTR;
	ret = read_locked(file, ctx, dir);
	mutex_unlock(&dir->lock);
	return ret;
}

static int dir_open(struct inode *inode, struct file *file)
{
	struct fuse_mount *fm = get_fuse_mount(inode);
	struct fuse_iomap_dir *dir;
	struct fuse_file *ff;
	int err;

	if (fuse_is_bad(inode))
		return -EIO;
	/* the server would have been asked */
	if (!READ_ONCE(fm->fc->connected))
		return -ENOTCONN;
	err = generic_file_open(inode, file);
	if (err)
		return err;
	dir = kzalloc(sizeof(*dir), GFP_KERNEL_ACCOUNT);
	ff = fuse_file_alloc(fm, false);
	if (!dir || !ff) {
		kfree(dir);
		if (ff)
			fuse_file_free(ff);
		return -ENOMEM;
	}
	mutex_init(&dir->lock);
	ff->iomap_dir = dir;
	ff->nodeid = get_node_id(inode);
	ff->open_flags = FOPEN_KEEP_CACHE;
	if (test_bit(FUSE_IOMAP_WAS_LISTED, &FUSE_IOMAP_I(inode)->state))
		ff->open_flags |= FOPEN_CACHE_DIR;
	file->private_data = ff;
	return 0;
}

static int dir_release(struct inode *inode, struct file *file)
{
	struct fuse_file *ff = file->private_data;

	forget_listing(ff->iomap_dir);
	mutex_destroy(&ff->iomap_dir->lock);
	kfree(ff->iomap_dir);
	fuse_release_common(file, true);
	return 0;
}

/* Module load: what is not about listing is the client's. */
void __init fuse_iomap_init_dir_table(void)
{
	struct file_operations *fop = &fuse_iomap_dir_operations;

	*fop = fuse_dir_operations;
	fop->iterate_shared = iterate;
	fop->open = dir_open;
	fop->release = dir_release;
}

/* Directory @inode is known to be exclusive: from now on it is opened this way. */
void fuse_iomap_init_dir(struct inode *inode)
{
	if (S_ISDIR(inode->i_mode) && get_fuse_conn(inode)->iomap.lists_unopened)
		WRITE_ONCE(inode->i_fop, &fuse_iomap_dir_operations);
}
