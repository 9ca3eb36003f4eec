# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Collapsing and inserting in a file of so many extents that moving them all changes more
# blocks than the journal has: it is done in several transactions.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 1024 -J size=1 -E lazy_itable_init=0,nodiscard "$JOB_DISK1" 256M
# 45000 extents are in some 530 leaves, and 1024 blocks in the journal
mount_ext4 "$JOB_DISK1" "$m"
make_extents "$m/f" 45000 1024
size=$(stat -c %s "$m/f")
umount "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
# part MIB: a few MiB from there on, from the device
part()
{
	dd if="$m/f" bs=1M skip="$1" count=3 iflag=direct status=none | sha256sum
}
first=$(part 8)
last=$(part 80)
fallocate -c -o 1M -l 2M "$m/f"
expect_equal "$first$last" "$(part 6)$(part 78)" "what is behind the part that was taken out"
expect_equal $((size - (2 << 20))) "$(stat -c %s "$m/f")" "size"
fallocate -i -o 2M -l 3M "$m/f"
expect_equal "$first$last" "$(part 9)$(part 81)" "what is behind the part that was put in"
expect_equal $((size + (1 << 20))) "$(stat -c %s "$m/f")" "size"
touch "$m/works"
sync -f "$m"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
expect_equal "$first$last" "$(part 9)$(part 81)" "what kernel ext4 sees"
