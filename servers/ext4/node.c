// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of nodes: see node.h.  A hash table that grows with its contents.
 *
 * Who shares the lock adds nodes in front of the chains, where others of his kind may be
 * walking or adding, too.  Nodes leave, and the table grows, only with the lock alone.
 */
#include "node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inode.h"
#include "log.h"
#include "map.h"

struct node_table {
	size_t nr, nr_buckets;		/* power of two */
	struct node **buckets;
};

int nodes_init(struct server *s)
{
	struct node_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->nr_buckets = 1024;
	t->buckets = calloc(t->nr_buckets, sizeof(*t->buckets));
	if (!t->buckets) {
		free(t);
		return -ENOMEM;
	}
	s->nodes = t;
	/* the root is there all the time */
	if (!node_get(s, EXT2_ROOT_INO)) {
		nodes_destroy(s);
		return -ENOMEM;
	}
	return 0;
}

void nodes_destroy(struct server *s)
{
	struct node_table *t = s->nodes;
	struct node *n, *next;

	if (!t)
		return;
	for (size_t i = 0; i < t->nr_buckets; i++) {
		for (n = t->buckets[i]; n; n = next) {
			next = n->hash_next;
			delayed_cut(s, n, 0, UINT64_MAX);
			free(n);
		}
	}
	free(t->buckets);
	free(t);
	s->nodes = NULL;
}

static struct node **bucket_of(struct node_table *t, ext2_ino_t ino)
{
	return &t->buckets[(ino * 0x9e3779b1U) & (t->nr_buckets - 1)];
}

/* Not growing is only slower. */
static void grow(struct node_table *t)
{
	struct node_table bigger = { .nr_buckets = t->nr_buckets * 4 };
	struct node *n, *next;

	bigger.buckets = calloc(bigger.nr_buckets, sizeof(*bigger.buckets));
	if (!bigger.buckets)
		return;
	for (size_t i = 0; i < t->nr_buckets; i++) {
		for (n = t->buckets[i]; n; n = next) {
			struct node **b = bucket_of(&bigger, n->ino);

			next = n->hash_next;
			n->hash_next = *b;
			*b = n;
		}
	}
	free(t->buckets);
	t->buckets = bigger.buckets;
	t->nr_buckets = bigger.nr_buckets;
}

static struct node *find_in(struct node *n, ext2_ino_t ino)
{
	while (n && n->ino != ino)
		n = n->hash_next;
	return n;
}

struct node *node_find(struct server *s, ext2_ino_t ino)
{
	return find_in(__atomic_load_n(bucket_of(s->nodes, ino), __ATOMIC_ACQUIRE), ino);
}

/* Add it in front, unless somebody else has done so: then that one is returned. */
static struct node *add(struct node_table *t, struct node *n)
{
	struct node **b = bucket_of(t, n->ino);
	struct node *other;

