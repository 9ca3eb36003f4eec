# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Multi-mount protection while the kernel moves the data: the block counts on a device
# and in an image behind a loop device, stands still while the file system is frozen, and
# is given back.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

sequence()
{
	local text

	# past the page cache, which nobody keeps up to date
	text=$(dd if="$1" bs=4096 skip="$block" count=1 iflag=direct status=none | od -An -tx4 -j4 -N4)
	echo $((16#${text// /}))
}

counts()
{
	local before

	before=$(sequence "$1")
	sleep 2.5
	[ "$(sequence "$1")" -gt "$before" ] || fail "$1: the block stays at $before"
}

check()
{
	block=$(dumpe2fs -h "$1" 2>/dev/null | sed -n 's/^MMP block number: *//p')
	mount_iomap4fs "$1" "$m"
	sleep 1
	counts "$1"
	echo text >"$m/file"
	fsfreeze -f "$m"
	local before
	before=$(sequence "$1")
	sleep 2.5
	expect_equal "$before" "$(sequence "$1")" "the block while it is frozen"
	fsfreeze -u "$m"
	sleep 1.5
	counts "$1"
	umount_iomap4fs "$m"
	expect_equal $((16#ff4d4d50)) "$(sequence "$1")" "the block of $1 after umount"
	check_clean "$1"
}

make_ext4 "$JOB_DISK1" -O mmp -E mmp_update_interval=1
check "$JOB_DISK1"
truncate -s 256M "$TEST_TMP/image"
make_ext4 "$TEST_TMP/image" -O mmp -E mmp_update_interval=1
check "$TEST_TMP/image"

SECONDS=0
mount_ext4 "$JOB_DISK1" "$m"
[ $SECONDS -lt 10 ] || fail "kernel ext4 had to wait"
expect_equal text "$(cat "$m/file")" "the file"
umount "$m"
