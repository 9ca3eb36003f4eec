# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# Direct I/O of libaio and io_uring: what was written is read back, also where space
# is allocated for it, and submitting doesn't wait for the device.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_slow_device
make_ext4 "$dm"
mount_iomap4fs "$dm" "$m"

# run_fio FILE ENGINE ARG...
run_fio()
{
	local file=$1 engine=$2

	shift 2
	fio --name=test --filename="$m/$file" --ioengine="$engine" --direct=1 --bs=4k \
		--output="$TEST_TMP/fio" "$@" >/dev/null 2>&1 ||
		fail "fio, $engine, $*: $(tail -n 20 "$TEST_TMP/fio")"
}

for engine in libaio io_uring; do
	# Into holes, then over it; fio reads all of it back and checks it.
	for pass in holes overwrite; do
		run_fio "$engine" "$engine" --rw=randwrite --size=8M --iodepth=16 \
			--verify=crc32c --verify_fatal=1 --fallocate=none --randseed=7
		echo "$engine, $pass: ok"
	done
done
sync -f "$m"

# Eight writes at once on a device that takes 4 s for each.
delay_writes 4000
for engine in libaio io_uring; do
	start=$EPOCHSECONDS
	run_fio "$engine" "$engine" --rw=write --size=32k --iodepth=8 --iodepth_batch=8 \
		--overwrite=1
	took=$((EPOCHSECONDS - start))
	[ $took -ge 3 ] || fail "$engine: $took s, the device is too fast for this test"
	[ $took -lt 16 ] || fail "$engine: eight writes took $took s, one after the other"
done
delay_writes 0
umount_iomap4fs "$m"
check_clean "$dm"
