# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What can be read but not written is mounted read-only with a warning, also through the
# module and mount(8): a feature, a write-protected device, an image on what is mounted
# read-only. The mount table says so, and the device keeps its bytes.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

# only_read SOURCE WARNING
only_read()
{
	local before

	before=$(small_checksum "$1")
	# as in fstab, where it is no more than what is the default anyway
	for options in "" rw; do
		mount_iomap4fs "$1" "$m" $options 2>"$TEST_TMP/err"
		grep "$2.*mounted read-only" "$TEST_TMP/err" >/dev/null || fail "$2: $(cat "$TEST_TMP/err")"
		expect_equal ro "$(findmnt -no OPTIONS "$m" | cut -d, -f1)" "$2: mounted"
		expect_equal 65536 "$(head -c 65536 "$m/file" | wc -c)" "$2: bytes read"
		for op in dwrite write append truncate; do
			expect_op EROFS $op "$m/file" 0 4096
		done
		expect_fail touch "$m/new" 2>/dev/null
		expect_fail rm "$m/file" 2>/dev/null
		umount_iomap4fs "$m"
	done
	expect_fail iomap4fs "$1" "$m" -o rw,iomap=require 2>"$TEST_TMP/err"
	grep "$2.*use -o ro" "$TEST_TMP/err" >/dev/null || fail "$2, rw: $(cat "$TEST_TMP/err")"
	expect_equal "$before" "$(small_checksum "$1")" "$2: bytes"
}

disk=$JOB_DISK3
make_small_ext4 "$disk"
mount_ext4 "$disk" "$m"
head -c 64K /usr/bin/perl >"$m/file"
umount "$m"
blockdev --setro "$disk"
at_exit blockdev --setrw "$disk"
only_read "$disk" "$disk is write-protected"
blockdev --setrw "$disk"

mkdir "$TEST_TMP/folder"
truncate -s 64M "$TEST_TMP/folder/image"
mke2fs -q -t ext4 "$TEST_TMP/folder/image"
debugfs -w -R "write /usr/bin/perl file" "$TEST_TMP/folder/image" 2>/dev/null >/dev/null
mount --bind "$TEST_TMP/folder" "$TEST_TMP/folder"
at_exit umount_all "$TEST_TMP/folder"
mount -o remount,bind,ro "$TEST_TMP/folder"
only_read "$TEST_TMP/folder/image" "read-only file system"
mount -o remount,bind,rw "$TEST_TMP/folder"

# shared_blocks
wipefs -qa "$disk"
mke2fs -q -F -t ext4 -O ^metadata_csum -E lazy_itable_init=0,nodiscard "$disk" 64M
debugfs -w -R "write /usr/bin/perl file" "$disk" 2>/dev/null >/dev/null
debugfs -w -R "ssv feature_ro_compat 0x4003" "$disk" >/dev/null 2>&1
only_read "$disk" shared_blocks
