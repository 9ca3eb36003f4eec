# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Direct writes that replace bytes of one file are at the device at the same time;
# one that makes the file longer waits for its turn.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_slow_device
make_ext4 "$dm"
# the times are of the writes alone: no commit waits for the slow device
mount_iomap4fs "$dm" "$m" commit=300
head -c 1M /usr/bin/perl >"$m/f"
sync -f "$m"
# Now the mapping is known, and that there are no privileges to take away.
expect_op 4096 dwrite "$m/f" 0 4096
delay_writes 5000
# seconds_for OFFSET OFFSET: how long two direct writes take that start together.
seconds_for()
{
	local pids=() pid offset start=$EPOCHSECONDS

	for offset; do
		fileop dwrite "$m/f" "$offset" 4096 >"$TEST_TMP/write.$offset" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	for offset; do
		expect_equal 4096 "$(cat "$TEST_TMP/write.$offset")" "the write at $offset"
	done
	echo $((EPOCHSECONDS - start))
}

# The device takes 5 s for each.
together=$(seconds_for 65536 131072)
[ "$together" -ge 4 ] || fail "two overwrites took $together s: the device is too fast for this test"
[ "$together" -lt 9 ] || fail "two overwrites took $together s: one after the other"
apart=$(seconds_for 1048576 1052672)
[ "$apart" -ge 9 ] || fail "two extending writes took $apart s: together"
delay_writes 0
umount_iomap4fs "$m"
check_clean "$dm"
