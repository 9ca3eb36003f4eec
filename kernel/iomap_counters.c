// SPDX-License-Identifier: GPL-2.0
/*
 * Counters, for people and tests, in files of a connection in the control file
 * system:
 *
 *	requests	a line "OPCODE COUNT" for each opcode that was sent at least once
 *	mappings	what the kernel keeps: "mappings COUNT", "bytes COUNT" of their
 *			memory, "evicted COUNT", the bytes taken under memory pressure
 */
#include "iomap_i.h"

#include <linux/seq_file.h>

static int opcode_slot(u32 opcode)
{
	if (opcode < FUSE_IOMAP_NR_STOCK_OPCODES)
		return opcode;
	if (opcode >= FUSE_FREEZE_FS && opcode <= FUSE_IOMAP_END)
		return FUSE_IOMAP_NR_STOCK_OPCODES + opcode - FUSE_FREEZE_FS;
	if (opcode == FUSE_IOMAP_FORGET)
		return FUSE_IOMAP_NR_OPCODES - 1;
	return -1;
}

static u32 slot_opcode(int slot)
{
	if (slot < FUSE_IOMAP_NR_STOCK_OPCODES)
		return slot;
	if (slot == FUSE_IOMAP_NR_OPCODES - 1)
		return FUSE_IOMAP_FORGET;
	return FUSE_FREEZE_FS + slot - FUSE_IOMAP_NR_STOCK_OPCODES;
}

/* A request is about to be sent. */
void fuse_iomap_count_request(struct fuse_conn *fc, u32 opcode)
{
	int slot = opcode_slot(opcode);

	if (slot >= 0)
		atomic_long_inc(&fc->iomap.requests[slot]);
}

static struct fuse_conn *get_conn(const struct file *file)
{
	struct fuse_conn *fc;

	/* i_private goes NULL with the connection */
	mutex_lock(&fuse_mutex);
	fc = file_inode(file)->i_private;
	if (fc)
		fc = fuse_conn_get(fc);
	mutex_unlock(&fuse_mutex);
	return fc;
}

static int requests_show(struct seq_file *m, void *unused)
{
	struct fuse_conn *fc = get_conn(m->file);
	int slot;

	if (!fc)
		return -ENOTCONN;
	for (slot = 0; slot < FUSE_IOMAP_NR_OPCODES; slot++) {
		long count = atomic_long_read(&fc->iomap.requests[slot]);

		if (count)
			seq_printf(m, "%u %ld\n", slot_opcode(slot), count);
	}
	fuse_conn_put(fc);
	return 0;
}

static int mappings_show(struct seq_file *m, void *unused)
{
	struct fuse_conn *fc = get_conn(m->file);

	if (!fc)
		return -ENOTCONN;
	seq_printf(m, "mappings %ld\nbytes %ld\nevicted %ld\n",
		   atomic_long_read(&fc->iomap.cache_mappings),
		   atomic_long_read(&fc->iomap.cache_bytes),
		   atomic_long_read(&fc->iomap.cache_evicted));
	fuse_conn_put(fc);
	return 0;
}

static int requests_open(struct inode *inode, struct file *file)
{
	return single_open(file, requests_show, NULL);
}

const struct file_operations fuse_iomap_ctl_requests_ops = {
	.owner		= THIS_MODULE,
	.open		= requests_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int mappings_open(struct inode *inode, struct file *file)
{
	return single_open(file, mappings_show, NULL);
}

const struct file_operations fuse_iomap_ctl_mappings_ops = {
	.owner = THIS_MODULE,
	.open = mappings_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
