#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A crash of the machine at any moment leaves an image that journal replay, or without a
# journal e2fsck, makes consistent, with everything in it that fsync promised, and no file with
# the data of another.  On a device that doesn't obey flushes it doesn't, which shows that this
# test can fail.
#
#	CRASH_OPERATIONS	of each of three processes, for each image (120)
#	CRASH_EVERY		one of so many writes and flushes is a crash point (45)
#	CRASH_SEED		of all that is random (1)
. "$(dirname "$0")/lib.sh"

operations=${CRASH_OPERATIONS:-120}
every=${CRASH_EVERY:-45}
declare -A figures
seed=${CRASH_SEED:-1}
echo "CRASH_SEED=$seed"

at_end() {
	echo "crash points: ${figures[crash points]:-0}"
	echo "crash points inconsistent: ${figures[crash points inconsistent]:-0}"
	echo "crash points, files compared: ${figures[files compared]:-0}"
}

# record SIZE OPTIONS MKE2FS-ARGUMENT...: a run of the workload in $TMP/base and $TMP/log
record() {
	local size=$1 opts=$2 worker

	shift 2
	make_old_image "$TMP/image" "$size" "$@"
	cp "$TMP/image" "$TMP/base"
	rm -f "$TMP/log"
	start_server "$TMP/image" "$opts" LD_PRELOAD="$RECORD_IO" \
		RECORD_IO_FILE="$TMP/image" RECORD_IO_LOG="$TMP/log"
	# shellcheck disable=SC2086 # one word or none
	start_workloads 3 $((seed++)) "$operations" ${NAMES:-}
	for worker in "${WORKERS[@]}"; do
		wait "$worker" || fail "the workload failed"
	done
	umount "$MNT"
	wait "$SERVER" || fail "the server failed"
	check_image "$TMP/image"
}

# crash BLOCKSIZE
crash() {
	"$CRASH_POINTS" "$TMP/base" "$TMP/log" "$TMP/work" "$TMP/messages" $seed "$every" "$1" \
		"$TMP"/ledger.* >"$TMP/crash.out"
}

# all_good SIZE BLOCKSIZE OPTIONS MKE2FS-ARGUMENT...
all_good() {
	local size=$1 bs=$2 opts=$3

	shift 3
	echo "== mke2fs -b $bs $*"
	record "$size" "$opts" -b "$bs" "$@"
	crash "$bs" || cat "$TMP/crash.out" >&2
	for figure in "crash points" "crash points inconsistent" "files compared"; do
		sed -n "s/^$figure: //p" "$TMP/crash.out" | grep . >"$TMP/figure" ||
			fail "crash_points gave up"
		figures[$figure]=$((${figures[$figure]:-0} + $(<"$TMP/figure")))
	done
}

# the server's own replay beside that of debugfs, and then e2fsck
export CRASH_RECOVER CRASH_DIR=$MNT
CRASH_RECOVER=$(dirname "$(readlink -f "$0")")/replay.sh
# names that fill a directory's index, so that it gets another level
NAMES=2000 all_good 24M 1024 commit=1 -t ext4 -J size=1
# no checksums in the journal
all_good 32M 2048 commit=1 -t ext4 -O ^metadata_csum,^64bit -J size=4
unset CRASH_RECOVER
# e2fsck's
all_good 48M 4096 commit=1 -t ext4 -J size=4
NAMES=2000 all_good 24M 1024 commit=1 -t ext3 -J size=1
# a cache so small that checkpoints come often
all_good 24M 1024 commit=1,cache_size=1M -t ext4 -O ^extents,^64bit -J size=1
all_good 24M 1024 commit=1,cache_size=1M -t ext4 -O inline_data -I 256 -J size=1
# full most of the time
all_good 6M 1024 commit=1 -t ext4 -J size=1
all_good 24M 1024 commit=1 -t ext4 -O fast_commit -J size=2
all_good 24M 1024 commit=1 -t ext4 -O quota -J size=1
all_good 32M 4096 commit=1 -t ext4 -O quota,project -I 256 -J size=4
all_good 24M 1024 commit=1,cache_size=1M -t ext3 -O quota -J size=1
all_good 32M 1024 commit=1 -t ext4 -O bigalloc -C 8192 -J size=1
all_good 64M 4096 commit=1 -t ext4 -O bigalloc -C 16384 -J size=4
# e2fsck 1.47 accounts for a cluster of an orphan as for a block: the server does it here
CRASH_RECOVER=$(dirname "$(readlink -f "$0")")/recover.sh CRASH_DIR=$MNT \
	all_good 64M 4096 commit=1 -t ext4 -O bigalloc,quota -C 16384 -J size=4

# without a journal
export CRASH_RECOVER
CRASH_RECOVER=$(dirname "$(readlink -f "$0")")/repair.sh
all_good 24M 1024 commit=1 -t ext4 -O ^has_journal
all_good 48M 4096 commit=1,cache_size=1M -t ext4 -O ^has_journal
NAMES=2000 all_good 24M 1024 commit=1 -t ext2
all_good 24M 1024 commit=1 -t ext4 -O ^has_journal,inline_data -I 256
all_good 6M 1024 commit=1,noload -t ext4 -J size=1
all_good 64M 4096 commit=1 -t ext4 -O ^has_journal,bigalloc -C 16384
[ "${figures[crash points inconsistent]}" -eq 0 ] || fail "crashes lost something"

every=400
! CRASH_FORGET=yes crash 4096 || fail "no crash does harm, even if flushes do nothing"
unset CRASH_RECOVER
record 24M commit=1 -b 1024 -t ext4 -J size=1
! CRASH_FORGET=yes crash 1024 || fail "the same with a journal"
