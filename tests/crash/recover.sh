#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# recover.sh IMAGE: the server, IOMAP4FS, mounted on CRASH_DIR, replays the journal and frees
# the orphans.
set -eu
"$IOMAP4FS" "$1" "$CRASH_DIR" -o iomap=off
# who happens to look at it, of all mounts, is no reason to fail: the lock tells when it is over
umount -l "$CRASH_DIR"
flock -w 60 "$1" true
