#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Operations that are too large for one transaction: cutting, deleting and punching
# files that are in very many groups, or have very many extents. They are done in parts,
# and a crash between these leaves an image that e2fsck and the server put right.
#
#	CRASH_EVERY		one of so many writes and flushes is a crash point (20)
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

every=${CRASH_EVERY:-20}
seed=77
declare -A figures

# Groups of 256 blocks, so that a file of some MiB is in many of them; and a cache that
# makes transactions small.

# A file of half of MIB, one block here, a hole there
scattered() {
	python3 - "$1" "$2" "$3" <<'PYTHON'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
size, bs = int(sys.argv[2]) << 20, int(sys.argv[3])
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for i in range(size >> 16):
    os.write(fd, b'scattered bytes.' * 4096)
for off in range(bs, size, 2 * bs):
    if libc.fallocate(fd, 3, ctypes.c_longlong(off), ctypes.c_longlong(bs)):
        sys.exit("fallocate: " + os.strerror(ctypes.get_errno()))
os.fsync(fd)
PYTHON
}

# Data here and there, so that e2fsck sees what is left behind the end
big_file() {
	local at

	fallocate -l "$2M" "$1" 2>/dev/null || truncate -s "$2M" "$1"
	for ((at = 0; at < $2; at += 6)); do
		echo data | dd of="$1" bs=1M seek=$at conv=notrunc status=none
	done
	head -c 4096 /dev/zero >>"$1"
	sync "$1"
}

# Each is more than a transaction holds.
cut_and_delete() {
	big_file "$MNT/a" "$1"
	# in the middle of a block, then nearly nothing
	truncate -s $(($1 << 19 | 100)) "$MNT/a"
	truncate -s 1000 "$MNT/a"
	big_file "$MNT/b" "$1"
	rm "$MNT/b"
	big_file "$MNT/c" "$1"
	exec 7<"$MNT/c"
	rm "$MNT/c"
	sync -f "$MNT"
	exec 7<&-
	sync -f "$MNT"
}

punch() {
	scattered "$MNT/s" "$1" "$2"
	fallocate -p -o $((10 * $2)) -l $(($1 << 20)) "$MNT/s"
	rm "$MNT/s"
	fallocate -l "$1M" "$MNT/t"
	sync -f "$MNT"
	fallocate -p -o 0 -l "$1M" "$MNT/t"
	sync -f "$MNT"
}

# record SIZE OPTIONS LOAD MKE2FS-ARGUMENT...
record() {
	local size=$1 opts=$2 load=$3 worker

	shift 3
	make_old_image "$TMP/image" "$size" "$@"
	cp "$TMP/image" "$TMP/base"
	rm -f "$TMP/log"
	start_server "$TMP/image" "$opts" LD_PRELOAD="$RECORD_IO" \
		RECORD_IO_FILE="$TMP/image" RECORD_IO_LOG="$TMP/log"
	# commits of others, which the parts have to wait for
	start_workloads 2 $((seed++)) 40
	$load
	for worker in "${WORKERS[@]}"; do
		wait "$worker" || fail "the workload failed"
	done
	umount "$MNT"
	wait "$SERVER" || fail "the server failed: $(cat "$TMP/server.err")"
	[ ! -s "$TMP/server.err" ] || fail "the server complained: $(cat "$TMP/server.err")"
	check_image "$TMP/image"
}

# all_good BLOCKSIZE SIZE OPTIONS LOAD MKE2FS-ARGUMENT...
all_good() {
	local bs=$1 figure

	shift
	echo "== $* -b $bs"
	record "$@" -b "$bs"
	"$CRASH_POINTS" "$TMP/base" "$TMP/log" "$TMP/work" "$TMP/messages" $seed "$every" "$bs" \
		"$TMP"/ledger.* >"$TMP/crash.out" || cat "$TMP/crash.out" >&2
	for figure in "crash points" "crash points inconsistent"; do
		sed -n "s/^$figure: //p" "$TMP/crash.out" | grep . >"$TMP/figure" ||
			fail "crash_points gave up"
		figures[$figure]=$((${figures[$figure]:-0} + $(<"$TMP/figure")))
	done
}

all_good 4096 80M cache_size=1M "cut_and_delete 72" -t ext4 -g 256 -J size=4 -N 2000
all_good 1024 64M cache_size=1M "punch 40 1024" -t ext4 -g 256 -J size=1 -N 2000
# what is left to do after the crash does the server
CRASH_RECOVER=$(dirname "$(readlink -f "$0")")/recover.sh CRASH_DIR=$MNT \
	all_good 4096 80M cache_size=1M "cut_and_delete 72" -t ext4 -g 256 -J size=4 -N 2000
CRASH_RECOVER=$(dirname "$(readlink -f "$0")")/recover.sh CRASH_DIR=$MNT \
	all_good 4096 80M cache_size=1M "cut_and_delete 72" -t ext4 -g 256 -J size=4 -N 2000 \
	-O orphan_file
# and kernel ext4
if have_kernel_ext4; then
	CRASH_MOUNT=$KMNT \
		all_good 4096 80M cache_size=1M "cut_and_delete 72" -t ext4 -g 256 -J size=4 -N 2000
else
	LEFT_OUT="recovery by kernel ext4"
fi
echo "crash points: ${figures[crash points]}"
echo "crash points inconsistent: ${figures[crash points inconsistent]}"
[ "${figures[crash points inconsistent]}" -eq 0 ] || fail "crashes lost something"
