#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Damage that operations meet thousands of times doesn't fill the log: some messages, then how many
# more there were.
. "$(dirname "$0")/lib.sh"

make_image "$TMP/image" 8M -t ext4 -O ^metadata_csum
debugfs -w -R "mkdir d" "$TMP/image" >/dev/null 2>&1
debugfs -w -R "set_inode_field d size 5000" "$TMP/image" >/dev/null 2>&1
"$IOMAP4FS" "$TMP/image" "$MNT" -f -o iomap=off,errors=continue 2>"$TMP/messages" &
server=$!
for _ in $(seq 300); do
	mountpoint -q "$MNT" && break
	sleep 0.1
done
for _ in $(seq 500); do echo "$MNT/d"; done | xargs ls -d >/dev/null 2>&1 || :
umount "$MNT"
wait $server || fail "the server ended with $?"
n=$(grep -c 'directory size is not a multiple' "$TMP/messages") || :
[ "$n" -ge 1 ] || fail "no message: $(cat "$TMP/messages")"
[ "$n" -le 120 ] || fail "$n messages"
missed=$(sed -n 's/.*: \([0-9]*\) more messages about damage were left out/\1/p' \
	"$TMP/messages" | awk '{ n += $1 } END { print n + 0 }')
[ "$missed" -ge 300 ] || fail "$missed messages are said to have been left out"
