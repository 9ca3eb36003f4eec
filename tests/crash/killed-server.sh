#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kill -9 of the server at random moments, again and again on the same image: e2fsck
# replays the journal, then finds nothing, and what fsync promised is there.
#
#	SERVER_KILLS	how many (12)
#	CRASH_SEED	of all that is random but the speed of the machine (any)
. "$(dirname "$0")/lib.sh"

kills=${SERVER_KILLS:-12}
seed=${CRASH_SEED:-$RANDOM}
looked=0 bad=0
echo "CRASH_SEED=$seed"
RANDOM=$seed

at_end() {
	echo "server kills: $looked"
	echo "server kills inconsistent: $bad"
}

new_image() {
	make_old_image "$TMP/image" 32M -b 1024 -t ext4 -J size=1
}

# look_at N: is what the kill has left good?
look_at() {
	e2fsck -p "$TMP/image" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || {
		cat "$TMP/fsck.log" >&2
		echo "kill $1: e2fsck doesn't replay the journal" >&2
		return 1
	}
	(check_image "$TMP/image") || return 1
	# the last record is the crash: the page cache still has all that was written
	"$CRASH_POINTS" "$TMP/base" "$TMP/log" "$TMP/work" "$TMP/messages" "$1" 0 1024 \
		"$TMP"/ledger.* >"$TMP/crash.out" || {
		cat "$TMP/crash.out" >&2
		echo "kill $1: something is lost" >&2
		return 1
	}
}

new_image
for n in $(seq "$kills"); do
	cp "$TMP/image" "$TMP/base"
	rm -f "$TMP/log"
	start_server "$TMP/image" commit=1 LD_PRELOAD="$RECORD_IO" \
		RECORD_IO_FILE="$TMP/image" RECORD_IO_LOG="$TMP/log"
	rm -rf "$MNT"/w*
	# they end when the server does
	start_workloads 2 $((seed + n)) 1000000 2>/dev/null
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	kill -9 "$SERVER"
	wait "$SERVER" 2>/dev/null || :
	wait "${WORKERS[@]}" 2>/dev/null || :
	umount -l "$MNT"
	flock -w 60 "$TMP/image" true
	look_at "$n" || {
		bad=$((bad + 1))
		new_image
	}
	looked=$n
done
[ $bad -eq 0 ]
