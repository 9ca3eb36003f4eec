#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fstrim: an image file gives back what nothing is in, the same bytes that kernel ext4
# would discard, and no byte of a file; also while files are written.
. "$(dirname "$0")/lib.sh"
command -v fstrim >/dev/null || skip "no fstrim"

# trimmed DIR [FSTRIM-ARGUMENT]...: print how many bytes
trimmed() {
	local dir=$1

	shift
	fstrim -v "$@" "$dir" | sed -n 's/.*(\([0-9]*\) bytes) trimmed.*/\1/p'
}

# what the image takes, KiB
allocated() {
	du -k "$1" | cut -f1
}

# Pieces of many sizes, a part of them free again
fill() {
	local i

	mkdir "$1/dir"
	for i in $(seq 120); do
		head -c $((i * i * 67)) /dev/urandom >"$1/dir/f$i"
	done
	head -c 30M /dev/urandom >"$1/big"
	for i in $(seq 1 3 120); do
		rm "$1/dir/f$i"
	done
}

free_blocks() {
	stat -f -c %f "$MNT"
}

# files are freed when the kernel forgets them
wait_until_free() {
	local i

	for i in $(seq 300); do
		[ "$(free_blocks)" -ge "$1" ] && return
		sleep 0.1
	done
	fail "the blocks of deleted files don't come back"
}

