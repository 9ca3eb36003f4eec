#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A journal of which a part can't be read: the programs that replay it leave that part out, empty
# the journal, and end as if all were well.  Such an image is not mounted.
. "$(dirname "$0")/lib.sh"

# journal MKE2FS-ARGUMENT...: an image with one transaction of three blocks, checksummed
journal() {
	make_image "$TMP/image" 16M -b 1024 -J size=1 "$@"
	head -c 3072 /dev/urandom >"$TMP/data"
	debugfs -w "$TMP/image" >/dev/null 2>&1 <<-END
		journal_open -c
		journal_write -b 12001,12002,12003 $TMP/data
		journal_close
	END
	dumpe2fs -h "$TMP/image" 2>/dev/null | grep needs_recovery >/dev/null ||
		fail "nothing to replay"
}

# check MKE2FS-ARGUMENT...
check() {
	local block status=0

	echo "== mke2fs $*"
	journal "$@"
	mount_image "$TMP/image"
	unmount_image "$TMP/image"
	dd if="$TMP/image" bs=1024 skip=12001 count=3 status=none | cmp - "$TMP/data" ||
		fail "it was not replayed"

	journal "$@"
	# the descriptor is in block 1 of the journal
	block=$(debugfs -R 'bmap <8> 3' "$TMP/image" 2>/dev/null)
	printf 'damaged' | dd of="$TMP/image" bs=1024 seek="$block" conv=notrunc status=none
	for options in rw ro; do
		cp "$TMP/image" "$TMP/copy"
		status=0
		"$IOMAP4FS" "$TMP/copy" "$MNT" -o "iomap=off,$options" 2>"$TMP/err" || status=$?
		[ $status = 32 ] || fail "$options: status $status: $(cat "$TMP/err")"
		grep 'e2fsck -fy' "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
	done
}

check -t ext4
check -t ext3
check -t ext4 -O ^extents,^64bit
