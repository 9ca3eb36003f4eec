#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Multi-mount protection: the block says who has the file system mounted, and who it
# is that has it is asked first.  Another machine is one that writes into the image
# while a test is at it.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

IMG=$TMP/image

sequence() {
	debugfs -R dump_mmp "$1" 2>/dev/null | sed -n 's/^sequence: *//p'
}

# other_machine IMAGE SEQUENCE: what a machine called "elsewhere" would write
other_machine() {
	python3 - "$@" <<-'PY'
		import struct, sys
		with open(sys.argv[1], 'r+b', buffering=0) as f:
		    f.seek(1024)
		    sb = f.read(1024)
		    size = 1024 << struct.unpack_from('<I', sb, 24)[0]
		    at = struct.unpack_from('<Q', sb, 360)[0] * size
		    f.seek(at + 4)
		    f.write(struct.pack('<I', int(sys.argv[2], 16)))
		    f.seek(at + 16)
		    f.write(b'elsewhere\033[2J'.ljust(64, b'\0') + b'sdq'.ljust(32, b'\0'))
	PY
}

# refused PATTERN
refused() {
	local status=0

	"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off 2>"$TMP/err" || status=$?
	[ $status = 32 ] || fail "status $status, expected a refusal with \"$1\""
	grep -- "$1" "$TMP/err" >/dev/null || fail "expected \"$1\": $(cat "$TMP/err")"
	mountpoint -q "$MNT" && fail "it is mounted"
	return 0
}

# no checksums: the other machine has no need to know how to compute them
make_image "$IMG" 32M -t ext4 -O mmp,^metadata_csum -E mmp_update_interval=1
cp "$IMG" "$TMP/copy"

# a clean one is mounted at once, and counts
SECONDS=0
mount_image "$IMG"
[ $SECONDS -lt 5 ] || fail "a clean file system took $SECONDS s"
echo one >"$MNT/file"
sync "$MNT/file"
sleep 1
first=$(sequence "$IMG")
sleep 2.5
second=$(sequence "$IMG")
[ $((16#$second)) -gt $((16#$first)) ] || fail "the sequence went from $first to $second"
[ $((16#$second)) -lt $((16#e24d4d50)) ] || fail "sequence $second"
name=$(debugfs -R dump_mmp "$IMG" 2>/dev/null | sed -n 's/^node_name: *//p')
[ "$name" = "$(uname -n)" ] || fail "node name $name"
cp "$IMG" "$TMP/crashed"
unmount_image "$IMG"
[ "$(sequence "$IMG")" = ff4d4d50 ] || fail "not given back: $(sequence "$IMG")"
check_image "$IMG"

# read-only it isn't looked at, as by kernel ext4
other_machine "$IMG" 12345
before=$(sha256sum <"$IMG")
mount_image "$IMG" ro
[ "$(cat "$MNT/file")" = one ] || fail "the file"
unmount_image "$IMG"
[ "$before" = "$(sha256sum <"$IMG")" ] || fail "a read-only mount changed the image"

# e2fsck is at work
other_machine "$IMG" e24d4d50
refused "e2fsck.*mmp"

# another machine has it
other_machine "$IMG" 12345
: >"$TMP/elsewhere"
(
	i=1
	while [ -e "$TMP/elsewhere" ]; do
		other_machine "$IMG" $((12345 + i++))
		sleep 1
	done
) &
other=$!
SECONDS=0
refused 'the machine "elsewhere?\[2J" has it mounted as "sdq" (mmp)'
[ $SECONDS -ge 10 ] || fail "looked for only $SECONDS s"
rm "$TMP/elsewhere"
wait $other

# it is gone now
SECONDS=0
mount_image "$IMG"
[ $SECONDS -ge 20 ] || fail "waited only $SECONDS s"
[ "$(cat "$MNT/file")" = one ] || fail "the file"
# two that found it free in the same moment: the one that sees the other stops
echo two >"$MNT/file2"
other_machine "$IMG" 777
for _ in $(seq 50); do
	touch "$MNT/file3" 2>/dev/null || break
	sleep 0.1
done
touch "$MNT/file4" 2>/dev/null && fail "it goes on writing beside another machine"
[ "$(cat "$MNT/file")" = one ] || fail "it can't be read any more"
before=$(sha256sum <"$IMG")
unmount_image "$IMG"
[ "$before" = "$(sha256sum <"$IMG")" ] || fail "it wrote to a file system that it lost"
[ "$(sequence "$IMG")" = 00000777 ] || fail "it gave back what is another's"

# after a crash, with a journal to replay
IMG=$TMP/crashed
mount_image "$IMG" 2>/dev/null
[ "$(cat "$MNT/file")" = one ] || fail "the file is lost"
unmount_image "$IMG"
check_image "$IMG"

# a mount that fails gives it back
IMG=$TMP/copy
"$IOMAP4FS" "$IMG" "$TMP/none" -o iomap=off 2>/dev/null && fail "mounted on nothing"
[ "$(sequence "$IMG")" = ff4d4d50 ] || fail "a mount that failed kept it"

# with checksums, and a block that has none
IMG=$TMP/image
make_image "$IMG" 32M -t ext4 -O mmp,metadata_csum -E mmp_update_interval=1
mount_image "$IMG"
touch "$MNT/file"
unmount_image "$IMG"
check_image "$IMG"
other_machine "$IMG" 12345
refused "(mmp) is corrupt"

# kernel ext4 and this program respect each other
if have_kernel_ext4; then
	make_image "$IMG" 32M -t ext4 -O mmp -E mmp_update_interval=1
	mount_image "$IMG"
	touch "$MNT/file"
	sync "$MNT/file"
	cp "$IMG" "$TMP/copy"
	unmount_image "$IMG"
	mount_kernel "$TMP/copy" rw
	touch "$KMNT/file2"
	[ -e "$KMNT/file" ] || fail "kernel ext4 doesn't find the file"
	sync "$TMP/copy"
	cp "$TMP/copy" "$IMG"
	unmount_kernel
	mount_image "$IMG" 2>/dev/null
	unmount_image "$IMG"
	check_image "$IMG"
fi
