/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iomap_regions: the names, and the region that each file shows.
 *
 * The tree is in memory only.  Nodes of directories hold nothing; those of files say where
 * on the device the file's bytes are, which never changes.  A file that was removed stays
 * here without a name until the kernel has forgotten it.
 *
 * Locking: one for all, taken by the caller of every function here and never held over I/O.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct node {
	struct stat st;
	uint64_t addr;		/* of a file: its first byte on the device */
	struct node *parent;	/* NULL: the root, or a file without a name */
	char *name;
	struct node *next;	/* of all nodes */
};

struct tree {
	struct node *nodes;	/* the root is the last */
	struct node *root;
	ino_t last_ino;
};

/* Functions that return int give 0 or a negative errno. */

int tree_init(struct tree *tree);
void tree_free(struct tree *tree);

struct node *tree_find(struct tree *tree, const char *path);
struct node *tree_find_ino(struct tree *tree, uint64_t ino);
/* The first entry of @dir after @node, or of all if that is NULL. */
struct node *tree_next(struct tree *tree, const struct node *dir, const struct node *node);

/* @mode: with the type.  Its directory must be there. */
int tree_add(struct tree *tree, const char *path, mode_t mode, struct node **nodep);
/* The file loses its name, the directory goes. */
int tree_remove(struct tree *tree, const char *path, bool dir);
int tree_rename(struct tree *tree, const char *from, const char *to, bool replace);
/* The kernel has forgotten this file. */
void tree_forget(struct tree *tree, uint64_t ino);

#endif /* TREE_H */
