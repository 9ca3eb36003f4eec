#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source and mount point are paths of any bytes and any length, or descriptors; and the mount
# point may be another one when the end comes.
. "$(dirname "$0")/lib.sh"

make_image "$TMP/pristine" 16M -t ext4
server=

# wait_mounted DIR
wait_mounted() {
	for _ in $(seq 1500); do
		mountpoint -q "$1" && return
		kill -0 $server 2>/dev/null || break
		sleep 0.02
	done
	cat "$TMP/err" >&2
	fail "$2 is not mounted"
}

# serve SOURCE DIR WHAT
serve() {
	"$IOMAP4FS" "$1" "$2" -f -o iomap=off 2>"$TMP/err" &
	server=$!
	wait_mounted "$2" "$3"
}

# terminate WHAT
terminate() {
	local status=0

	kill -TERM $server
	for _ in $(seq 1500); do
		kill -0 $server 2>/dev/null || break
		sleep 0.02
	done
	kill -KILL $server 2>/dev/null && fail "$1: SIGTERM doesn't end it"
	wait $server || status=$?
	[ $status = 0 ] || { cat "$TMP/err" >&2; fail "$1: status $status"; }
}

# source_in_table SOURCE: is there a mount of it in the kernel's table?
source_in_table() {
	perl -e 'open(M, "<", "/proc/self/mountinfo") or die;
		while (<M>) {
			next unless / - fuse\S* (\S+)/;
			(my $source = $1) =~ s/\\([0-7]{3})/chr(oct($1))/ge;
			exit(0) if $source eq $ARGV[0];
		}
		exit(1)' "$1"
}

long=$(printf '%0300d' 0 | sed 's/.\{100\}/&\//g')
long=${long%/}
deep=$TMP/$(printf 'd%.0s' $(seq 200))
for _ in $(seq 17); do
	deep=$deep/$(printf 'e%.0s' $(seq 200))
done
deep=${deep:0:3900}
for name in $'new\nline' 'question?offset=1' 'comma,ro' 'back\slash' 'a blank' $'\xff\xfe' '"quoted"' \
	'\040' '-o' "$long"; do
	source=$TMP/images/$name
	dir=$TMP/dirs/$name
	mkdir -p "${source%/*}" "$dir"
	cp "$TMP/pristine" "$source"
	serve "$source" "$dir" "$name"
	source_in_table "$source" || fail "$name: not in the mount table"
	mkdir "$dir/made" || fail "$name: can't write"
	terminate "$name"
	mountpoint -q "$dir" && fail "$name: still mounted"
	# e2fsck takes some bytes for something else
	cp "$source" "$TMP/copy"
	check_image "$TMP/copy"
done

# relative paths, with -- before what begins with a dash
(
	cd "$TMP/images"
	"$IOMAP4FS" -o iomap=off -- -o "$MNT" || fail "--"
	[ -d "$MNT/made" ] || fail "--: something else is mounted"
	unmount_image ./-o
)

# 3900 bytes
mkdir -p "$deep"
cp "$TMP/pristine" "$deep/image"
mkdir "$deep/dir"
serve "$deep/image" "$deep/dir" "3900 bytes"
mkdir "$deep/dir/made" || fail "3900 bytes: can't write"
terminate "3900 bytes"
rm "$deep/image"

# a descriptor, of a file that has no name any more
cp "$TMP/pristine" "$TMP/image"
exec 8<>"$TMP/image"
rm "$TMP/image"
"$IOMAP4FS" /dev/fd/8 "$MNT" -o iomap=off || fail "can't mount a descriptor"
mkdir "$MNT/made"
umount "$MNT"
flock -w 60 8 || fail "the server did not end"
e2fsck -fn /proc/self/fd/8 >"$TMP/fsck" 2>&1 || { cat "$TMP/fsck" >&2; fail "descriptor: errors"; }
exec 8>&-

# moved, to a place with a strange name
area=$TMP/area
moved=$area/$'moved\n here'
mkdir -p "$area"
mount --bind "$area" "$area"
mount --make-private "$area"
at_end() {
	umount -R "$area"
}
mkdir "$area/mnt" "$moved"
cp "$TMP/pristine" "$TMP/image"
serve "$TMP/image" "$area/mnt" moved
mount --move "$area/mnt" "$moved" || fail "can't move it"
mkdir "$moved/made"
terminate moved
mountpoint -q "$moved" && fail "moved: still mounted"
check_image "$TMP/image"

# Unmounted by somebody else, and the number of the mount given to another one, which stays.
serve "$TMP/image" "$area/mnt" replaced
umount "$area/mnt"
for i in $(seq 20); do
	mkdir -p "$area/other$i"
	mount -t tmpfs none "$area/other$i"
done
wait $server || fail "replaced: status $?"
for i in $(seq 20); do
	mountpoint -q "$area/other$i" || fail "the server has unmounted somebody else's mount"
	umount "$area/other$i"
done

# a "?" in the path is no beginning of options, where a journal has to be replayed neither
path="$TMP/a?b=c"
cp "$TMP/pristine" "$path"
serve "$path" "$MNT" "a path with a question mark"
mkdir "$MNT/kept"
sync "$MNT/kept"
kill -KILL $server
wait $server || :
umount -l "$MNT"
serve "$path" "$MNT" "a path with a question mark, after a crash"
[ -d "$MNT/kept" ] || fail "a path with a question mark: the journal was not replayed"
umount "$MNT"
wait $server || fail "a path with a question mark: status $?"
# e2fsck takes the rest of the name for options
mv "$path" "$TMP/image"
check_image "$TMP/image"

# Mounted beforehand
command -v mount.fuse3 >/dev/null || skip "no mount.fuse3"
cp "$TMP/pristine" "$TMP/image"
for options in drop_privileges drop_privileges,ro; do
	mount.fuse3 "$IOMAP4FS#$TMP/image" "$MNT" -o "iomap=off,$options" ||
		fail "mount.fuse3 -o $options"
	mountpoint -q "$MNT" || fail "mount.fuse3 -o $options: nothing is mounted"
	case $options in
	*ro) mkdir "$MNT/other" 2>/dev/null && fail "-o ro: can be written" ;;
	*) mkdir "$MNT/made" || fail "mount.fuse3: can't write" ;;
	esac
	[ -d "$MNT/made" ] || fail "mount.fuse3 -o $options: not what was written"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
done
# what is no mount
exec 9<"$TMP/image"
"$IOMAP4FS" "$TMP/image" /dev/fd/9 -o iomap=off 2>/dev/null && fail "a file is no mount point"
exit 0
