// SPDX-License-Identifier: GPL-2.0
/*
 * Who may have iomap.
 *
 * A server that stalls can stall writeback of the whole machine, so a mount gets
 * iomap only if
 *
 *  - the module parameter enable_iomap is on, and
 *  - the mounting process has CAP_SYS_RAWIO in the initial user namespace (it
 *    could hang the machine anyway), or somebody who has it approved the device
 *    descriptor of the mount before (FUSE_DEV_IOC_ADD_IOMAP).
 *
 * An approval belongs to the open file description.  It is kept in a list beside
 * it, because file->private_data of an unmounted device must stay NULL, and ends
 * with the file.
 */
#include "iomap_i.h"

#include <linux/capability.h>
#include <linux/module.h>

static bool enable_iomap = true;
module_param(enable_iomap, bool, 0644);
MODULE_PARM_DESC(enable_iomap,
		 "Let new mounts use iomap, if their mounter has CAP_SYS_RAWIO or was approved");

struct fuse_iomap_approval {
	struct list_head entry;
	const struct file *file;	/* compared, never followed */
};

static LIST_HEAD(approvals);
static DEFINE_SPINLOCK(approvals_lock);

static bool is_approved(const struct file *file)
{
	struct fuse_iomap_approval *a;
	bool found = false;

	spin_lock(&approvals_lock);
	list_for_each_entry(a, &approvals, entry) {
		if (a->file == file) {
			found = true;
			break;
		}
	}
	spin_unlock(&approvals_lock);
	return found;
}

/*
 * May a mount made now through @dev_file (may be NULL) by the calling process
 * use iomap?  @audit: a refusal is worth a line in the audit log.
 */
bool fuse_iomap_allowed(struct file *dev_file, bool audit)
{
	if (!READ_ONCE(enable_iomap))
		return false;
	if (dev_file && is_approved(dev_file))
		return true;
	return audit ? capable(CAP_SYS_RAWIO) :
		       ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO);
}

/*
 * Approve @dev_file, a device that is not mounted yet.  Returns 0, -EPERM when
 * the caller lacks the right to give, -EINVAL when it is mounted, -ENOMEM.
 */
int fuse_iomap_approve(struct file *dev_file)
{
	struct fuse_iomap_approval *a;

	if (!READ_ONCE(enable_iomap) || !capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (READ_ONCE(dev_file->private_data))
		return -EINVAL;
	if (is_approved(dev_file))
		return 0;

	a = kmalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	a->file = dev_file;
	/* Two racing approvals of one file leave two entries: harmless. */
	spin_lock(&approvals_lock);
	list_add(&a->entry, &approvals);
	spin_unlock(&approvals_lock);
	return 0;
}

/* The last reference to @file goes: forget its approval before its address is reused. */
void fuse_iomap_dev_release(struct file *file)
{
	struct fuse_iomap_approval *a, *next;

	if (list_empty_careful(&approvals))
		return;
	spin_lock(&approvals_lock);
	list_for_each_entry_safe(a, next, &approvals, entry) {
		if (a->file == file) {
			list_del(&a->entry);
			kfree(a);
		}
	}
	spin_unlock(&approvals_lock);
}
