#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An image file belongs to one mount: others are refused, by flock(2), by QEMU's locks, and by
# where in the file they lie; several partitions of one image can be mounted at once. A file
# system without locks is no reason not to mount.
#
#	NO_LOCKS_LIB	tests/classic/no_locks.c
. "$(dirname "$0")/lib.sh"

IMG=$TMP/image
A=$((1 << 20)) B=$((17 << 20))
mkdir "$TMP/a" "$TMP/b"
at_end() {
	local dir

	[ -z "${holder:-}" ] || kill "$holder"
	for dir in a b; do
		mountpoint -q "$TMP/$dir" && umount -l "$TMP/$dir"
	done
}

# refuse PATTERN DIR OPTIONS
refuse() {
	local status=0

	"$IOMAP4FS" "$IMG" "$2" -o "iomap=off$3" 2>"$TMP/err" || status=$?
	[ $status = 32 ] || fail "$1, options '$3': status $status"
	grep "$1" "$TMP/err" >/dev/null || fail "options '$3': no \"$1\": $(cat "$TMP/err")"
}

# mount_at DIR OPTIONS
mount_at() {
	"$IOMAP4FS" "$IMG" "$1" -o "iomap=off$2" || fail "can't mount with '$2'"
}

# hold BYTE...: read-lock these as QEMU does, until release
hold() {
	coproc HOLDER {
		exec perl -e 'open(F, "<", shift) or die;
			for (@ARGV) {
				# struct flock: type, whence, start, length, pid
				my $lock = pack("s s x4 q q i x4", 0, 0, $_, 1, 0);
				fcntl(F, 37, $lock) or die("F_OFD_SETLK: $!\n");
			}
			$| = 1;
			print("locked\n");
			<STDIN>' "$IMG" "$@"
	}
	# shellcheck disable=SC2153 # of coproc
	holder=$HOLDER_PID
	read -r <&"${HOLDER[0]}" || fail "no locks"
}

release() {
	kill "$holder"
	wait "$holder" 2>/dev/null || :
	holder=
}

# two partitions
make_image "$TMP/part" 16M -t ext4
truncate -s 40M "$IMG"
for at in $A $B; do
	dd if="$TMP/part" of="$IMG" bs=1M seek="$at" oflag=seek_bytes conv=notrunc status=none
done
mount_at "$TMP/a" ,offset=$A
mount_at "$TMP/b" ,offset=$B
refuse 'in use by iomap4fs' "$MNT" ,offset=$A
refuse 'in use' "$MNT" ,ro,offset=$A
refuse 'in use' "$MNT" ,offset=$B
cp -a /etc "$TMP/a/etc"
mkdir "$TMP/b/dir"
for i in $(seq 200); do
	echo "$i" >"$TMP/b/dir/$i"
done
diff -r --no-dereference /etc "$TMP/a/etc" >"$TMP/out" || fail "partition: $(cat "$TMP/out")"
# who waits for the image with flock(1) waits for both
umount "$TMP/a"
flock -w 2 "$IMG" true && fail "the lock is free with a partition mounted"
umount "$TMP/b"
flock -w 60 "$IMG" true || fail "the servers did not end"
for at in $A $B; do
	dd if="$IMG" of="$TMP/part" iflag=skip_bytes,count_bytes bs=1M skip="$at" count=16M status=none
	check_image "$TMP/part"
done
# one reads, the other writes
mount_at "$TMP/a" ,ro,offset=$A
mount_at "$TMP/b" ,offset=$B
umount "$TMP/b"
# and several may read the same one, but nobody write it
mount_at "$TMP/b" ,ro,offset=$A
refuse 'in use' "$MNT" ,offset=$A
umount "$TMP/a" "$TMP/b"
flock -w 60 "$IMG" true || fail "the servers did not end"
# QEMU writes: all of the image is its
hold 100 101 201 203
refuse "in use by perl (process $holder)" "$MNT" ,offset=$A
refuse "in use by perl (process $holder)" "$MNT" ,ro,offset=$A
release
# a writer that shares
hold 100 101 203
refuse "in use by perl" "$MNT" ,offset=$A
refuse "in use by perl" "$MNT" ,ro,offset=$A
release

# all of an image
make_image "$IMG" 16M -t ext4
hold 100 101 201 203
refuse "in use by perl (process $holder)" "$MNT" ""
refuse "in use by perl (process $holder)" "$MNT" ,ro
release
# QEMU reads
hold 100 201 203
refuse "in use by perl" "$MNT" ""
mount_at "$MNT" ,ro
unmount_image "$IMG"
release
# and sees what is done here: it has no chance to lock what it needs
mount_at "$MNT" ""
if command -v qemu-storage-daemon >/dev/null; then
	timeout 10 qemu-storage-daemon --blockdev "driver=file,node-name=f,filename=$IMG,locking=on" \
		--blockdev driver=raw,node-name=r,file=f \
		--nbd-server "addr.type=unix,addr.path=$TMP/nbd" \
		--export type=nbd,id=e,node-name=r,writable=on >"$TMP/out" 2>&1 &&
		fail "QEMU opens a mounted image"
	grep 'lock' "$TMP/out" >/dev/null || fail "QEMU fails otherwise: $(cat "$TMP/out")"
else
	# shellcheck disable=SC2034 # of lib.sh
	LEFT_OUT="QEMU on a mounted image: no qemu-storage-daemon"
fi
unmount_image "$IMG"
check_image "$IMG"

# without locks
for error in 38 95 37; do
	LD_PRELOAD=$NO_LOCKS_LIB NO_LOCKS=$error "$IOMAP4FS" "$IMG" "$MNT" -o iomap=off \
		2>"$TMP/err" || fail "error $error: not mounted: $(cat "$TMP/err")"
	grep "can't be locked" "$TMP/err" >/dev/null || fail "no warning: $(cat "$TMP/err")"
	mkdir "$MNT/dir$error"
	umount "$MNT"
	# no lock tells when the server has ended
	for _ in $(seq 3000); do
		dumpe2fs -h "$IMG" 2>/dev/null | grep '^Filesystem features:.*needs_recovery' \
			>/dev/null || break
		sleep 0.02
	done
	check_image "$IMG"
done
