#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A crash at any moment of a replay: the next replay ends with the image that one without a crash
# makes, byte for byte.
#
#	CRASH_EVERY	one of so many writes and flushes of a replay is a crash point (12)
#	CRASH_SEED	of all that is random (1)
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

every=${CRASH_EVERY:-12}
seed=${CRASH_SEED:-1}
points=0 bad=0
echo "CRASH_SEED=$seed"

at_end() {
	echo "crash points of replays: $points"
	echo "crash points of replays inconsistent: $bad"
}

export CRASH_DIR=$MNT CRASH_UNDISTURBED=$TMP/undisturbed CRASH_RECOVER
CRASH_RECOVER=$(dirname "$(readlink -f "$0")")/replay-again.sh
: >"$TMP/ledger"

# replay_often BLOCKSIZE WHAT: the journal of $TMP/base
replay_often() {
	local figure

	dumpe2fs -h "$TMP/base" 2>/dev/null | grep needs_recovery >/dev/null ||
		fail "$2: nothing to replay"
	cp "$TMP/base" "$TMP/undisturbed"
	rm -f "$TMP/log" "$TMP/work"
	(
		export LD_PRELOAD=$RECORD_IO RECORD_IO_FILE=$TMP/undisturbed RECORD_IO_LOG=$TMP/log
		exec -a mount.iomap4fs "$IOMAP4FS" "$TMP/undisturbed" "$MNT" -f -o iomap=off
	) 2>"$TMP/err" || fail "$2: $(cat "$TMP/err")"
	"$CRASH_POINTS" "$TMP/base" "$TMP/log" "$TMP/work" "$TMP/messages" $((seed++)) "$every" \
		"$1" "$TMP/ledger" >"$TMP/crash.out" || {
		echo "== $2" >&2
		cat "$TMP/crash.out" >&2
	}
	figure=$(sed -n 's/^crash points: //p' "$TMP/crash.out")
	[ "$figure" ] || fail "$2: crash_points gave up"
	points=$((points + figure))
	bad=$((bad + $(sed -n 's/^crash points inconsistent: //p' "$TMP/crash.out")))
}

# killed SIZE BLOCKSIZE MKE2FS-ARGUMENT...: what kill -9 of the server leaves in the journal
killed() {
	local size=$1 bs=$2

	shift 2
	make_old_image "$TMP/base" "$size" -b "$bs" "$@"
	start_server "$TMP/base" commit=1
	start_workloads 2 $((seed++)) 1000000 500 2>/dev/null
	wait_for_journal
	kill -9 "$SERVER"
	wait "$SERVER" 2>/dev/null || :
	wait "${WORKERS[@]}" 2>/dev/null || :
	umount -l "$MNT"
	flock -w 60 "$TMP/base" true
	replay_often "$bs" "mke2fs -b $bs $*"
}

# until a replay has something to do: the log has a start, and some transactions
wait_for_journal() {
	local start

	for _ in $(seq 300); do
		start=$(dd if="$TMP/base" bs=1 count=4 status=none \
			skip=$(($(debugfs -R 'bmap <8> 0' "$TMP/base" 2>/dev/null) * bs + 28)) |
			od -An -tx4)
		[ $((0x${start// /})) -eq 0 ] || break
		sleep 0.1
	done
	[ $((0x${start// /})) -ne 0 ] || fail "the server commits nothing"
	sleep 1
}

# super_in_the_log WHAT REQUEST...: a journal with many blocks, the superblock among them, as it was
# before there was anything to replay, or, if $asks is set, one that asks for a replay; what the
# requests make of the image is younger
super_in_the_log() {
	local what=$1 request

	shift
	make_old_image "$TMP/base" 12M -b 1024 -t ext4 -J size=1 "${mke2fs[@]}"
	dd if="$TMP/base" bs=1024 skip=1 count=1 status=none >"$TMP/super"
	[ -z "$asks" ] || python3 - "$TMP/super" <<-'PY'
		import sys
		with open(sys.argv[1], 'r+b') as f:
		    f.seek(96)
		    flags = f.read(1)[0] | 4
		    f.seek(96)
		    f.write(bytes([flags]))
	PY
	head -c $((400 * 1024)) /dev/urandom >"$TMP/data"
	debugfs -w "$TMP/base" >/dev/null 2>&1 <<-END
		journal_open $csum
		journal_write -b $(seq -s, 9001 9300) $TMP/data
		journal_write -r 9005,9105
		journal_write -b 1 $TMP/super
		journal_write -b $(seq -s, 9200 2 9600) $TMP/data
		journal_close
	END
	for request; do
		debugfs -w -R "$request" "$TMP/base" >/dev/null 2>&1 || fail "debugfs: $request"
	done
	replay_often 1024 "$what"
	for request; do
		[[ $request != "ssv state "* ]] ||
			dumpe2fs -h "$TMP/undisturbed" 2>/dev/null |
			grep "^Filesystem state:.*errors" >/dev/null || fail "$what: no errors are noted"
	done
}

killed 24M 1024 -t ext4 -J size=4
killed 32M 4096 -t ext4 -O ^metadata_csum,^64bit -J size=8
killed 24M 1024 -t ext3 -J size=4
mke2fs=(-O "^metadata_csum,^64bit") csum='' asks=''
super_in_the_log "a superblock in the log"
super_in_the_log "errors noted beside the log" "ssv state 3" "ssv error_count 5" \
	"ssv first_error_ino 12"
asks=yes
super_in_the_log "errors, and a superblock that asks for a replay" "ssv state 3" \
	"ssv error_count 5" "ssv first_error_ino 12"
asks=''
mke2fs=(-O "metadata_csum,64bit") csum=-c
super_in_the_log "the same, and checksums" "ssv state 3" "ssv error_count 5"
[ $bad -eq 0 ] || fail "crashes of a replay change what comes out"
[ $points -ge 40 ] || fail "only $points crash points"
