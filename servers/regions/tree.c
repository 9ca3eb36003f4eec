// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree of iomap_regions; see tree.h.  There are as many nodes as somebody has typed, so
 * they are searched one by one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tree.h"

static struct node *new_node(struct tree *tree, mode_t mode)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->st.st_ino = ++tree->last_ino;
	node->st.st_mode = mode;
	node->st.st_nlink = S_ISDIR(mode) ? 2 : 1;
	node->st.st_uid = getuid();
	node->st.st_gid = getgid();
	clock_gettime(CLOCK_REALTIME, &node->st.st_mtim);
	node->st.st_atim = node->st.st_ctim = node->st.st_mtim;
	node->next = tree->nodes;
	tree->nodes = node;
	return node;
}

static void free_node(struct tree *tree, struct node *node)
{
	struct node **p = &tree->nodes;

	while (*p != node)
		p = &(*p)->next;
	*p = node->next;
	free(node->name);
	free(node);
}

int tree_init(struct tree *tree)
{
	memset(tree, 0, sizeof(*tree));
	tree->root = new_node(tree, S_IFDIR | 0755);
	return tree->root ? 0 : -ENOMEM;
}

void tree_free(struct tree *tree)
{
	while (tree->nodes)
		free_node(tree, tree->nodes);
}

struct node *tree_next(struct tree *tree, const struct node *dir, const struct node *node)
{
	struct node *n = node ? node->next : tree->nodes;

	while (n && n->parent != dir)
		n = n->next;
	return n;
}

static struct node *find_child(struct tree *tree, const struct node *dir, const char *name,
			       size_t len)
{
	struct node *n = NULL;

	while ((n = tree_next(tree, dir, n)))
		if (!strncmp(n->name, name, len) && !n->name[len])
			return n;
	return NULL;
}

/* The directory of @path's last name, which *@namep becomes.  NULL: there is none. */
static struct node *find_parent(struct tree *tree, const char *path, const char **namep)
{
	struct node *dir = tree->root;
	const char *end;

	while (dir && S_ISDIR(dir->st.st_mode)) {
		path += strspn(path, "/");
		end = path + strcspn(path, "/");
		if (!end[strspn(end, "/")]) {
			*namep = path;
			return dir;
		}
		dir = find_child(tree, dir, path, end - path);
		path = end;
	}
	return NULL;
}

struct node *tree_find(struct tree *tree, const char *path)
{
	const char *name;
	const struct node *dir = find_parent(tree, path, &name);

	if (!dir)
		return NULL;
	return *name ? find_child(tree, dir, name, strcspn(name, "/")) : tree->root;
}

struct node *tree_find_ino(struct tree *tree, uint64_t ino)
{
	struct node *n = tree->nodes;

	while (n && n->st.st_ino != ino)
		n = n->next;
	return n;
}

static void touch(struct node *dir)
{
	clock_gettime(CLOCK_REALTIME, &dir->st.st_mtim);
	dir->st.st_ctim = dir->st.st_mtim;
}

int tree_add(struct tree *tree, const char *path, mode_t mode, struct node **nodep)
{
	const char *name;
	struct node *dir = find_parent(tree, path, &name);
	struct node *node;

	if (!dir)
		return -ENOENT;
	if (!*name || find_child(tree, dir, name, strcspn(name, "/")))
		return -EEXIST;
	node = new_node(tree, mode);
	if (!node)
		return -ENOMEM;
	node->name = strndup(name, strcspn(name, "/"));
	if (!node->name) {
		free_node(tree, node);
		return -ENOMEM;
	}
	node->parent = dir;
	if (S_ISDIR(mode))
		dir->st.st_nlink++;
	touch(dir);
	*nodep = node;
	return 0;
}

static int remove_node(struct tree *tree, struct node *node, bool dir)
{
	if (dir != S_ISDIR(node->st.st_mode))
		return dir ? -ENOTDIR : -EISDIR;
	if (dir && tree_next(tree, node, NULL))
		return -ENOTEMPTY;
	touch(node->parent);
	if (dir) {
		node->parent->st.st_nlink--;
		free_node(tree, node);
		return 0;
	}
	/* the kernel may still write to it */
	node->parent = NULL;
	node->st.st_nlink = 0;
	return 0;
}

int tree_remove(struct tree *tree, const char *path, bool dir)
{
	struct node *node = tree_find(tree, path);

	if (!node)
		return -ENOENT;
	return node == tree->root ? -EBUSY : remove_node(tree, node, dir);
}

int tree_rename(struct tree *tree, const char *from, const char *to, bool replace)
{
	const char *name;
	struct node *node = tree_find(tree, from), *dir = find_parent(tree, to, &name);
	struct node *old;
	char *copy;
	int res;

	if (!node || !dir)
		return -ENOENT;
	if (node == tree->root || !*name)
		return -EBUSY;
	old = find_child(tree, dir, name, strcspn(name, "/"));
	if (old == node)
		return 0;
	if (old && !replace)
		return -EEXIST;
	copy = strndup(name, strcspn(name, "/"));
	if (!copy)
		return -ENOMEM;
	res = old ? remove_node(tree, old, S_ISDIR(node->st.st_mode)) : 0;
	if (res < 0) {
		free(copy);
		return res;
	}
	if (S_ISDIR(node->st.st_mode)) {
		node->parent->st.st_nlink--;
		dir->st.st_nlink++;
	}
	touch(node->parent);
	touch(dir);
	free(node->name);
	node->name = copy;
	node->parent = dir;
	return 0;
}

void tree_forget(struct tree *tree, uint64_t ino)
{
	struct node *node = tree_find_ino(tree, ino);

	if (node && !node->parent && node != tree->root)
		free_node(tree, node);
}
