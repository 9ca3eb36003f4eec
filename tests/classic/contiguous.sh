#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Files lie in at most 1.2 times as many pieces as kernel ext4 makes of the same load: some
# written at once, some that grow side by side and are synced now and then, on a file
# system that has holes already.
. "$(dirname "$0")/lib.sh"

command -v filefrag >/dev/null || skip "no filefrag"

# load DIR
load() {
	local n round

	mkdir "$1/small" "$1/grow"
	for n in $(seq 300); do
		head -c $((n * 97 % 30000 + 100)) /dev/urandom >"$1/small/$n"
	done
	# every third goes: holes
	for n in $(seq 1 3 300); do
		rm "$1/small/$n"
	done
	head -c 40M /dev/zero >"$1/large"
	for round in $(seq 40); do
		for n in 1 2 3 4; do
			head -c $((n * 24000)) /dev/zero >>"$1/grow/$n"
			[ $((round % 4)) -ne 0 ] || sync "$1/grow/$n"
		done
	done
	sync -f "$1"
}

# pieces IMAGE: of all files
pieces() {
	mount_kernel "$1" ro
	find "$KMNT" -type f -size +0 -exec filefrag {} + |
		sed -n 's/.*: \([0-9]*\) extents\? found$/\1/p' | awk '{ n += $1 } END { print n + 0 }' >"$TMP/pieces"
	filefrag "$KMNT"/grow/* "$KMNT/large" | sed 's,.*/,  ,'
	unmount_kernel
}

make_image "$TMP/kernel.img" 128M -t ext4 -b 4096
mount_kernel "$TMP/kernel.img" rw
load "$KMNT"
unmount_kernel
pieces "$TMP/kernel.img"
kernel=$(<"$TMP/pieces")

make_image "$TMP/image" 128M -t ext4 -b 4096
mount_image "$TMP/image"
load "$MNT"
unmount_image "$TMP/image"
check_image "$TMP/image"
pieces "$TMP/image"
own=$(<"$TMP/pieces")
echo "pieces, kernel ext4: $kernel"
echo "pieces, iomap4fs: $own"
[ $((own * 10)) -le $((kernel * 12)) ] || fail "$own pieces, kernel ext4 has $kernel"
