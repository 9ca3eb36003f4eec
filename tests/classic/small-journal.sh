#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A small journal under a large file system: operations that change more blocks than it
# has, each in one system call, come in parts.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

# still mounted for writing, and nothing was said
works() {
	touch "$MNT/works" || fail "$NAME: read-only after $1"
	sync -f "$MNT"
}

# 1500 groups and a journal of 1024 blocks
NAME="many groups"
make_image "$TMP/image" 12G -t ext4 -b 1024 -J size=1 -N 20000
mount_image "$TMP/image"
free=$(stat -f -c %f "$MNT")
fallocate -l 11G "$MNT/f" || fail "fallocate of many groups"
works "fallocate"
truncate -s 6G "$MNT/f" || fail "truncating many groups"
works "truncate"
[ "$(stat -c %b "$MNT/f")" -le $(((6 << 21) + 2000)) ] || fail "blocks are left behind the end"
fallocate -p -o 1M -l 5G "$MNT/f" || fail "a hole in many groups"
works "a hole"
rm "$MNT/f"
fallocate -l 9G "$MNT/g"
exec 7<"$MNT/g"
rm "$MNT/g"
exec 7<&-
for _ in $(seq 300); do
	[ "$(stat -f -c %f "$MNT")" -ge $((free - 100)) ] && break
	sleep 0.1
done
[ "$(stat -f -c %f "$MNT")" -ge $((free - 100)) ] || fail "blocks of deleted files are lost"
works "rm"
unmount_image "$TMP/image"
check_image "$TMP/image"

# very many extents and a journal of 1024 blocks
NAME="many extents"
make_image "$TMP/image" 400M -t ext4 -b 1024 -J size=1
mount_image "$TMP/image"
python3 - "$MNT/f" <<'PYTHON'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.posix_fallocate(fd, 0, 300 << 20)
for off in range(1024, 300 << 20, 2048):
    if libc.fallocate(fd, 3, ctypes.c_longlong(off), ctypes.c_longlong(1024)):
        sys.exit("fallocate: " + os.strerror(ctypes.get_errno()))
    if off & ((16 << 20) - 1) == 1024:
        os.pwrite(fd, b'%d' % off, off + 1023)
PYTHON
works "150,000 holes"
fallocate -p -o 100M -l 100M "$MNT/f" || fail "a hole over holes"
works "a hole over holes"
rm "$MNT/f"
works "rm"

# names and attributes, many in one transaction
for i in $(seq 300); do
	mkdir "$MNT/d$i"
	setfattr -n user.a -v "$(printf '%0900d' "$i")" "$MNT/d$i"
done
mkdir "$MNT/large"
(cd "$MNT/large" && seq -f '%040.0f' 20000 | xargs touch)
works "making"
rm -r "$MNT/large" "$MNT"/d*
works "removing"
unmount_image "$TMP/image"
check_image "$TMP/image"
