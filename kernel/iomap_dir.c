// SPDX-License-Identifier: GPL-2.0
/*
 * Directories that are listed without being opened (FUSE_IOMAP_CONFIG_DIRS).
 *
 * Most directories are small and read from the beginning to the end: then OPENDIR, the question
 * whether there is more, and RELEASEDIR are three requests of four.  So open(2) asks
 * nothing, and a listing is asked for with file handle 0:
 *
 *	all of it fits into an answer    names and types are kept: no handle is needed
 *	EOVERFLOW                        OPENDIR, and the ordinary requests with its handle; or, if
 *	                                 it is known to be worth it, room for more entries
 *
 * A listing is a snapshot: positions in it mean something only together with it.  That is
 * what a handle is for in the server, and here a listing that is kept, which each open file
 * that reads it holds: whoever reads on, however slowly, or goes back to where he was, reads
 * the same one.  Beginning anew takes the newest one.  That stays with the inode, for others
 * to read without a question, until a name comes or goes.  The page cache, in which the client
 * keeps entries of all listings under their positions, is not used.
 *
 * With a handle, too, nobody asks whether there is more behind an answer that had room left.
 *
 * Only for directories that nobody else changes and whose permissions are the kernel's business.
 */
#include "iomap_i.h"

#include <linux/iversion.h>
#include <linux/mutex.h>
#include <linux/refcount.h>

/*
 * Room for answers without a handle, bytes: most directories need no more than the first.  The
 * second brings some hundred inodes into memory.
 */
static const unsigned int answer_sizes[] = { PAGE_SIZE, SZ_32K };
#define NEEDS_HANDLE	ARRAY_SIZE(answer_sizes)

/* A whole listing; never changes. */
struct fuse_iomap_listing {
	refcount_t users;
	u64 version;			/* of the directory: i_version when it was asked for */
	unsigned int size;		/* bytes of entries */
	char entries[] __aligned(8);	/* struct fuse_dirent, as in the answer to READDIR */
};

/* An open directory; fuse_file.iomap_dir */
struct fuse_iomap_dir {
	struct mutex lock;		/* readers of one open file, and what follows */
	bool has_handle;		/* OPENDIR has been answered: ask with fuse_file.fh */
	u8 too_small;			/* so many of answer_sizes */
	struct fuse_iomap_listing *all;	/* what is read, or NULL */
	loff_t pos;			/* the reader has come to there in it, */
	unsigned int at;		/* which is at this entry */
	loff_t end;			/* with a handle: no entry is behind this position; or 0 */
};

static struct file_operations fuse_iomap_dir_operations __ro_after_init;

static void put_listing(struct fuse_iomap_listing *l)
{
	if (l && refcount_dec_and_test(&l->users))
		kvfree(l);
}

/* Nobody is to begin to read the listing that is kept of @inode. */
void fuse_iomap_forget_listing(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_iomap_listing *old;

	spin_lock(&fi->lock);
	old = fi->iomap.listing;
	fi->iomap.listing = NULL;
	spin_unlock(&fi->lock);
	put_listing(old);
}

/*
 * The listing of @inode that was made since the last name has come or gone, with a reference;
 * or NULL.  Caller holds i_rwsem.
 */
static struct fuse_iomap_listing *get_kept(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_iomap_listing *l;

	spin_lock(&fi->lock);
	l = fi->iomap.listing;
	if (l && l->version == inode_peek_iversion(inode))
		refcount_inc(&l->users);
	else
		l = NULL;
	spin_unlock(&fi->lock);
	return l;
}

static void keep(struct inode *inode, struct fuse_iomap_listing *l)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_iomap_listing *old;

	refcount_inc(&l->users);
	spin_lock(&fi->lock);
	old = fi->iomap.listing;
	fi->iomap.listing = l;
	spin_unlock(&fi->lock);
	put_listing(old);
}

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

