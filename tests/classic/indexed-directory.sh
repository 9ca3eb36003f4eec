#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Entries added to and removed from directories that kernel ext4 has indexed:
# the index stays right, so that the kernel finds every name.
. "$(dirname "$0")/lib.sh"
have_kernel_ext4 || skip "no kernel ext4"

for features in "-t ext4 -b 1024" "-t ext4 -b 4096 -O ^metadata_csum" "-t ext3 -b 1024"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 100M -N 20000 $features
	mount_kernel "$TMP/image" rw
	mkdir "$KMNT/dir"
	(cd "$KMNT/dir" && seq -f 'kernel-made-%.0f' 1 2000 | xargs touch)
	unmount_kernel

	mount_image "$TMP/image"
	(cd "$MNT/dir" && seq -f 'server-made-name-%.0f' 1 6000 | xargs touch)
	(cd "$MNT/dir" && seq -f 'kernel-made-%.0f' 1 3 2000 | xargs rm)
	[ "$(find "$MNT/dir" -type f | wc -l)" = 7333 ] || fail "$features: entries are missing"
	unmount_image "$TMP/image"
	check_image "$TMP/image"

	lsattr_out=$(debugfs -R 'stat /dir' "$TMP/image" 2>/dev/null | grep -o 'Flags: 0x[0-9a-f]*')
	[ $((${lsattr_out#Flags: } & 0x1000)) != 0 ] || fail "$features: the index is gone"
	mount_kernel "$TMP/image"
	for i in $(seq 1 6000); do
		[ -e "$KMNT/dir/server-made-name-$i" ] || fail "$features: name $i is lost"
	done
	for i in $(seq 1 2000); do
		want=$(((i - 1) % 3))
		[ $want = 0 ] && [ -e "$KMNT/dir/kernel-made-$i" ] && fail "name $i is back"
		[ $want = 0 ] || [ -e "$KMNT/dir/kernel-made-$i" ] || fail "name $i is lost"
	done
	unmount_kernel
done
