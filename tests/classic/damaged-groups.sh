#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Damaged descriptors of groups are told at mount.  A damaged bitmap is found when its group is needed
# for the first time.  Then errors= decides: the group is left alone and the others are used, or the
# mount becomes read-only.
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
# each in another group
mkdir "$MNT/dir" "$MNT"/other{1..7}
seq 1 20000 >"$MNT/dir/file"
cp "$MNT/dir/file" "$TMP/file"
unmount_image "$TMP/base"

# damage_bitmap KIND: of group 2
damage_bitmap() {
	cp --sparse=always "$TMP/base" "$IMG"
	printf '\x55' | dd of="$IMG" bs=1 seek=$(($(value 2 "$1 bitmap") * 1024 + 70)) conv=notrunc \
		status=none
}

# start OPTIONS: its messages are in $TMP/messages
start() {
	"$IOMAP4FS" "$IMG" "$MNT" -f -o "iomap=off,$1" 2>"$TMP/messages" &
	for _ in $(seq 200); do
		! mountpoint -q "$MNT" || return 0
		sleep 0.05
	done
	fail "$1: not mounted"
}

# said N: so often that group 2 is damaged
said() {
	[ "$(grep -c "group 2: its .* bitmap is damaged.*run \"e2fsck -fy" "$TMP/messages")" = "$1" ] || {
		cat "$TMP/messages" >&2
		fail "$errors, $kind bitmap: not said $1 times that it is damaged"
	}
}

# use_all: needs blocks, or inodes, of all groups; the blocks of any seven are enough
use_all() {
	local n

	case $kind in
	Block) head -c 44M /dev/zero >"$MNT/large" && sync "$MNT/large" ;;
	*)
		for n in $(seq 24); do
			mkdir "$MNT/d$n" || return
		done
		;;
	esac
}

# changes: each of these must fail because the mount is read-only now
changes() {
	for change in 'touch new' 'mkdir newdir' 'rm dir/file' 'mv dir moved' 'truncate -s 0 dir/file' \
		'truncate -s 1M dir/file' 'setfattr -n user.a -v b dir/file' 'ln -s x link' \
		'dd if=/dev/zero of=dir/file conv=notrunc status=none'; do
		! (cd "$MNT" && LC_ALL=C eval "$change") 2>"$TMP/log" || fail "$change: done"
		grep -e 'Read-only file system' "$TMP/log" >/dev/null || {
			cat "$TMP/log" >&2
			fail "$change: another error"
		}
	done
}

for kind in Block Inode; do
	for errors in continue remount-ro; do
		damage_bitmap $kind
		start errors=$errors
		cmp "$MNT/dir/file" "$TMP/file" || fail "a file can't be read"
		[ "$(ls "$MNT/dir")" = file ] || fail "a directory can't be read"
		touch "$MNT/dir/other" || fail "a group that is not damaged can't be used"
		[ ! -s "$TMP/messages" ] || {
			cat "$TMP/messages" >&2
			fail "$errors, $kind bitmap: said something before the group was needed"
		}
		case $errors in
		continue)
			use_all || fail "$kind bitmap: other groups are not used"
			rm -rf "$MNT"/large "$MNT"/d[0-9]*
			use_all || fail "$kind bitmap: other groups are not used again"
			[ $kind = Inode ] || cmp -n 46137344 "$MNT/large" /dev/zero ||
				fail "the contents are others"
			;;
		*)
			! use_all 2>"$TMP/log" || fail "$kind bitmap: used"
			changes
			;;
		esac
		said 1
		cmp "$MNT/dir/file" "$TMP/file" || fail "errors=$errors: a file can't be read any more"
		unmount_image "$IMG"
		wait
		# the damage is noted, and repaired as any
		dumpe2fs -h "$IMG" 2>/dev/null | grep '^Filesystem state: .*with errors' >/dev/null ||
			fail "$errors, $kind bitmap: not noted"
		e2fsck -fy "$IMG" >"$TMP/log" 2>&1 || [ $? = 1 ] || fail "e2fsck could not repair it"
		! grep -e 'Multiply-claimed' "$TMP/log" >/dev/null || fail "blocks have two owners"
		check_image "$IMG"
		mount_image "$IMG"
		cmp "$MNT/dir/file" "$TMP/file" || fail "the file is not the same after the repair"
		touch "$MNT/new"
		unmount_image "$IMG"
		check_image "$IMG"
	done
done