/* Had an answer of @size bytes, of at most @max, room for one more entry, whatever its name? */
static bool is_last(unsigned int size, unsigned int max, bool plus)
{
	unsigned int head = plus ? offsetof(struct fuse_direntplus, dirent) : 0;

	return size + FUSE_DIRENT_ALIGN(head + FUSE_NAME_OFFSET + FUSE_NAME_MAX) <= max;
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
 * Ask for the entries behind @pos, at most @max bytes; link their inodes if @plus.  Upcall, under
 * i_rwsem shared.  Returns the bytes of the answer or a negative errno.
 */
static ssize_t ask(struct file *file, loff_t pos, bool plus, char *answer, unsigned int max)
{
	struct inode *inode = file_inode(file);
	struct fuse_mount *fm = get_fuse_mount(inode);
	u64 attr_version = fuse_get_attr_version(fm->fc);
	u64 evict_ctr = fuse_get_evict_ctr(fm->fc);
	struct fuse_io_args ia = {};
	bool locked;
	ssize_t size;
	int err;

	fuse_read_args_fill(&ia, file, pos, max, plus ? FUSE_READDIRPLUS : FUSE_READDIR);
	ia.ap.args.out_args[0].value = answer;
	locked = fuse_lock_inode(inode);
	size = fuse_simple_request(fm, &ia.ap.args);
	fuse_unlock_inode(inode, locked);
	fuse_invalidate_atime(inode);
	if (size > 0 && plus) {
		err = link_entries(file, answer, size, attr_version, evict_ctr);
		if (err)
			return err;
	}
	return size;
}

/*
 * Give the caller entries of an answer from *@at on, as many as he takes; @at and ctx->pos
 * follow.  Returns 1 if he has taken all of them, 0 if not, or a negative errno.
 */
static int emit(struct dir_context *ctx, char *answer, unsigned int size, bool plus,
		unsigned int *at)
{
	struct fuse_dirent *entry;
	unsigned int next = *at;

	while ((entry = next_entry(answer, size, plus, &next))) {
		if (IS_ERR(entry))
			return PTR_ERR(entry);
		if (!dir_emit(ctx, entry->name, entry->namelen, entry->ino, entry->type))
			return 0;
		ctx->pos = entry->off;
		*at = next;
	}
	return 1;
}

/* Names, types and positions of an answer, with one reference; or an ERR_PTR(). */
static struct fuse_iomap_listing *make_listing(char *answer, unsigned int size, bool plus,
					       u64 version)
{
	struct fuse_iomap_listing *l;
	struct fuse_dirent *entry;
	unsigned int at = 0, used = 0;

	while ((entry = next_entry(answer, size, plus, &at))) {
		if (IS_ERR(entry))
			return ERR_CAST(entry);
		/* where it begins; who has come there would begin anew for ever */
		if ((s64)entry->off <= 0)
			return ERR_PTR(-EIO);
		used += FUSE_DIRENT_SIZE(entry);
	}
	l = kvmalloc(struct_size(l, entries, used), GFP_KERNEL_ACCOUNT);
	if (!l)
		return ERR_PTR(-ENOMEM);
	refcount_set(&l->users, 1);
	l->version = version;
	l->size = used;
	at = used = 0;
	while ((entry = next_entry(answer, size, plus, &at))) {
		memcpy(l->entries + used, entry, FUSE_NAME_OFFSET + entry->namelen);
		used += FUSE_DIRENT_SIZE(entry);
	}
	return l;
}

/* List all of it without a handle, with room for @max bytes.  -EOVERFLOW: that is not enough. */
static struct fuse_iomap_listing *list_in(struct file *file, struct dir_context *ctx,
					  unsigned int max)
{
	struct inode *inode = file_inode(file);
	u64 version = inode_query_iversion(inode);
	bool plus = fuse_use_readdirplus(inode, ctx);
	char *answer = kvmalloc(max, GFP_KERNEL);
	struct fuse_iomap_listing *l;
	ssize_t size;

	if (!answer)
		return ERR_PTR(-ENOMEM);
	size = ask(file, 0, plus, answer, max);
	l = size < 0 ? ERR_PTR(size) : make_listing(answer, size, plus, version);
	kvfree(answer);
	return l;
}

/* The same, with as much room as it takes, and is worth it. */
static struct fuse_iomap_listing *list_all(struct file *file, struct dir_context *ctx,
					   struct fuse_iomap_dir *dir)
{
	struct inode *inode = file_inode(file);
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_iomap_listing *l = ERR_PTR(-EOVERFLOW);
	unsigned int i;

	for (i = READ_ONCE(fi->iomap.listing_size); i < NEEDS_HANDLE; i++) {
		/* has anybody used the inodes of an earlier listing? */
		if (i && !test_bit(FUSE_I_ADVISE_RDPLUS, &fi->state))
			break;
		l = list_in(file, ctx, answer_sizes[i]);
		if (l != ERR_PTR(-EOVERFLOW))
			break;
	}
	dir->too_small = i;
	if (!IS_ERR(l)) {
		WRITE_ONCE(fi->iomap.listing_size, i);
		keep(inode, l);
	}
	return l;
}

/* Where in the listing are the entries behind @pos?  -1: it has no such position. */
static int find_pos(struct fuse_iomap_dir *dir, loff_t pos)
{
	struct fuse_dirent *entry;
	unsigned int at = 0;

	/* the server may have several entries at one position: who reads on gets on */
	if (pos == dir->pos)
		return dir->at;
	while ((entry = next_entry(dir->all->entries, dir->all->size, false, &at)))
		if (entry->off == pos)
			return at;
	return -1;
}

/* Go on at ctx->pos in the listing, at the entry @at. */
static int read_listing(struct dir_context *ctx, struct fuse_iomap_dir *dir, unsigned int at)
{
	int ret = emit(ctx, dir->all->entries, dir->all->size, false, &at);

	dir->pos = ctx->pos;
	dir->at = at;
	return min(ret, 0);
}

/* The next part of a listing that the server keeps. */
static int read_part(struct file *file, struct dir_context *ctx, struct fuse_iomap_dir *dir)
{
	unsigned int at = 0;
	ssize_t size;
	char *answer;
	bool plus;
	int ret;

	if (dir->end && ctx->pos == dir->end)
		return 0;
	answer = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!answer)
		return -ENOMEM;
	plus = fuse_use_readdirplus(file_inode(file), ctx);
	size = ask(file, ctx->pos, plus, answer, PAGE_SIZE);
	ret = size < 0 ? size : emit(ctx, answer, size, plus, &at);
	if (ret > 0 && is_last(size, PAGE_SIZE, plus))
		dir->end = ctx->pos;
	kfree(answer);
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
	/* only now: who asks from a user namespace that is not the server's gets EOVERFLOW, too */
	if (dir->too_small)
		WRITE_ONCE(FUSE_IOMAP_I(inode)->listing_size, dir->too_small);
	return 0;
}

