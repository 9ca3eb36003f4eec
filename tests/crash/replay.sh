#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# replay.sh IMAGE: replay the journal with the server, IOMAP4FS, which is not mounted for that
# (CRASH_DIR is where it would be).  The result must be what debugfs makes of the same image, block
# for block, but for the superblocks of file system and journal.  e2fsck does the rest.
set -eu
PATH=$PATH:/usr/sbin:/sbin
cp "$1" "$1.other"
trap 'rm -f "$1.other"' EXIT
debugfs -n -w -R journal_run "$1.other" 2>&1
(exec -a mount.iomap4fs "$IOMAP4FS" "$1" "$CRASH_DIR" -f -o iomap=off)
{
	debugfs -R 'bmap <8> 0' "$1" 2>/dev/null
	dumpe2fs "$1" 2>/dev/null | sed -n 's/.*\(Primary\|Backup\) superblock at \([0-9]*\).*/\2/p'
} | python3 -c '
import sys
own, other = sys.argv[1:3]
with open(own, "rb") as f:
    f.seek(1024)
    size = 1024 << int.from_bytes(f.read(1024)[24:28], "little")
supers = {int(line) for line in sys.stdin}
differ = []
with open(own, "rb") as a, open(other, "rb") as b:
    nr = 0
    while True:
        x, y = a.read(size), b.read(size)
        if x != y and nr not in supers:
            differ.append(nr)
        if not x and not y:
            break
        nr += 1
if differ:
    sys.exit(f"blocks that differ from those of debugfs: {differ[:20]}")
' "$1" "$1.other"
if dumpe2fs -h "$1" 2>/dev/null | grep needs_recovery; then
	echo "the superblock still asks for recovery"
	exit 8
fi
e2fsck -p "$1" || [ $? -lt 4 ]
