# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Shutting a file system down by ioctl: nothing reaches the device any more, every
# operation on data fails with EIO, and it can be unmounted. What was written before
# is lost or kept as the caller wanted.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
SHUTDOWN_FS=4091

check_dead()
{
	local op

	for op in read dread mread write dwrite mwrite fsync fallocate; do
		expect_op EIO $op "$m/f" 0 4096
	done
	expect_op EIO truncate "$m/f" 100
	expect_fail touch "$m/new" 2>/dev/null
	expect_equal 1 "$(request_count "$m" $SHUTDOWN_FS)" "shutdown requests"
	expect_op 0 shutdown "$m" 2	# again: nothing happens
}

# round HOW: what the file holds afterwards goes to $TEST_TMP/after
round()
{
	make_small_ext4 "$JOB_DISK1"
	mount_iomap4fs "$JOB_DISK1" "$m"
	echo old >"$m/f"
	sync "$m/f"
	echo new >"$m/f"
	expect_op EINVAL shutdown "$m" 3
	expect_equal EPERM "$(setpriv --bounding-set -sys_admin fileop shutdown "$m" 2)" \
		"a shutdown without privileges"
	expect_op 0 shutdown "$m" "$1"
	local before
	before=$(small_checksum "$JOB_DISK1")
	check_dead
	umount_iomap4fs "$m"
	expect_equal "$before" "$(small_checksum "$JOB_DISK1")" "the device after a shutdown"
	e2fsck -fp "$JOB_DISK1" >"$TEST_TMP/e2fsck" || [ $? -eq 1 ] || fail "e2fsck: $(<"$TEST_TMP/e2fsck")"
	mount_ext4 "$JOB_DISK1" "$m"
	cp "$m/f" "$TEST_TMP/after"
	umount "$m"
}

round 0
expect_equal new "$(<"$TEST_TMP/after")" "the file after an orderly shutdown"
round 1
expect_equal new "$(<"$TEST_TMP/after")" "the file after a shutdown that writes metadata"
round 2
expect_equal "" "$(tr -d '\0' <"$TEST_TMP/after" | grep new || :)" "what was never written"