/* A listing to read from the beginning.  1: it takes a handle. */
static int begin(struct file *file, struct dir_context *ctx, struct fuse_iomap_dir *dir)
{
	struct fuse_iomap_listing *l;

	put_listing(dir->all);
	dir->all = NULL;
	dir->end = 0;
	if (dir->has_handle)
		return 1;
	l = get_kept(file_inode(file));
	if (!l)
		l = list_all(file, ctx, dir);
	if (l == ERR_PTR(-EOVERFLOW))
		return 1;
	if (IS_ERR(l))
		return PTR_ERR(l);
	dir->all = l;
	dir->pos = 0;
	dir->at = 0;
	return 0;
}

static int read_locked(struct file *file, struct dir_context *ctx, struct fuse_iomap_dir *dir)
{
	int ret, at;

	if (!ctx->pos) {
		ret = begin(file, ctx, dir);
		if (ret < 0)
			return ret;
	}
	if (dir->all) {
		at = find_pos(dir, ctx->pos);
		if (at >= 0)
			return read_listing(ctx, dir, at);
	}
	if (!dir->has_handle) {
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
	file->private_data = ff;
	return 0;
}

static int dir_release(struct inode *inode, struct file *file)
{
	struct fuse_file *ff = file->private_data;

	put_listing(ff->iomap_dir->all);
	mutex_destroy(&ff->iomap_dir->lock);
	kfree(ff->iomap_dir);
	fuse_iomap_wait_for_end(inode);
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
