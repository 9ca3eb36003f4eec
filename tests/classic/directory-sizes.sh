#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A directory with a size that is too small, or larger than the file system: nothing is written
# over the names that it hides, and the directory doesn't count as empty.
. "$(dirname "$0")/lib.sh"

for options in '-t ext2' '-t ext4 -O ^metadata_csum,^has_journal'; do
	for size in 0 1024 2048 0x100000000; do
		# shellcheck disable=SC2086
		make_image "$TMP/image" 8M $options -b 1024
		mount_image "$TMP/image"
		mkdir "$MNT/d"
		(cd "$MNT/d" && seq -f 'a-long-name-of-a-file-in-the-directory-%.0f' 0 199 |
			xargs touch)
		echo other >"$MNT/other"
		whole=$(stat -c %s "$MNT/d")
		unmount_image "$TMP/image"
		debugfs -w -R "set_inode_field d size $size" "$TMP/image" >/dev/null 2>&1

		mount_image "$TMP/image" errors=continue
		ls "$MNT/d" >"$TMP/names" 2>"$TMP/err" || :
		seq -f "$MNT/d/new-name-that-needs-some-space-as-well-%.0f" 0 199 |
			xargs touch 2>"$TMP/err" && fail "$options: size $size: all could be made"
		rmdir "$MNT/d" 2>"$TMP/err" && fail "$options: size $size: counts as empty"
		[ "$(cat "$MNT/other")" = other ] || fail "$options: the server is gone"
		unmount_image "$TMP/image"

		# with the size as it was everything is there
		debugfs -w -R "set_inode_field d size $whole" "$TMP/image" >/dev/null 2>&1
		e2fsck -fy "$TMP/image" >"$TMP/fsck.log" 2>&1 || [ $? -le 1 ] ||
			fail "e2fsck can't repair it"
		mount_image "$TMP/image" ro
		for i in $(seq 0 199); do
			[ -e "$MNT/d/a-long-name-of-a-file-in-the-directory-$i" ] ||
				fail "$options: size $size: name $i is gone"
		done
		unmount_image "$TMP/image"
	done
done
