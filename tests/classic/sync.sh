#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is done with -o sync, -o dirsync, chattr +S or +D is durable when the call returns: the
# server is killed, and after the replay of the journal all of it is there.
. "$(dirname "$0")/lib.sh"

IMG=$TMP/image

# start OPTIONS: nothing is committed because time has passed
start() {
	"$IOMAP4FS" "$IMG" "$MNT" -f -o "iomap=off,commit=900$1" 2>"$TMP/err" &
	server=$!
	for _ in $(seq 1500); do
		mountpoint -q "$MNT" && return
		sleep 0.02
	done
	fail "not mounted: $(cat "$TMP/err")"
}

crash() {
	kill -KILL $server
	wait $server 2>/dev/null && fail "not killed"
	umount "$MNT"
}

# see WHAT COMMAND...: it holds after the crash
see() {
	local what=$1

	shift
	"$@" || fail "$what: not $*"
}

# names WHAT OPTIONS [OPERATION]...: changes of names, by default all kinds.  There is one crash for
# each, because a commit makes durable what has been done before.
names() {
	local what=$1 dir=$MNT/dir op

	[ $# -gt 2 ] || set -- "$@" create mkdir symlink mknod link unlink rmdir rename exchange
	for op in "${@:3}"; do
		start "$2"
		case $op in
		create) : >"$dir/new" ;;
		mkdir) mkdir "$dir/new" ;;
		symlink) ln -s target "$dir/new" ;;
		mknod) mkfifo "$dir/new" ;;
		link) ln "$dir/file" "$dir/new" ;;
		unlink) rm "$dir/file" ;;
		rmdir) rmdir "$dir/empty" ;;
		rename) mv "$dir/file" "$dir/moved" ;;
		exchange) mv "$dir/sub/inner" "$MNT/dir/outer" ;;
		esac
		crash
		mount_image "$IMG"
		case $op in
		create) see "$what $op" test -f "$dir/new" ;;
		mkdir) see "$what $op" test -d "$dir/new" ;;
		symlink) see "$what $op" test "$(readlink "$dir/new")" = target ;;
		mknod) see "$what $op" test -p "$dir/new" ;;
		link) see "$what $op" test "$dir/new" -ef "$dir/file" ;;
		unlink) see "$what $op" test ! -e "$dir/file" ;;
		rmdir) see "$what $op" test ! -e "$dir/empty" ;;
		rename) see "$what $op" test -e "$dir/moved" -a ! -e "$dir/file" ;;
		exchange) see "$what $op" test -e "$dir/outer" -a ! -e "$dir/sub/inner" ;;
		esac
		unmount_image "$IMG"
		check_image "$IMG"
		cp "$TMP/pristine" "$IMG"
	done
}

# inodes WHAT OPTIONS [OPERATION]...: changes of a file, by default all kinds
inodes() {
	local what=$1 file=$MNT/dir/file op

	[ $# -gt 2 ] || set -- "$@" chmod chown times size xattr noxattr write flags fallocate
	for op in "${@:3}"; do
		start "$2"
		case $op in
		chmod) chmod 600 "$file" ;;
		chown) chown 12:34 "$file" ;;
		times) touch -d '2001-02-03 04:05:06' "$file" ;;
		size) truncate -s 5 "$file" ;;
		xattr) setfattr -n user.name -v value "$file" ;;
		noxattr) setfattr -x user.old "$file" ;;
		write) printf 'written' >>"$file" ;;
		flags) chattr +d "$file" ;;
		fallocate) fallocate -l 100000 "$file" ;;
		esac
		crash
		mount_image "$IMG"
		case $op in
		chmod) see "$what $op" test "$(stat -c %a "$file")" = 600 ;;
		chown) see "$what $op" test "$(stat -c %u:%g "$file")" = 12:34 ;;
		times) see "$what $op" test "$(date -r "$file" +%Y)" = 2001 ;;
		size) see "$what $op" test "$(stat -c %s "$file")" = 5 ;;
		xattr) see "$what $op" getfattr -n user.name "$file" >/dev/null 2>&1 ;;
		noxattr) getfattr -n user.old "$file" >/dev/null 2>&1 && fail "$what: user.old is there" ;;
		write) see "$what $op" test "$(tail -c 7 "$file")" = written ;;
		flags) lsattr "$file" | grep -q '^[^ ]*d' || fail "$what $op" ;;
		fallocate) see "$what $op" test "$(stat -c %s "$file")" = 100000 ;;
		esac
		unmount_image "$IMG"
		check_image "$IMG"
		cp "$TMP/pristine" "$IMG"
	done
}

# fresh ATTRIBUTE: an image with a few things in it, and the attribute on what is in dir
fresh() {
	make_image "$IMG" 32M -t ext4
	mount_image "$IMG"
	mkdir "$MNT/dir" "$MNT/dir/empty" "$MNT/dir/sub"
	: >"$MNT/dir/sub/inner"
	seq 1000 >"$MNT/dir/file"
	chmod 640 "$MNT/dir/file"
	setfattr -n user.old -v old "$MNT/dir/file"
	case $1 in
	S) chattr +S "$MNT/dir" "$MNT/dir/file" "$MNT/dir/sub" ;;
	D) chattr +D "$MNT/dir" "$MNT/dir/sub" ;;
	esac
	unmount_image "$IMG"
	cp "$IMG" "$TMP/pristine"
}

fresh none
# without any of it a crash takes it all, so the rest of this test can fail
start ""
mkdir "$MNT/dir/new"
crash
mount_image "$IMG"
[ ! -e "$MNT/dir/new" ] || fail "a directory is durable without reason"
unmount_image "$IMG"
cp "$TMP/pristine" "$IMG"

names "-o sync" ,sync
inodes "-o sync" ,sync
names "-o dirsync" ,dirsync create exchange
fresh S
names "+S" "" mkdir rename
inodes "+S" "" chmod size write flags
fresh D
names "+D" "" symlink unlink
