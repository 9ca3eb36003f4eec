# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# copy_file_range copies; cloning, which ext4 can't do, is refused as it is by kernel
# ext4; FIBMAP tells the blocks that FIEMAP tells; attributes have no extent map.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
head -c 3000000 /usr/bin/perl >"$m/f"
truncate -s 4M "$m/f"
cp --reflink=auto --sparse=never "$m/f" "$m/copy"
cmp "$m/f" "$m/copy" || fail "the copy differs"
expect_fail cp --reflink=always "$m/f" "$m/clone" 2>"$TEST_TMP/err"
grep -q "Operation not supported" "$TEST_TMP/err" || fail "cloning: $(<"$TEST_TMP/err")"
sync -f "$m"

while read -r first _ physical; do
	expect_op "$physical" bmap "$m/f" "$first"
done < <(filefrag -v "$m/f" | awk '$1 ~ /^[0-9]+:$/ { gsub(/[.:]/, " "); print $2, $3, $4 }')
expect_op 0 bmap "$m/f" 1000
! filefrag -x "$m/f" >/dev/null 2>&1 || fail "an extent map of attributes"
umount_iomap4fs "$m"
mount_ext4 "$JOB_DISK1" "$m"
cmp "$m/f" "$m/copy" || fail "kernel ext4 sees another copy"
umount "$m"
check_clean "$JOB_DISK1"
