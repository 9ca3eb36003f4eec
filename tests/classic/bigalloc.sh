#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The bigalloc feature: space comes in clusters of several blocks, files are mapped in
# blocks.  The same random operations on kernel ext4 give the same files, with the same
# number of clusters, and either side can go on with what the other has left; a cluster
# is free when its last block is, and the space runs out and comes back as there.
. "$(dirname "$0")/lib.sh"
have_kernel_ext4 || skip "no kernel ext4"

# play SEED OPERATIONS: in the current folder; what failed and what not goes to stdout
play() {
	local n what name off len status

	RANDOM=$1
	for n in $(seq "$2"); do
		what=$((RANDOM % 20)) name=f$((RANDOM % 5))
		off=$((RANDOM * 13 % 400000)) len=$((RANDOM * 3 + 1))
		# often at the edges of blocks and clusters
		[ $((RANDOM % 3)) = 0 ] || off=$((off & ~4095)) len=$(((len | 4095) + 1))
		[ $((RANDOM % 3)) != 0 ] || off=$((off & ~65535)) len=$(((len | 65535) + 1))
		status=0
		case $what in
		[0-6])
			yes "$n$name" | head -c $len |
				dd of=$name bs=64k seek=$off oflag=seek_bytes iflag=fullblock \
					conv=notrunc status=none || status=$?
			;;
		7) truncate -s $off $name || status=$? ;;
		8 | 9) fallocate -o $off -l $len $name || status=$? ;;
		10) fallocate -n -o $off -l $len $name || status=$? ;;
		11 | 12 | 13) fallocate -p -o $off -l $len $name || status=$? ;;
		14) fallocate -z -o $off -l $len $name || status=$? ;;
		15) truncate -s +$((len / 8)) $name || status=$? ;;
		16) yes "x$n" | head -c $((len / 4)) >>$name || status=$? ;;
		17) rm -f $name ;;
		18)
			ln -sfn "$(printf "$n%.0s" {1..150})" link$((n % 4))
			mkdir -p "d$((n % 9))/$n"
			;;
		19)
			touch $name
			setfattr -n user.large -v "$(printf 'y%.0s' {1..600})" $name || status=$?
			;;
		esac 2>/dev/null
		echo "$n $what $status"
	done
}

# What both must agree on: not the times, not how many blocks extent trees and directories have
outcome() {
	(
		cd "$1"
		sync -f .
		find . -path ./lost+found -prune -o ! -type d -printf '%p %y %m %s %l\n' |
			LC_ALL=C sort
		find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
		getfattr -d -m - f* 2>/dev/null
		find . -type d | LC_ALL=C sort
	)
}

# mapped IMAGE: which blocks of the files are mapped, in what extents ever
mapped() {
	local n

	for n in $(seq 0 4); do
		debugfs -R "ex -l f$n" "$1" 2>/dev/null | tr '/-' '  ' | awk -v name="f$n" '
			$1 == $2 && $1 ~ /^[0-9]+$/ {
				if (end != "" && $5 == end + 1) { end = $6; next }
				if (end != "") print name, start, end
				start = $5; end = $6
			}
			END { if (end != "") print name, start, end }'
	done
}

compare_mapped() {
	mapped "$TMP/image" >"$TMP/here"
	mapped "$TMP/copy" >"$TMP/kernel.out"
	[ "$(wc -l <"$TMP/kernel.out")" -gt 3 ] || fail "$1: nothing to compare"
	compare "$1, what is mapped"
}

compare() {
	cmp -s "$TMP/here" "$TMP/kernel.out" || {
		diff "$TMP/here" "$TMP/kernel.out" | head -20 >&2 || :
		fail "$1: kernel ext4 has something else"
	}
}

