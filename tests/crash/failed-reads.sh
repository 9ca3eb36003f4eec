#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A read of metadata that fails, whichever it is: an operation that had changed something
# by then ends the use of the file system, so that no half of it becomes durable; and
# recovery makes the image consistent, with what fsync promised before. Other operations
# just fail.
. "$(dirname "$0")/lib.sh"

aborts=0 errors=0
# directories of many blocks, attributes in blocks of their own, which removing a file reads
# when its name has gone, and a cache of few blocks
make_old_image "$TMP/filled" 32M -b 1024 -t ext4 -J size=1
start_server "$TMP/filled" cache_size=1M
mkdir "$MNT/big"
for n in $(seq 3000); do
	: >"$MNT/big/a.rather.long.name.for.one.of.many.files.$n"
done
for n in $(seq 1 40 3000); do
	setfattr -n user.block -v "$n$(printf '%600s' '')" "$MNT/big/a.rather.long.name.for.one.of.many.files.$((n + 13))"
done
umount "$MNT"
wait "$SERVER"
# fail_read N: the Nth read of the server fails
fail_read() {
	local n=$1 status

	cp "$TMP/filled" "$TMP/image"
	rm -f "$TMP/log"
	start_server "$TMP/image" cache_size=1M,commit=1,errors=remount-ro LD_PRELOAD="$RECORD_IO" \
		RECORD_IO_FILE="$TMP/image" RECORD_IO_LOG="$TMP/log" RECORD_IO_FAIL_READ="$n"
	status=0
	(
		cd "$MNT/big"
		for i in $(seq 1 40 3000); do
			ln "a.rather.long.name.for.one.of.many.files.$i" "link.$i"
			mv "a.rather.long.name.for.one.of.many.files.$((i + 7))" "../moved.$i"
			rm "a.rather.long.name.for.one.of.many.files.$((i + 13))"
			mkdir "dir.$i"
		done
	) 2>"$TMP/errors" || status=$?
	[ ! -s "$TMP/errors" ] || errors=$((errors + 1))
	if grep 'half done' "$TMP/server.err" >/dev/null; then
		aborts=$((aborts + 1))
		touch "$MNT/new" 2>/dev/null && fail "read $n failed halfway, and it can still be written to"
		ls "$MNT/big" >/dev/null || fail "read $n failed halfway, and it can't be read"
	fi
	umount "$MNT"
	wait "$SERVER" || :
	e2fsck -p "$TMP/image" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || {
		cat "$TMP/fsck.log" >&2
		fail "read $n failed: e2fsck doesn't recover"
	}
	check_image "$TMP/image"
}

# Which reads there are depends on when what is committed: so others are tried until one has had
# consequences of each kind.
for first in 150 153 156 159 162 165 167; do
	for n in $(seq $first 19 500); do
		fail_read "$n"
	done
	[ $errors -eq 0 ] || [ $aborts -eq 0 ] || break
done
echo "failed reads that somebody saw: $errors"
echo "failed reads in the middle of an operation: $aborts"
if [ $errors -eq 0 ] || [ $aborts -eq 0 ]; then
	fail "the failed reads were of no consequence"
fi
