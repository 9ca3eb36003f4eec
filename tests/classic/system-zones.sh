#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The blocks of the file system itself can't become a file's, whatever the image says: its
# bitmaps, its files' maps, its attribute blocks.  Each image here has no checksums and one thing
# wrong.  Using that ends with an error and is noted, the file system's own blocks stay as they
# are, and what can be read can still be read.  A group whose bitmap is damaged is left alone.
#
# system-zones.sh bitmaps|counts|extents|indirect|frees
. "$(dirname "$0")/lib.sh"

IMG=$TMP/image
DAMAGE=$(dirname "$(readlink -f "$0")")/damage.py
command -v python3 >/dev/null || skip "no python3"

damage() {
	"$DAMAGE" "$IMG" "$@"
}

# make_base MKE2FS-ARGUMENT...: with a file of each kind in it
make_base() {
	make_image "$TMP/base" 16M -b 1024 "$@"
	seq 1 4000 >"$TMP/keep"
	mount_image "$TMP/base"
	cp "$TMP/keep" "$MNT/keep"
	cp "$TMP/keep" "$MNT/victim"
	cp "$TMP/keep" "$MNT/other"
	mkdir "$MNT/dir" "$MNT/dir/sub"
	head -c 600 /dev/zero | tr '\0' a >"$TMP/value"
	touch "$MNT/attr" "$MNT/attr2"
	setfattr -n user.a -v "$(cat "$TMP/value")" "$MNT/attr"
	setfattr -n user.a -v "$(cat "$TMP/value")b" "$MNT/attr2"
	unmount_image "$TMP/base"
	check_image "$TMP/base"
	BLOCK_BITMAP=$("$DAMAGE" "$TMP/base" get:desc:0:0:4)
	INODE_BITMAP=$("$DAMAGE" "$TMP/base" get:desc:0:4:4)
	INODE_TABLE=$("$DAMAGE" "$TMP/base" get:desc:0:8:4)
	JOURNAL=$(first "<8>")
}

# ino NAME: its number
ino() {
	debugfs -R "stat $1" "$TMP/base" 2>/dev/null | sed -n 's/^Inode: \([0-9]*\) .*/\1/p'
}

# first NAME: its first block
first() {
	debugfs -R "bmap $1 0" "$TMP/base" 2>/dev/null
}

# zones: some blocks of each kind that no file may have
zones() {
	# descriptors, the blocks reserved for more of them, the backup of the superblock
	echo 2 5 8193 8200
	some_zones
	echo "$BLOCK_BITMAP" "$JOURNAL"
}

some_zones() {
	# the backup of the descriptors
	echo 8194 "$INODE_BITMAP" $((INODE_TABLE + 100)) $((JOURNAL + 900))
}

# remember ZONE; unharmed WHAT ZONE: nobody has written anything else there than what belongs there
remember() {
	SUM=$(damage "sum:$1")
}
unharmed() {
	case $2 in
	2 | "$BLOCK_BITMAP" | "$INODE_BITMAP" | "$JOURNAL")
		# it may have changed
		! dd if="$IMG" bs=1024 skip="$2" count=1 status=none | cmp -s -n 512 - "$TMP/keep" ||
			fail "$1: the contents of a file are in block $2"
		! dd if="$IMG" bs=1024 skip="$2" count=1 status=none | cmp -s -n 512 - /dev/zero ||
			fail "$1: block $2 is empty"
		;;
	*) [ "$SUM" = "$(damage "sum:$2")" ] || fail "$1: block $2 was written" ;;
	esac
}

begin() {
	cp --sparse=always "$TMP/base" "$IMG"
	damage "$@"
}

# start [OPTIONS]: mount the image; its messages are in $TMP/messages
start() {
	"$IOMAP4FS" "$IMG" "$MNT" -f -o "iomap=off${1:+,$1}" 2>"$TMP/messages" &
	SERVER=$!
	for _ in $(seq 400); do
		! mountpoint -q "$MNT" || return 0
		kill -0 $SERVER 2>/dev/null || break
		sleep 0.05
	done
	cat "$TMP/messages" >&2
	fail "not mounted"
}

