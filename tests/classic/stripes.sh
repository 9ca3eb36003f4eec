#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A large file begins with a stripe of the RAID that the superblock, or the option stripe=, names: a
# number of blocks that need not be a power of two.  Small files lie between them.
. "$(dirname "$0")/lib.sh"

IMG=$TMP/image

# starts STRIPE MKE2FS-OPTIONS MOUNT-OPTIONS: how many of eight files begin with a stripe
starts() {
	local n=0 i at

	# shellcheck disable=SC2086 # words
	make_image "$IMG" 128M -t ext4 -b 4096 $2
	mount_image "$IMG" "$3"
	for i in 1 2 3 4; do
		echo small >"$MNT/small$i"
		# without the kernel module each write gets its blocks at once
		dd if=/dev/urandom of="$MNT/written$i" bs=1M count=$i status=none
		fallocate -l $((i * 1000000)) "$MNT/ahead$i"
	done
	unmount_image "$IMG"
	check_image "$IMG"
	for i in written{1..4} ahead{1..4}; do
		at=$(debugfs -R "bmap $i 0" "$IMG" 2>/dev/null | cut -d ' ' -f 1)
		[[ $at =~ ^[1-9][0-9]*$ ]] || fail "no block of $i: $at"
		[ $((at % $1)) != 0 ] || n=$((n + 1))
	done
	echo $n
}

[ "$(starts 64 "-E stride=16,stripe_width=64" commit=300)" = 8 ] || fail "stripe_width is ignored"
[ "$(starts 16 "-E stride=16" commit=300)" = 8 ] || fail "stride is ignored"
[ "$(starts 48 "-E stride=16,stripe_width=64" stripe=48)" = 8 ] || fail "stripe=48 is ignored"
[ "$(starts 48 "" stripe=1)" != 8 ] || fail "without stripes all files begin with one"
