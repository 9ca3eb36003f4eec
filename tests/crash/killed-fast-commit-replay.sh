#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A crash at any moment of a replay of fast commits: the next replay ends with the same names,
# attributes and contents, and e2fsck finds nothing wrong.  Times and the place of extent trees
# may differ, as each replay chooses them anew until its transaction is complete.
#
#	CRASH_EVERY	one of so many writes and flushes of a replay is a crash point (5)
#	CRASH_SEED	of all that is random (1)
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

here=$(dirname "$(readlink -f "$0")")
every=${CRASH_EVERY:-5}
seed=${CRASH_SEED:-1}
points=0 bad=0
echo "CRASH_SEED=$seed"

at_end() {
	echo "crash points of fast commit replays: $points"
	echo "crash points of fast commit replays inconsistent: $bad"
}

export CRASH_DIR=$MNT CRASH_OUTCOME=$TMP/outcome CRASH_RECOVER=$here/replay-fast-commits-again.sh
: >"$TMP/ledger"
mkdir "$TMP/files"
head -c 5K /usr/bin/env >"$TMP/files/kept"
head -c 20K /usr/bin/env >"$TMP/files/gone"
head -c $((300 * 1024)) /dev/urandom >"$TMP/data"
{
	cat "$TMP/files/kept"
	head -c 1K /dev/zero | tr '\0' a
	head -c 1K /dev/zero | tr '\0' b
} >"$TMP/kept"
for name in n u; do
	for _ in 1 2 3 4 5 6 7; do
		head -c 1K /dev/zero | tr '\0' $name
		head -c 2K /dev/zero
	done
	head -c 1K /dev/zero | tr '\0' $name
done >"$TMP/pieces"

# replay_often WHAT JOURNAL-OPTION MKE2FS-ARGUMENT...
replay_often() {
	local what=$1 csum=$2 figure

	shift 2
	make_old_image "$TMP/base" 24M -t ext4 -b 1024 -I 256 -J size=4 -d "$TMP/files" "$@"
	debugfs -w "$TMP/base" >/dev/null 2>&1 <<-END
		journal_open $csum
		journal_write -b $(seq -s, 10001 10300) $TMP/data
		journal_write -r 10005,10105
		journal_write -b $(seq -s, 10101 2 10600) $TMP/data
		journal_close
	END
	python3 "$here/fast_commits.py" "$TMP/base" 3 || fail "$what: no fast commits"
	cp "$TMP/base" "$TMP/undisturbed"
	rm -f "$TMP/log" "$TMP/work"
	(
		export LD_PRELOAD=$RECORD_IO RECORD_IO_FILE=$TMP/undisturbed RECORD_IO_LOG=$TMP/log
		exec -a mount.iomap4fs "$IOMAP4FS" "$TMP/undisturbed" "$MNT" -f -o iomap=off
	) 2>"$TMP/err" || fail "$what: $(cat "$TMP/err")"
	e2fsck -fn "$TMP/undisturbed" >"$TMP/fsck" 2>&1 || fail "$what: $(cat "$TMP/fsck")"
	"$here/fast-commits-outcome" "$TMP/undisturbed" >"$TMP/outcome"
	[ "$(awk '{ print $NF }' "$TMP/outcome" | tr '\n' ' ')" = "kept lost+found new second unnamed " ] ||
		fail "$what: $(cat "$TMP/outcome")"
	debugfs -R "cat /second" "$TMP/undisturbed" 2>/dev/null | cmp - "$TMP/kept" ||
		fail "$what: contents of /kept"
	for name in new unnamed; do
		debugfs -R "cat /$name" "$TMP/undisturbed" 2>/dev/null
	done | cmp - "$TMP/pieces" || fail "$what: contents of /new and /unnamed"
	"$CRASH_POINTS" "$TMP/base" "$TMP/log" "$TMP/work" "$TMP/messages" $((seed++)) "$every" \
		1024 "$TMP/ledger" >"$TMP/crash.out" || {
		echo "== $what" >&2
		cat "$TMP/crash.out" "$TMP/messages" >&2
	}
	figure=$(sed -n 's/^crash points: //p' "$TMP/crash.out")
	[ "$figure" ] || fail "$what: crash_points gave up"
	points=$((points + figure))
	bad=$((bad + $(sed -n 's/^crash points inconsistent: //p' "$TMP/crash.out")))
}

replay_often "checksums, 64 bit" -c -O fast_commit,metadata_csum,64bit
replay_often "no checksums" "" -O fast_commit,^metadata_csum,^64bit
replay_often "an orphan file" -c -O fast_commit,metadata_csum,metadata_csum_seed,orphan_file
[ $bad -eq 0 ] || fail "crashes of a replay change what comes out"
[ $points -ge 30 ] || fail "only $points crash points"