seed=1
for options in "-b 1024 -C 16384" "-b 4096 -C 65536" "-b 1024 -C 4096 -O inline_data -I 256" \
	"-b 2048 -C 32768 -O ^has_journal" "-b 4096 -C 8192 -O quota"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 96M -t ext4 -O bigalloc $options 2>"$TMP/err"
	cp --sparse=always "$TMP/image" "$TMP/copy"
	mode=rw
	[ "${options%quota}" = "$options" ] || mode=ro
	mount_kernel "$TMP/copy" $mode
	mount_image "$TMP/image"
	want=$(stat -f -c '%s %b %f %a %c %d %l' "$KMNT")
	got=$(stat -f -c '%s %b %f %a %c %d %l' "$MNT")
	[ "$want" = "$got" ] || fail "$options: statfs: kernel ext4: $want, here: $got"
	case $options in
	*quota*) # this kernel may have none
		unmount_kernel
		make_image "$TMP/copy" 96M -t ext4 -O bigalloc -b 4096 -C 8192 2>"$TMP/err"
		mount_kernel "$TMP/copy" rw
		;;
	esac
	(cd "$MNT" && play $seed 250) >"$TMP/here"
	(cd "$KMNT" && play $seed 250) >"$TMP/kernel.out"
	compare "$options, results"
	outcome "$MNT" >"$TMP/here"
	outcome "$KMNT" >"$TMP/kernel.out"
	compare "$options"
	unmount_kernel
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	compare_mapped "$options"

	# each goes on with what the other has made
	case $options in
	*quota*) ;;
	*)
		mount_kernel "$TMP/image" rw
		mount_image "$TMP/copy"
		(cd "$MNT" && play $((seed + 100)) 150) >"$TMP/here"
		(cd "$KMNT" && play $((seed + 100)) 150) >"$TMP/kernel.out"
		compare "$options, then results"
		outcome "$MNT" >"$TMP/here"
		outcome "$KMNT" >"$TMP/kernel.out"
		compare "$options, then"
		unmount_kernel
		unmount_image "$TMP/copy"
		check_image "$TMP/image"
		check_image "$TMP/copy"
		compare_mapped "$options, then"
		;;
	esac
	seed=$((seed + 1))
done

# Directories with an index; a full file system; and all is there again afterwards.
make_image "$TMP/image" 40M -t ext4 -O bigalloc -b 1024 -C 16384 -J size=1 -N 4000 2>"$TMP/err"
mount_image "$TMP/image"
mkdir "$MNT/big"
free=$(stat -f -c %f "$MNT")
for n in $(seq 1500); do
	: >"$MNT/big/a-name-of-some-length-so-that-blocks-are-full-soon-$n"
done
unmount_image "$TMP/image"
check_image "$TMP/image"
mount_kernel "$TMP/image" rw
for n in $(seq 1 2 1500); do
	rm "$KMNT/big/a-name-of-some-length-so-that-blocks-are-full-soon-$n"
done
for n in $(seq 2000 3000); do
	: >"$KMNT/big/a-name-of-some-length-so-that-blocks-are-full-soon-$n"
done
unmount_kernel
mount_image "$TMP/image"
for n in $(seq 3000 4000); do
	: >"$MNT/big/a-name-of-some-length-so-that-blocks-are-full-soon-$n"
done
[ "$(find "$MNT/big" -type f | wc -l)" = 2751 ] || fail "names are lost"
rm "$MNT"/big/*
dd if=/dev/zero of="$MNT/fill" bs=64k 2>"$TMP/err" && fail "no end"
grep "No space left" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
# A hole of one block in each of 100 clusters gives nothing back and takes nothing, but for
# some blocks of the extent tree.
left=$(stat -f -c %f "$MNT")
for n in $(seq 0 16 1584); do
	fallocate -p -o $((n * 1024 + 2048)) -l 1024 "$MNT/fill"
done
now=$(stat -f -c %f "$MNT")
[ "$now" -le "$left" ] || fail "a part of a cluster is free"
fallocate -l 1600k "$MNT/fill" || fail "no space for what is there"
now=$(stat -f -c %f "$MNT")
[ "$now" -ge $((left - 160)) ] || fail "a part of a cluster was allocated"
# all of it
fallocate -p -o 0 -l 1600k "$MNT/fill"
[ "$(stat -f -c %f "$MNT")" -ge $((now + 1600)) ] || fail "clusters are lost"
rm "$MNT/fill"
rmdir "$MNT/big"
unmount_image "$TMP/image"
check_image "$TMP/image"
mount_image "$TMP/image"
# without that directory
[ "$(stat -f -c %f "$MNT")" = $((free + 16)) ] || fail "blocks are lost"
unmount_image "$TMP/image"

# An attribute's value that is an inode has a cluster, and the file is charged for that.
make_image "$TMP/image" 32M -t ext4 -O bigalloc,ea_inode -b 1024 -C 16384 2>"$TMP/err"
mount_image "$TMP/image"
for n in 1 2 3; do
	touch "$MNT/$n"
	setfattr -n user.big -v "$(head -c 9000 /dev/zero | tr '\0' $n)" "$MNT/$n"
done
setfattr -x user.big "$MNT/2"
rm "$MNT/3"
unmount_image "$TMP/image"
check_image "$TMP/image"
mount_image "$TMP/image"
blocks=$(stat -c %b "$MNT/1")
[ "$blocks" = 32 ] || fail "$blocks blocks for a cluster"
unmount_image "$TMP/image"

# Without extents there are no clusters, in kernel ext4 neither.
make_image "$TMP/image" 32M -t ext4 -O bigalloc 2>"$TMP/err"
debugfs -w -R "feature -extents" "$TMP/image" >"$TMP/err" 2>&1
"$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off 2>"$TMP/err" && fail "mounted without extents"
grep "bigalloc without extent" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
