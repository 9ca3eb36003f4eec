#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A tree of some thousand real files, copied onto file systems with different
# features, is the same for kernel ext4 afterwards, and e2fsck finds nothing.
. "$(dirname "$0")/lib.sh"

# real files, with all their kinds of names and sizes, up to some 60 MB
SRC=$TMP/src
mkdir "$SRC"
n=0
for dir in /usr/share/doc /usr/share/perl /usr/share/zoneinfo /usr/share/man /usr/include; do
	[ -d $dir ] || continue
	cp -a --parents $dir "$SRC" 2>/dev/null || :
	n=$(find "$SRC" | wc -l)
	[ "$n" -gt 6000 ] && break
done
[ "$n" -gt 500 ] || skip "this machine has no tree to copy"
size=$(($(du -sm "$SRC" | cut -f1) * 2 + 200))

copy_onto() {
	local image=$TMP/image

	echo "== mke2fs $*"
	make_image "$image" ${size}M -N 40000 "$@"
	mount_image "$image"
	tar -C "$SRC" --xattrs --acls -cf - . | tar -C "$MNT" --xattrs --acls -xf -
	diff -r --no-dereference "$SRC" "$MNT" | grep -v 'Only in .*: lost+found' && fail "the copy differs"
	remember_tree
	unmount_image "$image"
	check_image "$image"
	kernel_sees_remembered "$image"
}

copy_onto -t ext4
copy_onto -t ext4 -b 1024 -O ^metadata_csum,^64bit
copy_onto -t ext4 -b 4096 -O inline_data,orphan_file
copy_onto -t ext3 -b 4096
copy_onto -t ext2 -b 1024 -I 128
copy_onto -t ext4 -O ^extents,^64bit,^dir_index,^filetype -b 2048
