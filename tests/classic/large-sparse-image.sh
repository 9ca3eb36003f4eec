#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# 12 TiB, nearly empty: the first change needs neither seconds nor memory for what is not there,
# and a file of 5 TiB comes and goes in seconds.  With and without a journal.
. "$(dirname "$0")/lib.sh"

# took COMMAND...: s
took() {
	local from=$SECONDS

	"$@" || fail "$*"
	echo $((SECONDS - from))
}

# rss PID: KiB
rss() {
	awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

truncate -s 12T "$TMP/image" 2>/dev/null || skip "no place for a file of 12 TiB"
for features in has_journal ^has_journal; do
	mke2fs -q -F -t ext4 -O $features -E lazy_itable_init=1,lazy_journal_init=1,nodiscard \
		"$TMP/image" || fail "mke2fs"
	"$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off,cache_size=16M -f &
	server=$!
	for _ in $(seq 100); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	free=$(stat -f -c %f "$MNT")
	before=$(rss $server)
	s=$(took mkdir "$MNT/d")
	grown=$(($(rss $server) - before))
	[ "$s" -le 10 ] || fail "$features: the first mkdir took $s s"
	[ $grown -lt $((64 << 10)) ] || fail "$features: the first mkdir took $grown KiB"
	s=$(took fallocate -l 5T "$MNT/f")
	[ "$s" -le 40 ] || fail "$features: fallocate took $s s"
	s=$(took rm "$MNT/f")
	[ "$s" -le 40 ] || fail "$features: rm took $s s"
	rmdir "$MNT/d"
	for _ in $(seq 400); do
		[ "$(stat -f -c %f "$MNT")" = "$free" ] && break
		sleep 0.1
	done
	[ "$(stat -f -c %f "$MNT")" = "$free" ] || fail "$features: not all is free again"
	umount "$MNT"
	wait $server || fail "$features: the server ended with an error"
	# a whole check would take longer than all of this
	dumpe2fs -h "$TMP/image" 2>/dev/null | grep '^Filesystem state: *clean$' >/dev/null ||
		fail "$features: not clean"
	got=$(dumpe2fs "$TMP/image" 2>/dev/null | sed -n 's/^  \([0-9]*\) free blocks, .*/\1/p' |
		awk '{ n += $1 } END { printf "%.0f", n }')
	[ "$got" = "$free" ] || fail "$features: the groups have $got free blocks, not $free"
done
