#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# More orphaned inodes than a transaction has room for: all of them are freed.
. "$(dirname "$0")/lib.sh"

NR=6000

make_image "$TMP/image" 64M -t ext4 -b 1024 -J size=1 -N $((NR + 1000))
mount_image "$TMP/image"
mkdir "$MNT/d"
seq -f "$MNT/d/%g" $NR | xargs touch
echo text >"$MNT/d/1"
find "$MNT/d" -type f -printf '%i\n' >"$TMP/inodes"
unmount_image "$TMP/image"

# as a crash would leave them: without a name, one after the other on the list
awk '
	{ printf "sif <%d> links_count 0\nsif <%d> dtime @%d\n", $1, $1, prev; prev = $1 }
	END { print "ssv last_orphan " prev }
' "$TMP/inodes" >"$TMP/commands"
seq -f 'unlink d/%g' $NR >>"$TMP/commands"
debugfs -w -f "$TMP/commands" "$TMP/image" >"$TMP/debugfs" 2>&1
dumpe2fs -h "$TMP/image" 2>/dev/null | grep 'First orphan inode' >/dev/null || fail "no orphans"

mount_image "$TMP/image" "" 2>"$TMP/err"
cat "$TMP/err"
grep "orphaned inodes: $NR deleted, 0 truncated" "$TMP/err" >/dev/null || fail "not all are deleted"
touch "$MNT/new" || fail "not writable"
unmount_image "$TMP/image"
check_image "$TMP/image"
