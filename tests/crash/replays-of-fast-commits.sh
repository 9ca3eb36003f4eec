#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A replay of fast commits that a crash ends at any write, with all before it on the disk or
# without the last ones that no flush has covered, is begun again by the next mount, which gets
# the same files.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../classic/lib-fast-commits.sh"

make_good
tags head inode:$NEW:size=10240 "add:$NEW:0:$FREE:10" creat:2:$NEW:new "unlink:2:$OTHER:other" \
	"link:$DIR:$FILE:second" tail "inode:$FILE:mode=0x8180" "del:$FILE:2:3" tail
cp "$IMG" "$TMP/base"
start_server "$IMG" commit=300 LD_PRELOAD="$RECORD_IO" RECORD_IO_FILE="$IMG" \
	RECORD_IO_LOG="$TMP/log"

# What is mounted
files() {
	(cd "$MNT" && find . -type f -printf '%P %s %n %m ' -exec md5sum -b {} \; | sort)
}

files >"$TMP/want"
grep '^new 10240' "$TMP/want" >/dev/null || fail "nothing was replayed: $(cat "$TMP/want")"
umount "$MNT"
wait "$SERVER" || fail "the server failed"

# The images that crashes leave: crash.N.  The last ones are of the time when it is mounted.
python3 - "$TMP" <<-'PY'
	import struct, sys
	tmp = sys.argv[1]
	base = open(f'{tmp}/base', 'rb').read()
	log = open(f'{tmp}/log', 'rb').read()
	records, at = [], 0
	while at < len(log):
	    kind, _, off, size = struct.unpack_from('<4Q', log, at)
	    at += 32
	    data = None
	    if kind == 1:
	        data = log[at:at + size]
	        at += size
	    records.append((kind, off, data))
	made = 0
	def image(chosen):
	    global made
	    new = bytearray(base)
	    for kind, off, data in chosen:
	        if kind == 1:
	            new[off:off + len(data)] = data
	    with open(f'{tmp}/crash.{made}', 'wb') as f:
	        f.write(new)
	    made += 1
	durable = 0
	for i, (kind, off, data) in enumerate(records):
	    if kind == 2:
	        durable = off
	        continue
	    image(records[:i + 1])
	    if i > durable:
	        image(records[:durable] + records[i:i + 1])
	print(made)
PY
points=0
for image in "$TMP"/crash.*; do
	cp "$image" "$TMP/again"
	mount_image "$TMP/again" commit=300 2>/dev/null
	files >"$TMP/got"
	unmount_image "$TMP/again"
	cmp -s "$TMP/want" "$TMP/got" || fail "${image##*/}: $(diff "$TMP/want" "$TMP/got")"
	check_image "$TMP/again"
	points=$((points + 1))
done
echo "crash points: $points"
[ $points -gt 10 ] || fail "only $points crash points"

# Fast commits that don't count are no reason for e2fsck to drop what this program logs.
tags head:7 inode:$NEW:size=10240 "add:$NEW:0:$FREE:10" creat:2:$NEW:new tail:7
start_server "$IMG" commit=300
echo promised >"$MNT/promised"
sync "$MNT/promised"
kill -9 "$SERVER"
wait "$SERVER" 2>/dev/null || :
umount -l "$MNT"
e2fsck -fy "$IMG" >"$TMP/e2fsck.log" 2>&1 || [ $? = 1 ] || fail "e2fsck: $(cat "$TMP/e2fsck.log")"
[ "$(debugfs -R "cat promised" "$IMG" 2>/dev/null)" = promised ] ||
	fail "e2fsck has lost what fsync promised: $(cat "$TMP/e2fsck.log")"