contents() {
	(cd "$MNT" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

# as kernel ext4, in all of the file system and in parts of it
same_as_kernel() {
	local image=$1 what=$2 args want got
	local group=$((32 << 20)) end

	# kernel ext4 goes on to the end of the last run; here a group ends with the range
	end=$((group + $(dumpe2fs -h "$image" 2>/dev/null | sed -n 's/^First block: *//p') * 1024))
	[[ $what != *bigalloc* ]] || end=$((1 << 40))
	have_kernel_ext4 || {
		LEFT_OUT="the comparison with kernel ext4"
		return 0
	}
	for args in "" "-m 64k" "-m 1M" "-o $group -l $end" "-o 12345678"; do
		cp --sparse=always "$image" "$TMP/copy"
		mount_kernel "$TMP/copy" rw
		# shellcheck disable=SC2086
		want=$(trimmed "$KMNT" $args)
		unmount_kernel
		cp --sparse=always "$image" "$TMP/copy"
		mount_image "$TMP/copy"
		# shellcheck disable=SC2086
		got=$(trimmed "$MNT" $args)
		unmount_image "$TMP/copy"
		[ "$want" = "$got" ] ||
			fail "$what: fstrim $args: kernel ext4 trims $want bytes, here $got"
	done
}

for features in "-t ext4 -b 4096 -g 8192" "-t ext4 -b 1024" "-t ext2 -b 4096 -g 8192" \
	"-t ext4 -b 4096 -O bigalloc -C 16384" "-t ext4 -b 4096 -g 8192 -O ^uninit_bg,meta_bg,^resize_inode"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 200M $features
	mount_image "$TMP/image"
	fill "$MNT"
	sync -f "$MNT"
	before=$(free_blocks)
	rm "$MNT/big"
	bs=$(stat -f -c %S "$MNT")
	wait_until_free $((before + (30 << 20) / bs))
	was=$(allocated "$TMP/image")
	contents >"$TMP/contents"
	# nothing has been committed since: what was deleted last is trimmed, too
	got=$(trimmed "$MNT")
	[ "$got" -gt $((140 << 20)) ] || fail "$features: only $got bytes were trimmed"
	now=$(allocated "$TMP/image")
	[ $((was - now)) -gt $((29 << 10)) ] ||
		fail "$features: the image took $was KiB and takes $now"
	[ "$(trimmed "$MNT")" = 0 ] || fail "$features: the same blocks are trimmed again"
	echo new >"$MNT/new"
	sync -f "$MNT"
	before=$(free_blocks)
	rm "$MNT/new"
	wait_until_free $((before + 1))
	remember_tree
	again=$(trimmed "$MNT")
	# with clusters there is only one group
	[[ $again -gt 0 && ($again -lt $got || $features == *bigalloc*) ]] ||
		fail "$features: after one deletion $again bytes of $got"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	kernel_sees_remembered "$TMP/image"
	same_as_kernel "$TMP/image" "$features"
	mount_image "$TMP/image"
	contents | cmp -s - "$TMP/contents" || fail "$features: trimming changed a file"
	unmount_image "$TMP/image"
done

# who may, and when
mount_image "$TMP/image"
chmod 755 "$TMP"
if command -v runuser >/dev/null; then
	runuser -u nobody -- fstrim "$MNT" 2>"$TMP/err" && fail "anybody may trim"
	grep -q "not permitted" "$TMP/err" || fail "for nobody: $(cat "$TMP/err")"
fi
fstrim -m 1G "$MNT" 2>"$TMP/err" && fail "a minimum larger than a group"
grep -q "Invalid argument" "$TMP/err" || fail "too large a minimum: $(cat "$TMP/err")"
fstrim -o 1T "$MNT" 2>"$TMP/err" && fail "behind the end"
grep -q "Invalid argument" "$TMP/err" || fail "behind the end: $(cat "$TMP/err")"
unmount_image "$TMP/image"
mount_image "$TMP/image" ro
fstrim "$MNT" 2>"$TMP/err" && fail "a read-only mount is trimmed"
grep -q "Read-only file system" "$TMP/err" || fail "read-only: $(cat "$TMP/err")"
unmount_image "$TMP/image"

# a part of a disk image: nothing else is touched
make_image "$TMP/part" 60M -t ext4
head -c 64M /dev/urandom >"$TMP/disk"
dd if="$TMP/part" of="$TMP/disk" bs=1M seek=2 conv=notrunc status=none
head -c 2M "$TMP/disk" | sha256sum >"$TMP/head"
tail -c 2M "$TMP/disk" | sha256sum >"$TMP/tail"
was=$(allocated "$TMP/disk")
mount_image "$TMP/disk" offset=$((2 << 20))
cp /etc/passwd "$MNT/file"
got=$(trimmed "$MNT")
[ "$got" -gt $((40 << 20)) ] || fail "with offset= only $got bytes were trimmed"
unmount_image "$TMP/disk"
now=$(allocated "$TMP/disk")
[ $((was - now)) -gt $((40 << 10)) ] || fail "with offset=: the image took $was KiB and takes $now"
head -c 2M "$TMP/disk" | sha256sum | cmp -s - "$TMP/head" || fail "trimmed before the file system"
tail -c 2M "$TMP/disk" | sha256sum | cmp -s - "$TMP/tail" || fail "trimmed behind the file system"
dd if="$TMP/disk" of="$TMP/part" bs=1M skip=2 count=60 status=none
check_image "$TMP/part"

# while files come and go, and there is hardly space: nobody gets blocks that are being
# trimmed, nor an error because of them
read_parts() {
	local f

	# from the server, not from the page cache
	for f in "$MNT"/part.*; do
		dd if="$f" iflag=direct bs=256k status=none
	done
}

make_image "$TMP/image" 48M -t ext4 -b 1024
mount_image "$TMP/image"
touch "$TMP/going"
(
	while [ -e "$TMP/going" ]; do
		fstrim "$MNT" 2>/dev/null || :
		fstrim -o 1M "$MNT" 2>/dev/null || :
	done
) &
trimmer=$!
for i in $(seq 8); do
	avail=$(($(stat -f -c '%f * %S' "$MNT") / 1024 - 2500))
	head -c "${avail}k" /dev/urandom >"$TMP/want"
	split -n 23 -a 2 -d "$TMP/want" "$MNT/part." || fail "round $i: no space for $avail KiB"
	sync -f "$MNT"
	read_parts | cmp - "$TMP/want" || fail "round $i: other data"
	rm -f "$MNT"/part.*[13579]
	cat "$MNT"/part.* >"$TMP/rest"
	read_parts | cmp - "$TMP/rest" || fail "round $i: the rest is other data"
	rm -f "$MNT"/part.*
	wait_until_free $((avail))
done
rm "$TMP/going"
wait $trimmer
unmount_image "$TMP/image"
check_image "$TMP/image"
