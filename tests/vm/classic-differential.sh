# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 400
#
# The classic way, without the module, against kernel ext4: 3,000 random
# operations. Direct I/O is left out: its alignment rules are the stock FUSE's; so
# are holes, which the stock FUSE has the server report without its page cache.
. "$(dirname "$0")/lib.sh"

[ -x bin/iomap4fs ] || skip "iomap4fs is not built"
a=$TEST_TMP/a b=$TEST_TMP/b
mkdir "$a"
at_exit umount_all "$a"
make_ext4 "$JOB_DISK1"
make_ext4 "$JOB_DISK2"
mount -t iomap4fs -o iomap=off "$JOB_DISK1" "$a"
mount_ext4 "$JOB_DISK2" "$b"
differential --dir-a "$a" --dir-b "$b" --seed 0xc1a551c --ops 3000 --no-direct --no-holes --skip chattr \
	--skip collapse --skip insert
umount_iomap4fs "$a"
umount "$b"
check_clean "$JOB_DISK1"
