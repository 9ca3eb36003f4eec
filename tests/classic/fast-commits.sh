#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fast commits that count are replayed.  Damaged ones, and such as claim what can't be, refuse
# the mount with a sentence that says what to run, and nothing on the image changes.  What is behind
# the last complete one is no promise.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-fast-commits.sh"

# refused MESSAGE TAG...: in turns for writing and for reading
refused() {
	local message=$1 status=0

	shift
	tags "$@"
	cp "$IMG" "$TMP/before"
	[ "${options:=ro}" = ro ] && options=rw || options=ro
	"$IOMAP4FS" "$IMG" "$MNT" -o "iomap=off,$options" 2>"$TMP/err" || status=$?
	[ $status = 32 ] || fail "$*, $options: status $status: $(cat "$TMP/err")"
	grep 'e2fsck -f' "$TMP/err" >/dev/null ||
		fail "$*, $options: it doesn't say what to run: $(cat "$TMP/err")"
	grep -e "$message" "$TMP/err" >/dev/null || fail "$*, $options: $(cat "$TMP/err")"
	cmp -s "$TMP/before" "$IMG" || fail "$*, $options: the image has changed"
}

# replayed WANT TAG...: WANT is what is in the root and in dir afterwards
replayed() {
	local want=$1 got

	shift
	tags "$@"
	mount_image "$IMG" "" 2>"$TMP/err" || fail "$*: $(cat "$TMP/err")"
	want=$(xargs -n 1 <<<"$want" | sort)
	got=$(cd "$MNT" && find . -mindepth 1 ! -name lost+found -printf '%P:%y:%s:%n\n' | sort)
	[ "$got" = "$want" ] || fail "$*: expected '$want', got '$got'"
	[ ! -e "$MNT/new" ] || cmp -n 10240 "$TMP/data" "$MNT/new" || fail "$*: the data"
	unmount_image "$IMG"
	check_image "$IMG"
}

make_good
BASE="dir/file:f:10240:1 dir:d:1024:2 other:f:10240:1"
new=("inode:$NEW:size=10240" "add:$NEW:0:$FREE:10" "creat:2:$NEW:new")

replayed "$BASE new:f:10240:1" head "${new[@]}" tail
replayed "$BASE new:f:10240:1" head "${new[@]}" next tail
replayed "$BASE" head tail
replayed "$BASE" head:7 "${new[@]}" tail
replayed "$BASE" head "${new[@]}" tail:7
replayed "$BASE" head "${new[@]}"
replayed "$BASE"
# the end is what follows the last complete one
for bad in "tail:7" "tail:$TID:1" "raw:12:00" "raw:2:00" "head:7" "damage:1024:ffff"; do
	replayed "$BASE new:f:10240:1" head "${new[@]}" tail "unlink:2:$OTHER:other" \
		"$bad"
done
replayed "dir/file:f:10240:1 dir:d:1024:2 new:f:10240:1" head "${new[@]}" tail \
	"unlink:2:$OTHER:other" tail
# names
replayed "dir/file:f:10240:2 dir:d:1024:2 second:f:10240:2 other:f:10240:1" head \
	"link:2:$FILE:second" tail
replayed "dir/moved:f:10240:1 dir:d:1024:2 other:f:10240:1" head \
	"link:$DIR:$FILE:moved" "unlink:$DIR:$FILE:file" tail
replayed "other:f:10240:1" head "unlink:$DIR:$FILE:file" "unlink:2:$DIR:dir" tail
replayed "dir/file:f:10240:1 dir:d:1024:3 dir/sub:d:1024:2 other:f:10240:1" head \
	"inode:$NEW:mode=0x41ed,size=1024" "creat:$DIR:$NEW:sub" tail
# passed over, as kernel ext4 does
replayed "$BASE" head "unlink:2:$NEW:nothing" "link:2:$NEW:nothing" "unlink:2:$FILE:other" tail
replayed "dir/file:f:10240:1 dir:d:1024:2" head "unlink:2:$OTHER:other" "link:2:$OTHER:again" tail
# an inode without a name goes
replayed "$BASE" head "inode:$NEW:size=10240" "add:$NEW:0:$FREE:10" tail
# a number that is used again
replayed "dir/file:f:10240:1 dir:d:1024:2 new:f:10240:1" head "unlink:2:$OTHER:other" \
	"inode:$OTHER:generation=99,size=10240" "add:$OTHER:0:$FREE:10" "creat:2:$OTHER:new" tail
