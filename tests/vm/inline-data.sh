# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Files whose bytes are in their inodes: read in every way, changed in place, and moved
# to blocks when they grow, also while somebody reads them through a mapping.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
for block in 4096 1024; do
	make_ext4 "$JOB_DISK1" -O inline_data -I 256 -b $block
	mount_ext4 "$JOB_DISK1" "$m"
	for i in 0 1 59 60 61 100 140; do
		head -c $i /usr/bin/perl >"$m/f$i"
		cp "$m/f$i" "$TEST_TMP/want.$i"
	done
	lsattr "$m/f59" | grep 'N' >/dev/null || fail "kernel ext4 makes no inline data"
	umount "$m"

	mount_iomap4fs "$JOB_DISK1" "$m"
	for i in 0 1 59 60 61 100 140; do
		cmp "$m/f$i" "$TEST_TMP/want.$i" || fail "f$i, block size $block"
		cmp "$m/f$i" <(dd if="$m/f$i" bs=4096 iflag=direct status=none) || fail "f$i read direct"
	done
	expect_equal "$(fileop read "$m/f100" 0 100)" "$(fileop mread "$m/f100" 0 100)" "f100 by mapping"
	[ "$(request_count "$m" $FUSE_READ)" -gt 0 ] || fail "no data came from the server"

	# In place; to more, but still in the inode; to blocks, by writing, by a store, by
	# truncating, by allocating
	expect_op 10 write "$m/f59" 20 10
	expect_op 10 append "$m/f1" 0 10
	expect_op 5000 append "$m/f60" 0 5000
	expect_op 20 mwrite "$m/f100" 10 20
	expect_op 0 truncate "$m/f61" 3
	expect_op 0 truncate "$m/f61" 9000
	expect_op 0 fallocate "$m/f140" 0 20000
	expect_op 4096 dwrite "$m/f0" 0 4096
	sync -f "$m"
	manifest "$m" >"$TEST_TMP/want"
	echo 1 >/proc/sys/vm/drop_caches
	manifest "$m" >"$TEST_TMP/got"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "the files read again"
	expect_equal "w:10 " "$(head -c 30 "$m/f59" | tail -c 10 | fold -w 1 | uniq -c | awk '{ printf "%s:%s ", $2, $1 }')" \
		"what was written in place"

	# Page faults and growth at the same time
	for i in $(seq 20); do
		printf '%050d' "$i" >"$m/race"
		sync "$m/race"
		echo 1 >/proc/sys/vm/drop_caches
		for ((n = 0; n < 5; n++)); do
			fileop mread "$m/race" 0 50 >/dev/null
		done &
		reader=$!
		fileop append "$m/race" 0 9000 >/dev/null
		wait $reader
		expect_equal "$(printf '%050d' "$i")" "$(head -c 50 "$m/race")" "the start of a growing file"
		expect_equal 9050 "$(stat -c %s "$m/race")" "its size"
		rm "$m/race"
	done
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
	mount_ext4 "$JOB_DISK1" "$m" ro
	manifest "$m" >"$TEST_TMP/got"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "what kernel ext4 reads"
	umount "$m"
done
