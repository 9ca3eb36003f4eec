# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Crash points of iomap4fs with the module, for four tests: some, and many, with the usual
# kinds of images and with others.
#
# A power cut at any moment while the kernel writes data and the server metadata:
# dm-log-writes records both, and for many moments the device is made as it could be
# found then. Kernel ext4 or e2fsck replays the journal, e2fsck finds nothing, what fsync
# promised is there, and no file has foreign bytes.
#
# Only kernel ext4 replays where there are no extents: files that grow are on the orphan list
# there, and e2fsck 1.47 takes the attribute block of such a file away without counting it.
# Nor does e2fsck where quotas count clusters (see doc/ext4-bigalloc.md), and kernel ext4
# where there are quotas and it knows none.

# Kinds of images: MiB, bytes of a block, arguments of mke2fs
# shellcheck disable=SC2034 # for the tests
usual_images=("24 1024 -t ext4 -J size=1" "24 4096 -t ext4 -J size=4" "24 1024 -t ext3 -J size=1")
other_images=(
	"24 1024 -t ext4 -O ^extents,^64bit -J size=1"
	"48 4096 -t ext4 -O bigalloc -C 16384 -J size=4"
	"24 1024 -t ext4 -O quota,project -I 256 -J size=1"
	"24 1024 -t ext4 -O inline_data -I 256 -J size=1"
	"24 1024 -t ext4 -O ^has_journal"
	"24 1024 -t ext2"
	# full most of the time
	"6 1024 -t ext4 -J size=1")

# Tells the log what time it is.
tell_time()
{
	local now

	while [ ! -e "$TEST_TMP/told" ]; do
		read -r now _ </proc/uptime
		dmsetup message logged 0 mark "t=$now"
		sleep 0.05
	done
}

# replays MKE2FS-ARGUMENT...: can it be replayed by kernel ext4, mounted on $replay, or by
# e2fsck, if that is empty, or, without a journal, be repaired?
replays()
{
	repair=
	case "$replay,$*" in
	,*^has_journal* | ,*ext2*) repair=repair.sh ;;
	*^has_journal* | *ext2*) return 1 ;;
	,*ext3* | ,*^extents* | ,*bigalloc*quota*) return 1 ;;
	,*) ;;
	*quota*) [ -e /proc/sys/fs/quota ] ;;
	esac
}

# record_and_crash SEED MIB BLOCKSIZE MKE2FS-ARGUMENT...: a run of the workload
record_and_crash()
{
	local seed=$1 size=$2 bs=$3 n workers=() replay replayed= repair

	shift 3
	# old bytes: what is shown before it is written doesn't pass for zeroes
	head -c ${size}M /dev/zero | tr '\0' '\356' >"$TEST_TMP/base"
	mke2fs -q -F -b "$bs" "$@" "$TEST_TMP/base"
	dd if="$TEST_TMP/base" of="$JOB_DISK1" bs=1M conv=fsync status=none
	dd if=/dev/zero of="$JOB_DISK3" bs=1M count=1 conv=fsync status=none
	dmsetup create --noudevsync logged --table \
		"0 $((size * 2048)) log-writes $JOB_DISK1 $JOB_DISK3" ||
		skip "no dm-log-writes in this kernel"
	exit_commands=("${own_commands[@]}" "dmsetup remove --retry logged")
	mount_iomap4fs "/dev/$(dmsetup info -c --noheadings -o blkdevname logged)" "$m" commit=1
	rm -f "$TEST_TMP/told"
	tell_time &
	teller=$!
	for n in 1 2 3; do
		mkdir "$m/w$n"
		workload "$m/w$n" "w$n" "$TEST_TMP/ledger.$n" $((seed * 10 + n)) "$operations" &
		workers+=($!)
	done
	for n in "${workers[@]}"; do
		wait "$n" || fail "the workload failed"
	done
	umount_iomap4fs "$m"
	touch "$TEST_TMP/told"
	wait "$teller"
	dmsetup remove --retry logged
	exit_commands=("${own_commands[@]}")
	check_clean "$JOB_DISK1"

	for replay in "" "$TEST_TMP/replay"; do
		replays "$@" || continue
		replayed=1
		CRASH_RECOVER=$repair CRASH_MOUNT=$replay crash_points "$TEST_TMP/base" "$JOB_DISK3" "$JOB_DISK2" \
			"$TEST_TMP/messages" "$seed" "$every" "$bs" \
			"$TEST_TMP"/ledger.? >"$TEST_TMP/cuts" ||
			fail "mke2fs $*: $(cat "$TEST_TMP/cuts")"
		points=$((points + $(sed -n 's/^crash points: //p' "$TEST_TMP/cuts")))
		kept=$((kept + $(sed -n 's/^files compared: //p' "$TEST_TMP/cuts")))
	done
	[ "$replayed" ] || fail "mke2fs $*: nobody replays the journal"
}

# crash_often EVERY OPERATIONS IMAGE...: look at one of EVERY writes and flushes, flushes four times
# as often; three processes do OPERATIONS each on each kind of image. Sets points and kept:
# crashes, and files that were there as promised.
crash_often()
{
	local every=$1 operations=$2 m=$TEST_TMP/m own_commands teller image args seed=1

	shift 2
	need_iomap4fs
	modprobe -q dm-log-writes || :
	mkdir "$TEST_TMP/replay"
	at_exit umount_all "$TEST_TMP/replay"
	own_commands=("${exit_commands[@]}")
	points=0 kept=0
	for image; do
		read -ra args <<<"$image"
		record_and_crash $((seed++)) "${args[@]}"
		echo "mke2fs $image: $points crash points so far, after $SECONDS s"
	done
}