# ranges
replayed "dir/file:f:10240:1 dir:d:1024:2 other:f:20480:1" head "del:$OTHER:2:4" \
	"add:$OTHER:12:$FREE:8" "add:$OTHER:0:$((FREE + 8)):2" "inode:$OTHER:size=20480" tail
replayed "$BASE" head "del:$OTHER:0:4294967295" "inode:$OTHER:" tail

damage_is_found() {
	refused "checksum" head "${new[@]}" tail "damage:20:ff"
	refused "damaged" head "raw:12:00" tail
	refused "damaged" head "raw:1:00" tail
	refused "damaged" head "${new[@]}" "damage:14:ffff"
	refused "features" "head:$TID:1" "${new[@]}" tail
}
damage_is_found

claims_are_checked() {
	local n

	# blocks: the file system's own, the journal's, outside, of others, twice
	for n in 0 1 20 "$JOURNAL" $((JOURNAL + LENGTH - 1)) $((SIZE - 1)) 281474976710655; do
		refused "blocks" head "inode:$NEW:" "add:$NEW:0:$n:2" "creat:2:$NEW:new" tail
	done
	refused "in use" head "inode:$NEW:" "add:$NEW:0:$OTHER_BLOCK:1" "creat:2:$NEW:new" tail
	refused "in use" head "${new[@]}" "add:$NEW:20:$((FREE + 5)):1" tail
	refused "" head "inode:$NEW:" "add:$NEW:0:$FREE:0" "creat:2:$NEW:new" tail
	refused "range" head "add:$OTHER:4294967290:$FREE:10" tail
	refused "range" head "del:$OTHER:4294967295:1" tail
	refused "range" head "del:$OTHER:0:0" tail
	# inodes: the file system's own, and none
	for n in 0 8 11111 4294967295; do
		refused "no file" head "add:$n:0:$FREE:1" tail
		refused "no file" head "link:2:$n:name" tail
		refused "no file" head "link:$n:$FILE:name" tail
	done
	refused "no file with extents" head "add:$DIR:1:$FREE:1" tail
	refused "fast commits can't" head "inode:$DIR:mode=0x41ed" tail
	refused "fast commits can't" head "inode:$OTHER:mode=0x41ed" tail
	refused "fast commits can't" head "inode:$OTHER:flags=0" tail
	refused "fast commits can't" head "inode:$OTHER:acl=$FREE" tail
	refused "can't" head "inode:$NEW:acl=$FREE" "creat:2:$NEW:new" tail
	refused "another file" head "inode:$OTHER:generation=99" tail
	refused "fast commits can't" head "inode:$OTHER:extra=12" tail
	refused "another file" head "${new[@]}" "inode:$NEW:generation=99" tail
	refused "can't" head "add:$NEW:0:$FREE:1" "inode:$NEW:acl=$FREE" "link:2:$NEW:x" tail
	refused "wrong size" head "raw:6:$(printf '%02x000000%0256d' "$OTHER" 0)" tail
	# names
	for n in . .. a/b; do
		refused "impossible name" head "link:2:$FILE:$n" tail
	done
	refused "impossible name" head "raw:4:02000000$(printf '%02x' "$FILE")0000006100" tail
	refused "that is there" head "link:2:$FILE:other" tail
	refused "no directory" head "link:$OTHER:$FILE:x" tail
	refused "too many" head "link:$DIR:2:x" tail
	refused "can't have one" head "creat:2:$FILE:x" tail
	refused "can't have one" head "creat:2:$NEW:x" tail
	refused "not empty" head "unlink:2:$DIR:dir" tail
	refused "missing" head "add:$NEW:0:$FREE:1" "inode:$NEW:mode=0xa1ff,size=100" tail \
		head "link:2:$NEW:link" tail
}
claims_are_checked

refused_features() {
	cp "$GOOD" "$TMP/keep"
	debugfs -w -R "feature quota" "$GOOD" >/dev/null 2>&1
	refused "quota" head "${new[@]}" tail
	cp "$TMP/keep" "$GOOD"
}
refused_features
