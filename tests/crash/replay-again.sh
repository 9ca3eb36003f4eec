#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# replay-again.sh IMAGE: the server, IOMAP4FS, replays the journal of an image that a crash has left
# in the middle of an earlier replay (CRASH_DIR is where it would be mounted).  Then the image is,
# byte for byte, CRASH_UNDISTURBED: what a replay without a crash has made of it.
set -eu
PATH=$PATH:/usr/sbin:/sbin
(exec -a mount.iomap4fs "$IOMAP4FS" "$1" "$CRASH_DIR" -f -o iomap=off)
if ! cmp "$1" "$CRASH_UNDISTURBED"; then
	cmp -l "$1" "$CRASH_UNDISTURBED" | awk '{ print int(($1 - 1) / 1024) }' | uniq -c | head
	exit 8
fi
# what was on the image before the server replays anything is not for the crash test to judge
e2fsck -fy "$1" || [ $? -lt 4 ]
