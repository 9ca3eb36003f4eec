// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The iomap files that the kernel knows: node id and st_ino of each, and how often it was
 * told of it.
 *
 * Two questions are answered from here: when has the kernel let go of a file (forget()), and
 * which node is it that a server means by its number (notifications).  Counting is the
 * kernel's and libfuse's: each entry in an answer counts one, FORGET takes some away.  An
 * entry is counted before the answer is written, because the FORGET may come before writev()
 * has returned.
 *
 * A file has one node, but for a moment: the kernel may forget a node and look its file up
 * again, and the two requests run side by side.  So several nodes may have one number.
 *
 * A node whose count has come to nothing goes to the list of the dead, from where it is taken
 * when the thread can call the server.
 */
#include "path.h"

#define MIN_BUCKETS	64U

struct iomap_node {
	uint64_t nodeid;
	uint64_t ino;
	uint64_t nlookup;
	struct iomap_node *next_by_id;	/* or of the dead */
	struct iomap_node *next_by_ino;
};

static size_t bucket(const struct iomap_nodes *nodes, uint64_t key)
{
	/* the golden ratio, as numbers tend to come in rows */
	return (key * 0x9e3779b97f4a7c15) >> 32 & (nodes->buckets - 1);
}

int iomap_nodes_init(struct iomap_nodes *nodes)
{
	nodes->by_id = calloc(MIN_BUCKETS, sizeof(*nodes->by_id));
	nodes->by_ino = calloc(MIN_BUCKETS, sizeof(*nodes->by_ino));
	if (!nodes->by_id || !nodes->by_ino) {
		free(nodes->by_id);
		free(nodes->by_ino);
		return -ENOMEM;
	}
	nodes->buckets = MIN_BUCKETS;
	pthread_mutex_init(&nodes->lock, NULL);
	return 0;
}

void iomap_nodes_free(struct iomap_nodes *nodes)
{
	struct iomap_node *node;
	size_t i;

	for (i = 0; i < nodes->buckets; i++) {
		while ((node = nodes->by_id[i])) {
			nodes->by_id[i] = node->next_by_id;
			free(node);
		}
	}
	while ((node = nodes->dead)) {
		nodes->dead = node->next_by_id;
		free(node);
	}
	free(nodes->by_id);
	free(nodes->by_ino);
	pthread_mutex_destroy(&nodes->lock);
}

/* Call these with the lock held. */

static void insert(struct iomap_nodes *nodes, struct iomap_node *node)
{
	struct iomap_node **id = &nodes->by_id[bucket(nodes, node->nodeid)];
	struct iomap_node **ino = &nodes->by_ino[bucket(nodes, node->ino)];

	node->next_by_id = *id;
	*id = node;
	node->next_by_ino = *ino;
	*ino = node;
}

/* Without memory the chains get longer. */
static void grow(struct iomap_nodes *nodes)
{
	size_t old_buckets = nodes->buckets, i;
	struct iomap_node **old = nodes->by_id;
	struct iomap_node **id = calloc(2 * old_buckets, sizeof(*id));
	struct iomap_node **ino = calloc(2 * old_buckets, sizeof(*ino));
	struct iomap_node *node;

	if (!id || !ino) {
		free(id);
		free(ino);
		return;
	}
	free(nodes->by_ino);
	nodes->by_id = id;
	nodes->by_ino = ino;
	nodes->buckets = 2 * old_buckets;
	for (i = 0; i < old_buckets; i++) {
		while ((node = old[i])) {
			old[i] = node->next_by_id;
			insert(nodes, node);
		}
	}
	free(old);
}

static struct iomap_node *find_ino(const struct iomap_nodes *nodes, struct iomap_node *node,
				   uint64_t ino)
{
	while (node && node->ino != ino)
		node = node->next_by_ino;
	return node;
}

/* The kernel is about to be told of @nodeid. */
int iomap_nodes_get(struct iomap_nodes *nodes, uint64_t nodeid, uint64_t ino)
{
	struct iomap_node *node;

	pthread_mutex_lock(&nodes->lock);
	node = nodes->by_id[bucket(nodes, nodeid)];
	while (node && node->nodeid != nodeid)
		node = node->next_by_id;
	if (!node) {
		if (nodes->count >= nodes->buckets)
			grow(nodes);
		node = malloc(sizeof(*node));
		if (node) {
			node->nodeid = nodeid;
			node->ino = ino;
			node->nlookup = 0;
			insert(nodes, node);
			nodes->count++;
		}
	}
	if (node)
		node->nlookup++;
	pthread_mutex_unlock(&nodes->lock);
	return node ? 0 : -ENOMEM;
}

/* The kernel has forgotten @nlookup times what it was told of @nodeid, if that is here. */
void iomap_nodes_put(struct iomap_nodes *nodes, uint64_t nodeid, uint64_t nlookup)
{
	struct iomap_node **id, **ino, *node;

	pthread_mutex_lock(&nodes->lock);
	id = &nodes->by_id[bucket(nodes, nodeid)];
	while (*id && (*id)->nodeid != nodeid)
		id = &(*id)->next_by_id;
	node = *id;
	if (node && node->nlookup > nlookup) {
		node->nlookup -= nlookup;
	} else if (node) {
		*id = node->next_by_id;
		ino = &nodes->by_ino[bucket(nodes, node->ino)];
		while (*ino != node)
			ino = &(*ino)->next_by_ino;
		*ino = node->next_by_ino;
		nodes->count--;
		node->next_by_id = nodes->dead;
		nodes->dead = node;
		atomic_store(&nodes->any_dead, true);
	}
	pthread_mutex_unlock(&nodes->lock);
}

/* Take one of the dead whose file has no other node.  False: there is none. */
bool iomap_nodes_reap(struct iomap_nodes *nodes, uint64_t *ino)
{
	struct iomap_node *node;
	bool last = false;

	/* whoever adds one looks afterwards: nobody else needs to wait for the lock */
	if (!atomic_load(&nodes->any_dead))
		return false;
	pthread_mutex_lock(&nodes->lock);
	while (!last && (node = nodes->dead)) {
		nodes->dead = node->next_by_id;
		*ino = node->ino;
		last = !find_ino(nodes, nodes->by_ino[bucket(nodes, node->ino)], node->ino);
		free(node);
	}
	atomic_store(&nodes->any_dead, nodes->dead);
	pthread_mutex_unlock(&nodes->lock);
	return last;
}

/* The nodes of the file @ino, @max at most.  Returns how many. */
unsigned int iomap_nodes_find(struct iomap_nodes *nodes, uint64_t ino, uint64_t *nodeids,
			      unsigned int max)
{
	struct iomap_node *node;
	unsigned int nr = 0;

	pthread_mutex_lock(&nodes->lock);
	node = find_ino(nodes, nodes->by_ino[bucket(nodes, ino)], ino);
	while (node && nr < max) {
		nodeids[nr++] = node->nodeid;
		node = find_ino(nodes, node->next_by_ino, ino);
	}
	pthread_mutex_unlock(&nodes->lock);
	return nr;
}
