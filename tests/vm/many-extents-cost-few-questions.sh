# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# Reading a file of 20,000 extents, more than the kernel keeps, costs at most a question to
# the server for each hundred of them. EXTENTS in the environment: another number, such as
# the 100,000 that take either rig too long.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
count=${EXTENTS:-20000}
make_ext4 "$JOB_DISK1" -b 1024
mount_ext4 "$JOB_DISK1" "$m"
make_extents "$m/many" "$count" 1024
echo "made after $SECONDS s"
umount "$m"

mount_iomap4fs "$JOB_DISK1" "$m"
dd if="$m/many" of=/dev/null bs=1M status=none
asked=$(request_count "$m" $IOMAP_BEGIN)
echo "$asked questions for $count extents, after $SECONDS s"
[ "$asked" -gt 0 ] || fail "nothing was asked"
[ "$asked" -le $((count / 100)) ] || fail "$asked BEGIN requests to read $count extents"
umount_iomap4fs "$m"
