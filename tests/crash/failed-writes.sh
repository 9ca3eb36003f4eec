#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A write that fails, whichever it is: if it was one of the journal or a checkpoint, the
# file system is read-only from then on and the image says that there was an error.
# In any case recovery makes it consistent, with what fsync promised before.
. "$(dirname "$0")/lib.sh"

aborts=0 tried=0
# Which writes are the journal's is a matter of timing: should none of the first ten be, more of
# them fail until one is.
for n in 40 150 333 400 512 601 777 900 1001 1100 $(seq 60 15 480); do
	[ $((tried++)) -lt 10 ] || [ $aborts -eq 0 ] || break
	make_old_image "$TMP/image" 24M -b 1024 -t ext4 -J size=1
	cp "$TMP/image" "$TMP/base"
	rm -f "$TMP/log"
	start_server "$TMP/image" commit=1 LD_PRELOAD="$RECORD_IO" \
		RECORD_IO_FILE="$TMP/image" RECORD_IO_LOG="$TMP/log" RECORD_IO_FAIL=$n
	start_workloads 2 "$n" 120 2>/dev/null
	wait "${WORKERS[@]}" || :
	aborted=
	if grep 'going read-only' "$TMP/server.err" >/dev/null; then
		aborted=yes
		aborts=$((aborts + 1))
		touch "$MNT/new" 2>/dev/null && fail "write $n failed, and it can still be written to"
		sync "$MNT/w1" 2>/dev/null && fail "write $n failed, and fsync says all is well"
		ls -lR "$MNT" >/dev/null || fail "write $n failed, and it can't be read"
	fi
	umount "$MNT"
	wait "$SERVER" || :
	[ ! "$aborted" ] || dumpe2fs -h "$TMP/image" 2>/dev/null |
		grep '^Filesystem state: *clean with errors' >/dev/null ||
		fail "write $n failed, and the image doesn't say so"
	e2fsck -p "$TMP/image" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || {
		cat "$TMP/fsck.log" >&2
		fail "write $n failed: e2fsck doesn't recover"
	}
	check_image "$TMP/image"
	"$CRASH_POINTS" "$TMP/base" "$TMP/log" "$TMP/work" "$TMP/messages" "$n" 0 1024 \
		"$TMP"/ledger.* >"$TMP/crash.out" || {
		cat "$TMP/crash.out" >&2
		fail "write $n failed: something is lost"
	}
done
echo "failed writes that ended the journal: $aborts"
[ $aborts -gt 0 ] || fail "no failed write was one of the journal's"
