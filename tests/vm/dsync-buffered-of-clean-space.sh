# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# An O_DSYNC write through the page cache, and a direct one to a device with a volatile
# cache, over space of a file whose metadata is on the disk: a flush of the device does,
# which the kernel issues without asking the server. One that allocated sends FSYNC.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
FUSE_FSYNC=20
cache=/sys/block/${JOB_DISK1#/dev/}/queue/write_cache
was=$(<"$cache")
at_exit eval "echo '$was' >$cache"
echo "write back" >"$cache" || skip "a device that can't have a volatile cache"
puppet_options=(fsync=1)
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 131072
expect_tell ok set r 0 65536 mapped
expect_tell ok set r 65536 65536 unwritten

# Fields of /sys/block/DEVICE/stat: the sixteenth is flushes.
flushes()
{
	awk '{ print $16 }' "/sys/block/${JOB_DISK1#/dev/}/stat"
}

# after WANT OP OFFSET WHAT: FSYNC requests; the puppet does not flush the device.
after()
{
	local before flushed

	before=$(request_count "$m" $FUSE_FSYNC)
	flushed=$(flushes)
	expect_op 4096 "$2" "$m/f" "$3" 4096
	expect_equal "$1" "$(($(request_count "$m" $FUSE_FSYNC) - before))" "FSYNC requests: $2, $4"
	[ "$1" -gt 0 ] || [ "$(flushes)" -gt "$flushed" ] || fail "$2, $4: neither FSYNC nor a flush"
}

expect_op 4096 dread "$m/f" 0 4096
expect_op 4096 dread "$m/f" 65536 4096
for op in dsyncwrite ddsyncwrite; do
	expect_op 0 fsync "$m/f"
	after 0 $op 0 "overwritten"
	after 0 $op 0 "overwritten again"
	expect_tell ok set r 65536 65536 unwritten
	expect_tell ok inval r 65536 -1
	expect_op 4096 dread "$m/f" 65536 4096
	after 1 $op 65536 "converted"
	after 0 $op 65536 "overwritten after that"
done
# What the server tells by itself may be space that it has just taken.
expect_tell ok upsert 0 65536 mapped
after 1 dsyncwrite 0 "told by a notification"
after 0 dsyncwrite 0 "overwritten after that"
stop_puppet "$m"