stop() {
	umount "$MNT"
	wait $SERVER || fail "the server ended with $?"
}

# refused WHAT COMMAND: it fails because of damage
refused() {
	! (cd "$MNT" && LC_ALL=C eval "$2") >"$TMP/out" 2>&1 || fail "$1: $2: done"
	grep -e 'Structure needs cleaning' -e 'Read-only file system' "$TMP/out" >/dev/null || {
		cat "$TMP/out" >&2
		fail "$1: $2: another error"
	}
}

# noted WHAT PATTERN: it was said, and the superblock says so
noted() {
	grep -e "corrupt: .*$2" "$TMP/messages" >/dev/null || {
		cat "$TMP/messages" >&2
		fail "$1: no word of \"$2\""
	}
	dumpe2fs -h "$IMG" 2>/dev/null | grep '^Filesystem state: .*with errors' >/dev/null ||
		fail "$1: not noted"
}

# bitmaps

# use_all: something is taken or freed in both groups, whichever can be used
use_all() {
	head -c 12M /dev/zero >"$MNT/large" 2>"$TMP/out" || :
	sync "$MNT/large" || :
	rm "$MNT/victim" || fail "$1: a file can't be removed"
	cmp "$TMP/keep" "$MNT/keep" || fail "$1: a file can't be read any more"
}

# repaired: what is left can be repaired, and nothing has two owners
repaired() {
	e2fsck -fy "$IMG" >"$TMP/log" 2>&1 || [ $? = 1 ] || fail "$1: e2fsck could not repair it"
	! grep -e 'Multiply-claimed' "$TMP/log" >/dev/null || fail "$1: blocks have two owners"
	mount_image "$IMG"
	cmp "$TMP/keep" "$MNT/keep" || fail "$1: the file is another one after the repair"
	unmount_image "$IMG"
	check_image "$IMG"
}

bitmap_of_zones() {
	local zone

	for zone; do
		begin "free:$zone"
		remember "$zone"
		start errors=continue
		cmp "$TMP/keep" "$MNT/keep" || fail "$zone is free: a file can't be read"
		use_all "$zone is free"
		stop
		noted "$zone is free" "system itself is free"
		unharmed "$zone is free" "$zone"
	done
	repaired "$zone is free"

	begin "free:$zone"
	start errors=remount-ro
	! head -c 12M /dev/zero >"$MNT/large" 2>"$TMP/out" || fail "$zone is free: used"
	refused "$zone is free" "rm victim"
	cmp "$TMP/keep" "$MNT/victim" || fail "$zone is free: a file is gone"
	stop
	noted "$zone is free" "system itself is free"
	unharmed "$zone is free" "$zone"
}

bitmap_elsewhere() {
	local free

	free=$(debugfs -R "ffb 1 8000" "$TMP/base" 2>/dev/null | sed 's/.*: //')
	begin "desc:0:0:4:$free"
	cp "$IMG" "$TMP/copy"
	start errors=continue
	use_all "a bitmap that is a free block"
	stop
	noted "a bitmap that is a free block" "is free"
	for zone in $(zones); do
		SUM=$("$DAMAGE" "$TMP/copy" "sum:$zone")
		unharmed "a bitmap that is a free block" "$zone"
	done
	repaired "a bitmap that is a free block"
}

# counts TITLE PATTERN REQUEST...: bitmaps and descriptors don't agree
counts() {
	local title=$1 pattern=$2

	shift 2
	begin "$@"
	start errors=remount-ro
	! (cd "$MNT" && mkdir one two three && head -c 12M /dev/zero >large && sync large) 2>"$TMP/out" ||
		fail "$title: used"
	refused "$title" "mkdir new"
	refused "$title" "cp keep new"
	cmp "$TMP/keep" "$MNT/keep" || fail "$title: a file can't be read"
	stop
	noted "$title" "$pattern"
	start ro
	cmp "$TMP/keep" "$MNT/keep" || fail "$title: a file can't be read with ro"
	stop
}

