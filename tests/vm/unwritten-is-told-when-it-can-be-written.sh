# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Who knows of an unwritten extent writes into it without asking, and it is converted when
# nobody can be told of an error any more. So where that can't be done, because the bitmap of the only
# group is damaged, write fails; reading goes on.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m k=$TEST_TMP/k
mke2fs -q -F -t ext4 -b 4096 -E nodiscard "$JOB_DISK1" 64M
mount_ext4 "$JOB_DISK1" "$k"
fallocate -l 65536 "$k/f"
echo contents >"$k/other"
umount "$k"
bitmap=$(dumpe2fs "$JOB_DISK1" 2>/dev/null | sed -n 's/.*[Bb]lock bitmap at \([0-9]*\).*/\1/p' | sed -n 1p)
size=$(dumpe2fs -h "$JOB_DISK1" 2>/dev/null | sed -n 's/^Block size: *//p')
[[ $bitmap =~ ^[1-9][0-9]*$ && $size =~ ^[1-9][0-9]*$ ]] || fail "no bitmap: '$bitmap', '$size'"
printf '\x55' | dd of="$JOB_DISK1" bs=1 seek=$((bitmap * size + size / 4)) conv=notrunc status=none

mount_iomap4fs "$JOB_DISK1" "$m" errors=continue
expect_op 65536 read "$m/f" 0 65536
expect_op EUCLEAN write "$m/f" 0 4096
expect_op EUCLEAN dwrite "$m/f" 4096 4096
expect_equal contents "$(<"$m/other")" "what is there"
cmp -n 65536 "$m/f" /dev/zero || fail "the file is not what it was"
umount_iomap4fs "$m"
