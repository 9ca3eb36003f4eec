#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# When memory is short the server gives back half of its metadata cache, again and
# again, down to a minimum; nothing is lost by that, and it goes on.  The test tells it
# so through a FIFO, as service managers may.
. "$(dirname "$0")/lib.sh"
command -v mkfifo >/dev/null || skip "no mkfifo"

mkfifo "$TMP/pressure"
export MEMORY_PRESSURE_WATCH=$TMP/pressure

# KiB that the cache was cut to last, from the log
cut_to() {
	sed -n 's/.*metadata cache cut from \([0-9]*\) KiB to \([0-9]*\) KiB/\2/p' "$TMP/err" |
		tail -n 1
}

cuts() {
	grep -c 'metadata cache cut' "$TMP/err" || :
}

# squeeze: tell it, and wait until it has done something
squeeze() {
	local before

	before=$(cuts)
	echo short >"$TMP/pressure"
	for _ in $(seq 300); do
		[ "$(cuts)" -gt "$before" ] && return
		sleep 0.1
	done
	return 1
}

rss() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"
}

for type in ext4 ext2; do
	make_image "$TMP/image" 512M -t $type -b 4096 -I 256 -N 60000
	"$IOMAP4FS" "$TMP/image" "$MNT" -f -o iomap=off,cache_size=64M,commit=300 2>"$TMP/err" &
	server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	for d in 1 2 3 4 5; do
		mkdir "$MNT/$d"
		(cd "$MNT/$d" && seq -f 'a-file-with-a-name-that-takes-room-%g' 6000 | xargs touch)
	done
	large=$(rss $server)
	squeeze || fail "$type: it doesn't react: $(cat "$TMP/err")"
	first=$(cut_to)
	# that many KiB are one half
	freed=$((large - $(rss $server)))
	echo "$type: cut to $first KiB, $freed KiB were given back"
	[ $freed -gt $((first * 6 / 10)) ] || fail "$type: the memory was not given back"
	# uncommitted changes take part: they had to be committed first
	rm -r "$MNT/3"
	cp -a /etc "$MNT/etc"
	squeeze || fail "$type: it doesn't react again"
	for _ in 1 2 3 4 5 6; do
		squeeze || break
	done
	last=$(cut_to)
	echo "$type: at last cut to $last KiB"
	[ "$first" -gt "$last" ] || fail "$type: from $first KiB to $last KiB"
	[ "$last" -le 4096 ] || fail "$type: still $last KiB"

	# it goes on with little, and all is there
	rm -r "$MNT/2"
	mkdir "$MNT/new"
	seq -f "$MNT/new/%g" 3000 | xargs touch
	[ "$(find "$MNT/1" -type f | wc -l)" = 6000 ] || fail "$type: files are missing"
	diff -r /etc "$MNT/etc" --no-dereference >/dev/null || fail "$type: /etc differs"
	remember_tree
	umount "$MNT"
	wait $server || fail "$type: status $?"
	check_image "$TMP/image"
	kernel_sees_remembered "$TMP/image"
done

# /dev/null: nobody wants it to be watched; something that isn't there is no reason to fail
make_image "$TMP/image" 32M -t ext4
for path in /dev/null "$TMP/none" "$TMP/regular"; do
	echo contents >"$TMP/regular"
	MEMORY_PRESSURE_WATCH=$path mount_image "$TMP/image"
	unmount_image "$TMP/image"
	[ "$(cat "$TMP/regular")" = contents ] || fail "it wrote to a file"
done