# maps: FIELD of the inode of NAME becomes each zone
map_of_zones() {
	local name=$1 read=$2 field=$3 pattern=$4 zone change

	shift 4
	for zone in $(some_zones); do
		begin "inode:$(ino "$name"):$field:4:$zone"
		[ $# = 0 ] || damage "${@//ZONE/$zone}"
		remember "$zone"
		start
		for change in "$read" "${CHANGES[@]}"; do
			refused "$name in $zone" "$change"
		done
		# who deletes it leaks what it may not free
		(cd "$MNT" && rm -r "$name") >/dev/null 2>&1 || :
		cmp "$TMP/keep" "$MNT/keep" || fail "$name in $zone: a file can't be read"
		stop
		noted "$name in $zone" "$pattern"
		unharmed "$name in $zone" "$zone"
		debugfs -R "testb $zone" "$IMG" 2>/dev/null | grep -q "marked in use" ||
			fail "$name in $zone: it was freed"
	done
}

bad_maps() {
	local extents=$1

	if [ "$extents" ]; then
		CHANGES=("dd if=keep of=victim bs=1024 count=4 conv=notrunc,fsync")
		map_of_zones victim "cat victim" $((40 + 20)) "bad extent"
		CHANGES=("mkdir dir/new")
		map_of_zones dir "ls dir" $((40 + 20)) "bad extent"
	else
		CHANGES=("dd if=keep of=victim bs=1024 count=4 conv=notrunc,fsync")
		map_of_zones victim "cat victim" 40 "bad block number"
		CHANGES=("dd if=keep of=victim bs=1024 count=18 conv=notrunc,fsync")
		map_of_zones victim "cat victim" $((40 + 48)) "bad indirect block"
		CHANGES=("mkdir dir/new")
		map_of_zones dir "ls dir" 40 "bad block number"
	fi
	# a zone that looks like what is expected there: then only the place is wrong
	CHANGES=("setfattr -n user.b -v c attr")
	map_of_zones attr "getfattr -n user.a attr" 104 "bad block of extended attributes" "copy:$(acl attr):ZONE"
}

acl() {
	"$DAMAGE" "$TMP/base" "get:inode:$(ino "$1"):104:4"
}

# An index block of a tree inside a zone; as libext2fs walks it, and as this program does
index_of_zones() {
	local leaf n

	cp "$TMP/base" "$TMP/saved"
	mount_image "$TMP/base"
	for n in $(seq 0 2 40); do
		dd if="$TMP/keep" of="$MNT/victim" bs=1024 count=1 seek=$((100 + n)) conv=notrunc \
			status=none
	done
	unmount_image "$TMP/base"
	leaf=$("$DAMAGE" "$TMP/base" "get:inode:$(ino victim):$((40 + 16)):4")
	CHANGES=("fallocate -p -o 106496 -l 1024 victim" "truncate -s 110000 victim"
		"dd if=keep of=victim bs=1024 count=1 seek=101 conv=notrunc,fsync")
	map_of_zones victim "cat victim" $((40 + 16)) "bad index block" "copy:$leaf:ZONE"
	mv "$TMP/saved" "$TMP/base"
}

# The journal's own map
journal() {
	local title status

	for title in "inode:8:60:4:$INODE_TABLE" "inode:8:26:2:0" "inode:8:0:2:16804" \
		"super:224:4:$(ino victim) copyi:8:$(ino victim)"; do
		# shellcheck disable=SC2086 # words
		begin $title
		status=0
		"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off,rw >"$TMP/log" 2>&1 || status=$?
		[ $status != 0 ] || fail "journal, $title: mounted"
		[ $status -lt 126 ] || fail "journal, $title: status $status"
		grep -e journal "$TMP/log" >/dev/null || {
			cat "$TMP/log" >&2
			fail "journal, $title: another sentence"
		}
		start ro,noload
		cmp "$TMP/keep" "$MNT/keep" || fail "journal, $title: a file can't be read"
		stop
	done
}

# frees
freed_twice() {
	# two files with the same blocks
	begin "inode:$(ino other):$((40 + 20)):4:$(first victim)"
	cp "$IMG" "$TMP/copy"
	start errors=continue
	rm "$MNT/victim"
	rm "$MNT/other" || :
	sync "$MNT"
	cmp "$TMP/keep" "$MNT/keep" || fail "freed twice: a file can't be read"
	stop
	noted "freed twice" "are freed that are free already"
	e2fsck -fy "$IMG" >"$TMP/log" 2>&1 || [ $? = 1 ] || fail "e2fsck could not repair it"
	! grep -e 'Block bitmap differences:.*+' "$TMP/log" >/dev/null ||
		fail "blocks in use were freed: $(cat "$TMP/log")"

	# a file whose first block is free; the same with a commit in between
	begin "free:$(first victim)"
	start errors=continue
	rm "$MNT/victim" || :
	stop
	noted "a free block" "are freed that are free already"

	# a free attribute block, one that nobody counts
	begin "free:$(acl attr)"
	start errors=continue
	refused "a free attribute block" "setfattr -n user.b -v c attr"
	rm "$MNT/attr" || :
	stop
	noted "a free attribute block" "a block of extended attributes is free"
	begin "word:$(acl attr):4:4:0"
	start errors=continue
	refused "an attribute block of nobody" "setfattr -n user.b -v c attr"
	stop
	noted "an attribute block of nobody" "nobody uses a block of extended attributes"
}

inodes() {
	# an inode that has a name is free
	begin "freei:$(ino victim)"
	start errors=continue
	rm "$MNT/victim" || :
	stop
	noted "a free inode" "an inode is freed that is free already"
	# and is given away while it is in use
	begin "freei:$(ino victim)"
	start errors=continue
	exec 9<"$MNT/victim"
	refused "an inode in use" "touch new"
	exec 9<&-
	stop
	noted "an inode in use" "an inode that is in use is allocated"
	# no links, and a name
	begin "inode:$(ino victim):26:2:0"
	start errors=continue
	refused "no links" "cat victim"
	stop
	noted "no links" "a deleted inode has a name"
	# a directory, where the group has none
	begin "desc:0:16:2:0" "desc:1:16:2:0"
	start errors=continue
	rmdir "$MNT/dir/sub" || :
	stop
	noted "no directories" "a directory is freed where its group has none"
}

ext4() {
	make_base -t ext4 -O "^metadata_csum,^uninit_bg,^flex_bg,^64bit"
}

ext3() {
	make_base -t ext3 -O "^dir_index,flex_bg"
}

case $1 in
bitmaps)
	ext4
	# shellcheck disable=SC2046 # words
	bitmap_of_zones $(zones)
	bitmap_elsewhere
	ext3
	# a block of the journal's map
	bitmap_of_zones "$("$DAMAGE" "$TMP/base" "get:inode:8:$((40 + 48)):4")"
	;;
counts)
	ext4
	counts "more free clusters" "free clusters" add:desc:0:12:2:1
	counts "fewer free clusters" "free clusters" add:desc:1:12:2:-1
	counts "more free inodes" "free inodes" add:desc:0:14:2:5
	counts "fewer free inodes" "free inodes" add:desc:1:14:2:-1
	counts "the journal's inode is free" "a reserved inode is free" freei:8
	journal
	;;
extents)
	ext4
	bad_maps extents
	index_of_zones
	;;
indirect)
	ext3
	bad_maps ""
	;;
frees)
	ext4
	freed_twice
	inodes
	;;
*) fail "no part $1" ;;
esac
