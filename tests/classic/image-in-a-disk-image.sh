#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -o offset=: a file system that begins somewhere in a disk image or device is
# mounted, its journal replayed, and nothing around it is touched.
. "$(dirname "$0")/lib.sh"

OFFSET=$((3 * 1048576 + 512))
SIZE=$((64 * 1048576))
DISK=$TMP/disk

# the disk image: noise, the file system, noise
make_disk() {
	make_image "$TMP/part" $SIZE -t ext4
	head -c $OFFSET /dev/urandom >"$DISK"
	cat "$TMP/part" >>"$DISK"
	head -c 1000448 /dev/urandom >>"$DISK"
}

around() {
	head -c $OFFSET "$DISK" | sha256sum
	tail -c +$((OFFSET + SIZE + 1)) "$DISK" | sha256sum
}

# check_part: take the file system out and check it
check_part() {
	dd if="$DISK" of="$TMP/part" iflag=skip_bytes,count_bytes bs=1M skip=$OFFSET count=$SIZE \
		status=none
	check_image "$TMP/part"
}

make_disk
before=$(around)
mount_image "$DISK" offset=$OFFSET
cp -a /etc "$MNT/etc"
mkdir "$MNT/dir"
head -c 3000000 /dev/urandom >"$MNT/dir/file"
truncate -s 1000 "$MNT/dir/file"
fallocate -l 5000000 "$MNT/space"
fallocate -z -o 4096 -l 100000 "$MNT/space"
remember_tree
unmount_image "$DISK"
check_part
kernel_sees_remembered "$TMP/part"
[ "$before" = "$(around)" ] || fail "bytes around the file system changed"

# without a server to end it: the journal is in the image, and replayed from there
"$IOMAP4FS" "$DISK" "$MNT" -f -o "iomap=off,offset=$OFFSET" 2>/dev/null &
server=$!
for _ in $(seq 300); do
	mountpoint -q "$MNT" && break
	sleep 0.1
done
cp /etc/passwd "$MNT/synced"
sync "$MNT/synced"
kill -9 $server
wait $server || :
umount -l "$MNT"
flock -w 10 "$DISK" true
cp "$DISK" "$TMP/crashed"
for mode in ro rw; do
	cp "$TMP/crashed" "$DISK"
	mount_image "$DISK" $mode,offset=$OFFSET 2>"$TMP/err"
	grep -q 'the journal needs recovery' "$TMP/err" || fail "there was nothing to replay"
	cmp /etc/passwd "$MNT/synced" || fail "the journal was not replayed"
	unmount_image "$DISK"
	[ "$before" = "$(around)" ] || fail "recovery changed bytes around the file system"
done
check_part

# another file system at byte 0 makes no difference
cp "$TMP/crashed" "$DISK"
make_image "$TMP/first" 2M -t ext2
dd if="$TMP/first" of="$DISK" conv=notrunc status=none
mount_image "$DISK" offset=$OFFSET
cmp /etc/passwd "$MNT/synced" || fail "another file system at byte 0: not replayed"
unmount_image "$DISK"
head -c $(stat -c %s "$TMP/first") "$DISK" | cmp - "$TMP/first" || fail "the other one changed"
cp "$TMP/crashed" "$DISK"
mount_image "$DISK" offset=$OFFSET
unmount_image "$DISK"

# a part of a block device
LOOP=$(losetup -f --show "$DISK")
"$IOMAP4FS" "$LOOP" "$MNT" -o "iomap=off,offset=$OFFSET" || fail "can't mount a part of $LOOP"
cmp /etc/passwd "$MNT/synced" || fail "another file system?"
rm "$MNT/synced"
umount "$MNT"
for _ in $(seq 300); do
	losetup -d "$LOOP" && ! losetup "$LOOP" >/dev/null 2>&1 && break
	sleep 0.1
done
LOOP=
check_part
[ "$before" = "$(around)" ] || fail "bytes around the file system on a device changed"

# refuse OFFSET PATTERN
refuse() {
	"$IOMAP4FS" "$DISK" "$MNT" -o "iomap=off,offset=$1" 2>"$TMP/err" && fail "mounted at $1"
	grep "$2" "$TMP/err" >/dev/null || fail "offset $1: $(cat "$TMP/err")"
}
refuse 100 "not a multiple of 512"
refuse 1000G "behind the end"
refuse 0 "not an ext2, ext3 or ext4"
refuse $((OFFSET + 1048576)) "not an ext2, ext3 or ext4"
# the part itself must be there as a whole
truncate -s $((OFFSET + SIZE - 1048576)) "$DISK"
refuse $OFFSET "truncated"
