#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# replay-fast-commits-again.sh IMAGE: the server, IOMAP4FS, replays the fast commits of an image that
# a crash has left in the middle of an earlier replay.  Then in the image is what CRASH_OUTCOME
# tells: what a replay without a crash has made of it.
set -eu
PATH=$PATH:/usr/sbin:/sbin
(exec -a mount.iomap4fs "$IOMAP4FS" "$1" "$CRASH_DIR" -f -o iomap=off)
e2fsck -fn "$1"
"$(dirname "$(readlink -f "$0")")/fast-commits-outcome" "$1" | diff "$CRASH_OUTCOME" - || exit 8
