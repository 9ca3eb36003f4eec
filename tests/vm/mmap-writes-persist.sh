# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Bytes stored through a shared mapping are read by read(2) and O_DIRECT at once,
# and by kernel ext4 after umount: over written blocks, unwritten ones and holes.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
head -c 100000 /usr/bin/perl >"$m/written"
fallocate -l 100000 "$m/unwritten"
truncate -s 100000 "$m/hole"
for f in written unwritten hole; do
	cp --sparse=always "$m/$f" "$TEST_TMP/$f"
	for where in 0:10 5000:7000 95000:5000; do
		expect_op "${where#*:}" --byte=m mwrite "$m/$f" "${where%:*}" "${where#*:}"
		expect_op "${where#*:}" --byte=m write "$TEST_TMP/$f" "${where%:*}" "${where#*:}"
	done
	expect_equal "$(fileop read "$TEST_TMP/$f" 0 100000)" "$(fileop read "$m/$f" 0 100000)" "read of $f"
	expect_equal "$(fileop read "$TEST_TMP/$f" 4096 8192)" "$(fileop dread "$m/$f" 4096 8192)" "direct read of $f"
done
# Past the end is SIGBUS, not growth.
expect_op EFAULT mwrite "$m/written" 200000 10
expect_equal 100000 "$(stat -c %s "$m/written")" "size"
expect_equal 0 "$(request_count "$m" $FUSE_WRITE)" "WRITE requests"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
for f in written unwritten hole; do
	cmp "$TEST_TMP/$f" "$m/$f"
done
umount "$m"