	n->hash_next = __atomic_load_n(b, __ATOMIC_ACQUIRE);
	do {
		other = find_in(n->hash_next, n->ino);
		if (other)
			return other;
	} while (!__atomic_compare_exchange_n(b, &n->hash_next, n, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	__atomic_add_fetch(&t->nr, 1, __ATOMIC_RELAXED);
	return n;
}

struct node *node_get(struct server *s, ext2_ino_t ino)
{
	struct node_table *t = s->nodes;
	struct node *n = node_find(s, ino), *there;

	if (n)
		return n;
	if (__atomic_load_n(&t->nr, __ATOMIC_RELAXED) >= t->nr_buckets * 2) {
		if (server_gives_up(s))
			return NULL;
		grow(t);
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->ino = ino;
	there = add(t, n);
	if (there != n)
		free(n);
	return there;
}

static void node_drop(struct server *s, struct node *n)
{
	struct node **link = bucket_of(s->nodes, n->ino);

	while (*link != n)
		link = &(*link)->hash_next;
	*link = n->hash_next;
	s->nodes->nr--;
	window_end(s, n->ino);
	free(n);
}

static int cut_at_size(struct server *s, struct inode *in)
{
	uint64_t bs = s->fs->blocksize;

	return map_truncate(s, in, (inode_size(in) + bs - 1) / bs);
}

/*
 * The work that the orphan list says is left.  Blocks go while the inode is on it, maybe in
 * more than one transaction; the inode itself goes in that which takes it off.
 */
static void settle_orphan(struct server *s, struct node *n)
{
	struct inode in;
	int err = inode_load(s, n->ino, &in), cut_err = 0;

	if (!err && !in.raw.i_links_count)
		cut_err = inode_free_blocks(s, &in);
	else if (!err && n->beyond)
		/* it got blocks that were never written */
		cut_err = cut_at_size(s, &in);
	/*
	 * A freeze, an end of writing or somebody who uses the file again came between two parts: it
	 * stays on the list.
	 */
	if (s->frozen || s->readonly || cut_err == -EBUSY)
		return;
	n->beyond = 0;
	if (!err)
		err = orphan_remove(s, n);
	if (!err)
		err = inode_load(s, n->ino, &in);
	if (!err && !in.raw.i_links_count)
		err = inode_free(s, &in);
	if (!err)
		err = cut_err;
	if (err)
		log_damage(LOG_ERR, n->ino, 0, "can't be deleted: %s", strerror(-err));
}

/* Free the node if it has no users, and its inode if that has no name. */
static void node_put(struct server *s, struct node *n)
{
	if (n->nlookup || n->opens || n->leaving)
		return;
	/* there are no dirty pages any more */
	delayed_cut(s, n, 0, UINT64_MAX);
	/* the inode's space can't be freed now; the thaw comes back to it */
	if (n->orphan && s->frozen)
		return;
	if (n->orphan && !s->readonly) {
		commit_if_large_locked(s);
		n->leaving = true;
		s->nr_leaving++;
		settle_orphan(s, n);
		n->leaving = false;
		if (!--s->nr_leaving)
			pthread_cond_broadcast(&s->left);
		/* somebody may have come who found the name */
		if (n->nlookup || n->opens)
			return;
	}
	if (!n->orphan && n->ino != EXT2_ROOT_INO)
		node_drop(s, n);
}

/*
 * The kernel sends FORGET after it has told its caller that the file is gone; the caller may look
 * at once how much space is free.  So the blocks go before UNLINK or RENAME is answered.
 *
 * The kernel still knows the inode then.  It may ask for attributes, which are true: the inode
 * stays on the orphan list, without a link, as large as it was.  Its number isn't used again.
 *
 * An OPEN can be on its way: its task found the name before it went.  It gets ESTALE, and the
 * kernel looks for the name again, but only once.  So what the second OPEN finds must not be
 * emptied in turn, as happens to a file that is replaced all the time: after an ESTALE no file is
 * emptied for a while.  The second LOOKUP comes after the ESTALE, so it finds a file that has
 * a name after the ESTALE.
 *
 * A file that is opened by a descriptor of O_PATH gets ESTALE, too; that can't be told from the
 * first case.  RELEASE of a deleted file does nothing of this: a file that never had a name can
 * be given one as long as the kernel knows it.
 */
#define RETRY_SECONDS	10

static uint64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Has somebody got ESTALE, so that another OPEN may be on its way? */
static bool somebody_tries_again(struct server *s)
{
	uint64_t refused = __atomic_load_n(&s->refused_at, __ATOMIC_RELAXED);

	return refused && seconds_now() - refused <= RETRY_SECONDS;
}

void node_empty(struct server *s, ext2_ino_t ino)
{
	struct node *n = ino ? node_find(s, ino) : NULL;
	struct inode in;

	if (!n || !n->orphan || !n->nlookup || n->opens || n->leaving || s->frozen || s->readonly ||
	    somebody_tries_again(s))
		return;
	if (inode_load(s, ino, &in) || in.raw.i_links_count || !inode_is_reg(&in))
		return;
	n->emptied = n->leaving = true;
	s->nr_leaving++;
	commit_if_large_locked(s);
	/* what fails is tried again, and told of, when the inode goes */
	if (!inode_load(s, ino, &in))
		inode_free_blocks(s, &in);
	n->leaving = false;
	if (!--s->nr_leaving)
		pthread_cond_broadcast(&s->left);
	/* the kernel may have forgotten it meanwhile */
	node_put(s, n);
}

int node_refuse_emptied(struct server *s, ext2_ino_t ino)
{
	struct node *n = node_find(s, ino);

	if (!n || !n->emptied)
		return 0;
	/* the lock may be shared; before it is taken alone this is there */
	__atomic_store_n(&s->refused_at, seconds_now(), __ATOMIC_RELAXED);
	return -ESTALE;
}

int node_ref(struct server *s, ext2_ino_t ino)
{
	struct node *n = node_get(s, ino);

	if (!n)
		return -ENOMEM;
	__atomic_add_fetch(&n->nlookup, 1, __ATOMIC_RELAXED);
	return 0;
}

void node_forget(struct server *s, ext2_ino_t ino, uint64_t nr)
{
	struct node *n;

	/* DESTROY may have overtaken it: the library counts a request only once it has been read */
	if (!s->nodes)
		return;
	commit_if_large(s);
	n = node_find(s, ino);
	if (!n)
		return;
	n->nlookup -= nr < n->nlookup ? nr : n->nlookup;
	node_put(s, n);
}

int node_open(struct server *s, ext2_ino_t ino)
{
	struct node *n = node_get(s, ino);

	if (!n)
		return -ENOMEM;
	__atomic_add_fetch(&n->opens, 1, __ATOMIC_RELAXED);
	return 0;
}

/* False: it is the last user, or there is none. */
static bool release_shared(struct node *n)
{
	uint64_t opens = __atomic_load_n(&n->opens, __ATOMIC_RELAXED);

	/* references don't become fewer beside others */
	if (!__atomic_load_n(&n->nlookup, __ATOMIC_RELAXED) && n->ino != EXT2_ROOT_INO)
		return false;
	while (opens)
		if (__atomic_compare_exchange_n(&n->opens, &opens, opens - 1, true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

void node_release(struct server *s, ext2_ino_t ino)
{
	struct node *n;

	if (cache_is_shared(s->cache)) {
		n = node_find(s, ino);
		if (!n || !release_shared(n))
			server_gives_up(s);
		return;
	}
	commit_if_large(s);
	n = node_find(s, ino);
	if (!n)
		return;
	if (n->opens)
		n->opens--;
	node_put(s, n);
}

void node_dir_changed(struct server *s, ext2_ino_t ino)
{
	struct node *n = node_find(s, ino);

	if (n)
		n->dir_version++;
}

void nodes_forget_mappings(struct server *s)
{
	static const struct fuse_range all = { .length = FUSE_IOMAP_INVAL_TO_EOF };
	struct node_table *t = s->nodes;

	if (!s->session || !fuse_iomap_session_negotiated(s->session))
		return;
	for (size_t i = 0; i < t->nr_buckets; i++)
		/* directories and what is just being dropped are refused: no matter */
		for (struct node *n = t->buckets[i]; n; n = n->hash_next)
			if (n->nlookup)
				fuse_iomap_inval_mappings(s->session, node_of_ino(n->ino),
							  n->ino, &all, &all);
}

/* @drop: also nodes that have users. */
static void put_all(struct server *s, bool drop)
{
	struct node_table *t = s->nodes;

	/* a thread that deletes an inode has let others have the lock: it still needs its node */
	do {
		while (s->nr_leaving)
			server_wait(s, &s->left);
		/* that lets others have the lock, too */
		commit_wait_idle(s);
	} while (s->nr_leaving);
	/* the table stays as it is: nobody gets the lock now until all is done */
	s->keeps_lock = true;
	for (size_t i = 0; i < t->nr_buckets; i++) {
		struct node *n, *next;

		for (n = t->buckets[i]; n; n = next) {
			next = n->hash_next;
			if (drop)
				n->nlookup = n->opens = 0;
			node_put(s, n);
		}
	}
	s->keeps_lock = false;
}

void nodes_put_unused(struct server *s)
{
	put_all(s, false);
}

void nodes_drain(struct server *s)
{
	put_all(s, true);
}
