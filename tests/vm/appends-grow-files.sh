# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 180
#
# Appends of every kind add up: small ones, large ones, direct, synchronous, from
# several processes at once. Sizes and bytes are there after umount.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
: >"$TEST_TMP/want"
for ((i = 0; i < 40; i++)); do
	len=$((i * i * 37 + 1))
	head -c $len /usr/bin/perl >>"$TEST_TMP/want"
	head -c $len /usr/bin/perl >>"$m/f"
	[ $((i % 8)) -ne 7 ] || sync -d "$m/f"
done
cmp "$TEST_TMP/want" "$m/f"
expect_equal 0 "$(fileop create "$m/direct")" "create"
for ((i = 0; i < 32; i++)); do
	expect_op 4096 --byte=d dwrite "$m/direct" $((i * 4096)) 4096
	expect_equal $(((i + 1) * 4096)) "$(stat -c %s "$m/direct")" "size after a direct append"
done
: >"$m/shared"
for ((i = 0; i < 4; i++)); do
	(for ((j = 0; j < 50; j++)); do printf '%099d\n' $((i * 1000 + j)) >>"$m/shared"; done) &
	pids[i]=$!
done
wait "${pids[@]}"
expect_equal 20000 "$(stat -c %s "$m/shared")" "size after appends of four processes"
expect_equal 200 "$(sort -u "$m/shared" | wc -l)" "lines after appends of four processes"
sort "$m/shared" >"$TEST_TMP/shared"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
cmp "$TEST_TMP/want" "$m/f"
sort "$m/shared" | cmp - "$TEST_TMP/shared"
expect_equal 131072 "$(tr -d -c d <"$m/direct" | wc -c)" "bytes of the direct appends"
umount "$m"
