/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extent trees that libext2fs walks.
 *
 * libext2fs follows each number of an index block that is inside the device, changes what it
 * finds there if that looks like a node of a tree, and frees it when it is empty.  An image can
 * make a block of an inode table look like that.  So libext2fs only gets nodes whose children are
 * outside of the system zones: the root is checked before a tree is opened, and each index block
 * when libext2fs reads it.  A leaf's extents are checked by those who use them.
 */
#ifndef IOMAP4FS_EXTENT_CHECK_H
#define IOMAP4FS_EXTENT_CHECK_H

struct server;
struct inode;

/* From now on, for as long as s->zones is there, check what libext2fs reads. */
void extent_check_begin(struct server *s);
/*
 * What this thread has libext2fs read between both calls is not checked: values of extended
 * attributes, which are whatever their owner likes.  Maps that are read have been checked before.
 */
void extent_check_pause(void);
void extent_check_resume(void);
/* The root of @in's tree.  0, or -EUCLEAN after fs_error() */
int extent_check_root(struct server *s, const struct inode *in);

#endif
