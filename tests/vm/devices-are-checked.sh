# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Only an open block device can be registered, with nothing unknown in the request, and no
# more than 1024; the server may set the block size of one that is its own.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
expect_tell EBADF device add "$JOB_DISK2" path
expect_tell ENODEV device add /dev/null
expect_tell EINVAL device open "$JOB_DISK2" 0x101 0
expect_tell EINVAL device open "$JOB_DISK2" 0x80000001 0
expect_tell EINVAL device open "$JOB_DISK2" 1 1
expect_tell EINVAL device open "$JOB_DISK2" 1 0x8000000000000000
# Type 0 is passthrough's, which there is none of on this connection.
expect_tell EPERM device open "$JOB_DISK2" 0 0
expect_tell "ok 2" device open "$JOB_DISK2" 1 0
expect_tell ok device remove 2

# blockdev shows the block size that buffers of the device have.
for size in 1024 4096 512; do
	expect_tell ok device blocksize 1 $size
	expect_equal $size "$(blockdev --getbsz "$JOB_DISK1")" "block size of the device"
done
for size in 0 256 768 8192; do
	expect_tell EINVAL device blocksize 1 $size
done
expect_equal 512 "$(blockdev --getbsz "$JOB_DISK1")" "block size of the device"
expect_tell ENOENT device blocksize 0 4096
expect_tell ENOENT device blocksize 1025 4096

# 1024 are the most; then one that goes makes room for one.
expect_tell ENOSPC device fill "$JOB_DISK2"
expect_tell ENOSPC device add "$JOB_DISK2"
expect_tell ok device remove 500
expect_tell "ok 500" device add "$JOB_DISK2"
expect_tell ENOSPC device add "$JOB_DISK2"
expect_tell ok device remove 1024
expect_tell ENOENT device remove 1025
stop_puppet "$m"
