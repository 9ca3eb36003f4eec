#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# While a checkpoint waits for the device, operations that need nothing of it are answered, also
# those that change something.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
[ -e "${GATE_IO:-}" ] || fail "GATE_IO does not name the library"

GATE=$TMP/gate
make_image "$TMP/image" 128M -t ext4 -b 4096 -J size=4 -N 16384
# what a checkpoint writes, and a commit doesn't
inodes=$(dumpe2fs "$TMP/image" 2>/dev/null | sed -n 's/^ *Inode table at \([0-9]*\)-\([0-9]*\).*/\1 \2/p' |
	head -n 1)
[ "$inodes" ] || fail "dumpe2fs doesn't tell where the inodes are"
LD_PRELOAD="$GATE_IO" GATE_IO_IMAGE="$TMP/image" GATE_IO_GATE="$GATE" \
	mount_image "$TMP/image" threads=4,commit=300
mkdir "$MNT/warm" "$MNT/load"
for n in $(seq 40); do
	echo "$n" >"$MNT/warm/f$n"
done
sync -f "$MNT"

# Who waits for a reply can't be killed: so the gate opens by itself when it takes too long.
echo "$((${inodes% *} * 4096)) $(((${inodes#* } + 1) * 4096))" >"$GATE.write.new"
mv "$GATE.write.new" "$GATE.write"
(
	for _ in $(seq 300); do
		sleep 0.1
		[ -e "$GATE.write" ] || exit 0
	done
	touch "$TMP/late"
	rm -f "$GATE.write"
) &
python3 -c 'import os, sys
for n in range(4000):
	if os.path.exists(sys.argv[2]):
		break
	os.mkdir("%s/d%d" % (sys.argv[1], n))' "$MNT/load" "$GATE.write.waiting" &
load=$!
for _ in $(seq 300); do
	[ ! -e "$GATE.write.waiting" ] || break
	sleep 0.1
done
[ -e "$GATE.write.waiting" ] || fail "there is no checkpoint"

for n in $(seq 5 5 40); do
	[ "$(stat --cached=never -c %s "$MNT/warm/f$n")" = $((n < 10 ? 2 : 3)) ] || fail "attributes"
	[ ! -e "$MNT/warm/none$n" ] || fail "what is not there is found"
	chmod 600 "$MNT/warm/f$n" || fail "changing a mode"
	: >"$MNT/warm/new$n" || fail "a new file"
	mv "$MNT/warm/new$n" "$MNT/warm/f$n" || fail "rename"
done
[ ! -e "$TMP/late" ] || fail "operations waited for a checkpoint"
[ -e "$GATE.write" ] || fail "the gate is open"
rm "$GATE.write"
wait $load || fail "the load"
wait

# what was changed while its old contents were on their way
remember_tree
unmount_image "$TMP/image"
check_image "$TMP/image"
kernel_sees_remembered "$TMP/image"
