#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Damaged descriptors of groups are told at mount; a damaged bitmap when something is to be
# taken or freed for the first time, and until then the files can be read.
. "$(dirname "$0")/lib.sh"

IMG=$TMP/image

# refused WANT DEBUGFS-REQUEST...: with that done to it the image isn't mounted
refused() {
	local want=$1 status=0 request

	shift
	cp --sparse=always "$TMP/base" "$IMG"
	for request; do
		debugfs -w -R "$request" "$IMG" >/dev/null 2>"$TMP/log"
		[ "$(wc -l <"$TMP/log")" = 1 ] || {
			cat "$TMP/log" >&2
			fail "debugfs: $request"
		}
	done
	"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off >"$TMP/log" 2>&1 || status=$?
	[ $status != 0 ] || fail "$*: mounted"
	[ $status -lt 126 ] || fail "$*: status $status"
	grep -e "$want" "$TMP/log" >/dev/null || {
		cat "$TMP/log" >&2
		fail "$*: no word of \"$want\""
	}
}

# value N NAME: a number of group N's descriptor
value() {
	local n

	n=$(dumpe2fs "$TMP/base" 2>/dev/null | grep -A 20 "^Group $1:" |
		sed -n "s/.*$2 at \([0-9]*\).*/\1/p" | sed -n 1p)
	[[ $n =~ ^[1-9][0-9]*$ ]] || fail "group $1 has no $2"
	echo "$n"
}

for features in flex_bg ^flex_bg ^flex_bg,meta_bg,^resize_inode; do
	make_image "$TMP/base" 64M -t ext4 -b 1024 -O "^metadata_csum,^uninit_bg,$features"
	mount_image "$TMP/base"
	unmount_image "$TMP/base"
	check_image "$TMP/base"

	refused "block bitmap is outside" "set_bg 3 block_bitmap 0"
	refused "block bitmap is outside" "set_bg 3 block_bitmap 65536"
	refused "inode bitmap is outside" "set_bg 3 inode_bitmap 4294967295"
	refused "inode table is outside" "set_bg 3 inode_table 65535"
	refused "the same blocks" "set_bg 3 block_bitmap $(value 3 'Inode bitmap')"
	refused "the same blocks" "set_bg 3 inode_bitmap $(($(value 3 'Inode table') + 5))"
	refused "the same blocks" "set_bg 3 inode_table $(($(value 3 'Inode table') + 1))" \
		"set_bg 3 block_bitmap $(($(value 3 'Inode table') + 2))"
	# a backup of the superblock
	refused "the same blocks" "set_bg 3 block_bitmap $((3 * 8192 + 1))"
done

make_image "$TMP/base" 64M -t ext4 -b 1024
refused "descriptor of group 2 has a bad checksum" "set_bg 2 checksum 0x1234"

# A bitmap: one bit is enough for its checksum
mount_image "$TMP/base"
mkdir "$MNT/dir"
seq 1 20000 >"$MNT/dir/file"
cp "$MNT/dir/file" "$TMP/file"
unmount_image "$TMP/base"

damage_bitmap() {
	cp --sparse=always "$TMP/base" "$IMG"
	printf '\x55' | dd of="$IMG" bs=1 seek=$(($(value 2 'lock bitmap') * 1024 + 700)) conv=notrunc \
		status=none
}

# changes: each of these must fail with the error that its name says
changes() {
	local want=$1

	shift
	for change in 'touch new' 'mkdir newdir' 'rm dir/file' 'mv dir moved' 'truncate -s 0 dir/file' \
		'truncate -s 1M dir/file' 'setfattr -n user.a -v b dir/file' 'ln -s x link' \
		'dd if=/dev/zero of=dir/file conv=notrunc status=none'; do
		! (cd "$MNT" && LC_ALL=C eval "$change") 2>"$TMP/log" || fail "$change: done"
		grep -e "$want" "$TMP/log" >/dev/null || {
			cat "$TMP/log" >&2
			fail "$change: another error"
		}
	done
}

for errors in continue remount-ro; do
	damage_bitmap
	"$IOMAP4FS" "$IMG" "$MNT" -f -o "iomap=off,errors=$errors" 2>"$TMP/messages" &
	for _ in $(seq 200); do
		! mountpoint -q "$MNT" || break
		sleep 0.05
	done
	mountpoint -q "$MNT" || fail "errors=$errors: not mounted"
	cmp "$MNT/dir/file" "$TMP/file" || fail "a file can't be read"
	[ "$(ls "$MNT/dir")" = file ] || fail "a directory can't be read"
	touch -d 2001-02-03 "$MNT/dir/file" || fail "times take no space"
	[ ! -s "$TMP/messages" ] || {
		cat "$TMP/messages" >&2
		fail "errors=$errors: reading has said something"
	}
	! (LC_ALL=C; touch "$MNT/new") 2>/dev/null || fail "made a file"
	case $errors in
	continue)
		changes 'Structure needs cleaning'
		# once, however many try
		[ "$(grep -c "can't read the bitmaps" "$TMP/messages")" = 1 ] ||
			fail "the bitmaps are told of again and again"
		;;
	*) changes 'Read-only file system' ;;
	esac
	cmp "$MNT/dir/file" "$TMP/file" || fail "errors=$errors: a file can't be read any more"
	grep -e "can't read the bitmaps: run \"e2fsck -fy" "$TMP/messages" >/dev/null || {
		cat "$TMP/messages" >&2
		fail "errors=$errors: nothing said of the bitmaps"
	}
	unmount_image "$IMG"
	wait
	# the damage is noted, and repaired as any
	e2fsck -fy "$IMG" >"$TMP/log" 2>&1 || [ $? = 1 ] || fail "e2fsck could not repair it"
	check_image "$IMG"
	mount_image "$IMG"
	cmp "$MNT/dir/file" "$TMP/file" || fail "the file is not the same after the repair"
	touch "$MNT/new"
	unmount_image "$IMG"
	check_image "$IMG"
done
