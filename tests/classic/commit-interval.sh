#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# commit=: what nobody has synchronised is durable after so many seconds, with a journal
# and without, and not long before. What fsync returns for is durable at once. sync -f
# doesn't reach a server in classic mode: the stock FUSE client keeps it to itself.
. "$(dirname "$0")/lib.sh"

# durable NAME: would it be there if the server died now?
durable() {
	local status=0

	cp --sparse=always "$TMP/image" "$TMP/copy"
	e2fsck -fy "$TMP/copy" >"$TMP/fsck.log" 2>&1 || status=$?
	[ $status -le 1 ] || fail "$TYPE: e2fsck: $(cat "$TMP/fsck.log")"
	debugfs -R "stat $1" "$TMP/copy" 2>/dev/null | grep '^Inode:' >/dev/null
}

# durable_by_itself NAME
durable_by_itself() {
	SECONDS=0
	until durable "$1"; do
		[ $SECONDS -le 25 ] || fail "$TYPE: $1 is not durable after $SECONDS s"
		sleep 0.3
	done
}

for TYPE in ext4 ext2; do
	make_image "$TMP/image" 16M -t $TYPE
	mount_image "$TMP/image" commit=1
	echo one >"$MNT/one"
	durable_by_itself one
	# and again
	mkdir "$MNT/two"
	durable_by_itself two
	unmount_image "$TMP/image"
	mount_image "$TMP/image" commit=300
	echo late >"$MNT/late"
	sync -f "$MNT"
	sleep 3
	! durable late || fail "$TYPE: commit=300, but durable after 3 s"
	sync "$MNT/late"
	durable late || fail "$TYPE: fsync did nothing"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
done
# 5 s if nothing is said, with a journal
TYPE=ext4
make_image "$TMP/image" 16M -t ext4
mount_image "$TMP/image"
echo default >"$MNT/default"
durable_by_itself default
unmount_image "$TMP/image"
