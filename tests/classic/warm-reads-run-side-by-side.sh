#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# While a lookup is in the middle of its work, with all that it needs in the cache, others that
# only read begin and end: lookups, attributes, links, extended attributes, directories, reading
# and asking for holes.  What changes something waits for it, then happens; and who comes after
# that one waits, too, as else it could wait for ever.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
[ -e "${GATE_LOOKUP_LIB:-}" ] || fail "GATE_LOOKUP_LIB does not name the library"

GATE=$TMP/gate

make_image "$TMP/image" 64M -t ext4 -b 1024 -O dir_index
LD_PRELOAD="$GATE_LOOKUP_LIB" GATE_LOOKUP="$GATE" mount_image "$TMP/image" threads=8,commit=300
mkdir "$MNT/large" "$MNT/second" "$MNT/third" "$MNT/small"
(
	cd "$MNT"
	for n in $(seq 100); do
		for d in large second third; do
			echo "$n" >"$d/a.name.that.takes.some.room.in.a.block.of.the.directory.$n"
		done
	done
	echo contents >small/f
	setfattr -n user.name -v value small/f
	ln -s f small/link
	mkdir small/dir
	touch small/dir/entry
)

seek() {
	python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
print(os.lseek(fd, int(sys.argv[2]), os.SEEK_HOLE))' "$@"
}

# What the kernel knows it doesn't ask for: so each name, and each part of a file, is used once.
next=0
answered() {
	next=$((next + 1))
	[ ! -e "$MNT/small/none$next" ] || fail "what is not there is found"
	[ ! -e "$MNT/third/none$next" ] || fail "what is not there is found by the index"
	stat --cached=never "$MNT/small/f" >/dev/null || fail "attributes"
	readlink "$MNT/small/link" >/dev/null || fail "a link"
	[ "$(getfattr --absolute-names --only-values -n user.name "$MNT/small/f")" = value ] ||
		fail "an extended attribute"
	getfattr --absolute-names -d "$MNT/small/f" | grep -q user.name || fail "the list of them"
	[ "$(ls "$MNT/small/dir")" = entry ] || fail "a directory"
	[ "$(seek "$MNT/small/f" 0)" = 9 ] || fail "SEEK_HOLE"
	dd if="$MNT/small/f" of="$TMP/read" iflag=direct bs=4096 status=none || fail "reading"
	[ "$(cat "$TMP/read")" = contents ] || fail "what was read"
	df "$MNT" >/dev/null || fail "df"
	still_waiting
}

# Who waits for a reply can't be killed: so the gate opens by itself when it takes too long.
close_gate() {
	rm -f "$GATE.waiting"
	touch "$GATE"
	(
		for _ in $(seq 600); do
			sleep 0.1
			[ -e "$GATE" ] || exit 0
		done
		touch "$TMP/late"
		rm -f "$GATE"
	) &
}

# waiting NUMBER: until so many lookups stand at the gate
waiting() {
	for _ in $(seq 300); do
		[ ! -e "$GATE.waiting" ] || [ "$(wc -l <"$GATE.waiting")" -lt "$1" ] || return 0
		sleep 0.1
	done
	fail "not $1 lookups that wait: $(cat "$GATE.waiting" 2>&1)"
}

still_waiting() {
	[ ! -e "$TMP/late" ] || fail "somebody waited for a lookup that stood still"
	kill -0 "$first" 2>/dev/null || fail "the lookup did not have to wait"
}

# everything is warm, and the server has let go of what it makes at first
close_gate
rm -f "$GATE"
first=$$
answered

# One of a name that isn't there: the kernel doesn't know yet
close_gate
stat "$MNT/large/gate.none" >/dev/null 2>&1 &
first=$!
waiting 1
answered
# another one in the same directory
[ ! -e "$MNT/large/none" ] || fail "what is not there is found"
still_waiting
# a second one beside it
stat "$MNT/second/gate.none" >/dev/null 2>&1 &
second=$!
waiting 2
answered
# a change waits, and so does who comes after it
chmod 600 "$MNT/small/f" &
change=$!
sleep 1
kill -0 $change 2>/dev/null || fail "a change did not wait for those who read"
stat "$MNT/small/after" >/dev/null 2>&1 &
after=$!
sleep 1
kill -0 $after 2>/dev/null || fail "who came later passed over who wants to change something"
still_waiting
rm -f "$GATE"
wait $first && fail "a name is found that isn't there"
wait $second && fail "a name is found that isn't there"
wait $change || fail "chmod"
wait $after && fail "a name is found that isn't there"
[ "$(stat -c %a "$MNT/small/f")" = 600 ] || fail "the mode has not changed"

unmount_image "$TMP/image"
check_image "$TMP/image"
for d in large second third; do
	debugfs -R "htree_dump /$d" "$TMP/image" 2>/dev/null | grep 'Root node dump' >/dev/null ||
		fail "the directory $d has no index"
done
