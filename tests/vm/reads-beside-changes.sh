# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Who reads a file while it is written, cut off, punched, zeroed and moved about sees its own
# bytes or zeroes, never those of another file that the space has come from. Buffered reads
# hold no lock of the inode. The device is small, so that space goes to and fro.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 4096 -E lazy_itable_init=0,nodiscard "$JOB_DISK1" 16M
mount_iomap4fs "$JOB_DISK1" "$m"
# without it, space comes from where it never was
head -c 10M /dev/zero | tr '\0' '\314' >"$m/other"
sync "$m/other"
rm "$m/other"
beside "$m" 10 || fail "somebody else's bytes"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
