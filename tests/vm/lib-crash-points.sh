# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Crash points of iomap4fs with the module, for two tests: some, and every flush.
#
# A power cut at any moment while the kernel writes data and the server metadata:
# dm-log-writes records both, and for many moments the device is made as it could be
# found then. Kernel ext4 or e2fsck replays the journal, e2fsck finds nothing, what fsync
# promised is there, and no file has foreign bytes.
#
# Only kernel ext4 replays ext3: files that grow are on the orphan list there, and e2fsck
# 1.47 takes the attribute block of such a file away without counting it.

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

# record_and_crash SEED BLOCKSIZE OPTIONS MKE2FS-ARGUMENT...: a run of the workload
record_and_crash()
{
	local seed=$1 bs=$2 opts=$3 n size=24 workers=() # MiB

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
	mount_iomap4fs "/dev/$(dmsetup info -c --noheadings -o blkdevname logged)" "$m" "$opts"
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
		[ "$replay" ] || [[ $* != *ext3* ]] || continue
		CRASH_MOUNT=$replay crash_points "$TEST_TMP/base" "$JOB_DISK3" "$JOB_DISK2" \
			"$TEST_TMP/messages" "$seed" "$every" "$bs" \
			"$TEST_TMP"/ledger.? >"$TEST_TMP/cuts" ||
			fail "mke2fs $*: $(cat "$TEST_TMP/cuts")"
		points=$((points + $(sed -n 's/^crash points: //p' "$TEST_TMP/cuts")))
		kept=$((kept + $(sed -n 's/^files compared: //p' "$TEST_TMP/cuts")))
	done
}

# crash_often EVERY OPERATIONS: look at one of EVERY writes and flushes, flushes four times
# as often; three processes do OPERATIONS each. Sets points and kept: crashes, and files
# that were there as promised.
crash_often()
{
	local every=$1 operations=$2 m=$TEST_TMP/m own_commands teller

	need_iomap4fs
	modprobe -q dm-log-writes || :
	mkdir "$TEST_TMP/replay"
	at_exit umount_all "$TEST_TMP/replay"
	own_commands=("${exit_commands[@]}")
	points=0 kept=0
	record_and_crash 1 1024 commit=1 -t ext4 -J size=1
	record_and_crash 2 4096 commit=1 -t ext4 -J size=4
	record_and_crash 3 1024 commit=1 -t ext3 -J size=1
}
