#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Reading files, directories and links moves their access times as the mount options, chattr +A
# and O_NOATIME say: with relatime the first time after a change.
. "$(dirname "$0")/lib.sh"

atime() {
	stat -c %.9X "$1"
}

# moves WANT WHAT FILE COMMAND...: does the command move the file's access time?
moves() {
	local want=$1 what=$2 file=$3 before answer=no

	shift 3
	before=$(atime "$file")
	# a tick of the clock
	sleep 0.02
	"$@" >/dev/null
	[ "$(atime "$file")" = "$before" ] || answer=yes
	[ $answer = "$want" ] || fail "$options: $what moves its access time: $answer, not $want"
}

# steps FIRST AGAIN DIR: what the first read does, what another one does, and that of a directory
steps() {
	local first=$1 again=$2 dir=$3

	mkdir "$MNT/d" "$MNT/still"
	echo contents >"$MNT/d/f"
	echo contents >"$MNT/still/f"
	chattr +A "$MNT/still" "$MNT/still/f"
	ln -s d/f "$MNT/link"
	moves "$first" "a new file" "$MNT/d/f" cat "$MNT/d/f"
	moves "$again" "the same file again" "$MNT/d/f" cat "$MNT/d/f"
	sleep 0.02
	echo more >>"$MNT/d/f"
	moves "$first" "a file that has changed" "$MNT/d/f" cat "$MNT/d/f"
	sleep 0.02
	echo more >>"$MNT/d/f"
	moves no "a file read with O_NOATIME" "$MNT/d/f" dd if="$MNT/d/f" iflag=noatime status=none
	moves "$dir" "a directory" "$MNT/d" ls "$MNT/d"
	moves "$first" "a link" "$MNT/link" readlink "$MNT/link"
	moves no "a directory with chattr +A" "$MNT/still" ls "$MNT/still"
	moves no "a file with chattr +A" "$MNT/still/f" cat "$MNT/still/f"
	touch -a -d '2 days ago' "$MNT/d/f"
	moves "$first" "a file read two days ago" "$MNT/d/f" cat "$MNT/d/f"
}

make_image "$TMP/image" 16M
for options in relatime noatime nodiratime strictatime; do
	mount_image "$TMP/image" $options
	case $options in
	relatime) steps yes no yes ;;
	noatime) steps no no no ;;
	nodiratime) steps yes no no ;;
	strictatime) steps yes yes yes ;;
	esac
	before=$(atime "$MNT/d/f")
	rm "$MNT/link"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	mount_image "$TMP/image" ro
	[ "$(atime "$MNT/d/f")" = "$before" ] || fail "$options: the access time is not in the image"
	cat "$MNT/d/f" >/dev/null
	[ "$(atime "$MNT/d/f")" = "$before" ] || fail "a read moves an access time of a read-only mount"
	unmount_image "$TMP/image"
	mount_image "$TMP/image"
	rm -r "$MNT/d" "$MNT/still"
	unmount_image "$TMP/image"
done
