# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of the path-based interface share: iomap_regions on JOB_DISK1.

[ -x bin/iomap_regions ] || skip "iomap_regions is not built"
module_loaded || skip "the module is not loaded"
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
server=

# start_regions REGION...
start_regions()
{
	iomap_regions "$JOB_DISK1" "$m" "$@" >"$TEST_TMP/log" 2>&1 &
	server=$!
	wait_until 20 mountpoint -q "$m" ||
		fail "iomap_regions does not mount: $(cat "$TEST_TMP/log")"
	stat "$m" >/dev/null
	grep -q 'the kernel moves the data' "$TEST_TMP/log" || fail "$(cat "$TEST_TMP/log")"
}

server_ends()
{
	wait "$server" || fail "iomap_regions ends with status $?: $(cat "$TEST_TMP/log")"
}

stop_regions()
{
	umount "$m"
	server_ends
}

# region_is OFFSET LENGTH FILE: what is on the device, not in its page cache
region_is()
{
	dd if="$JOB_DISK1" iflag=direct,skip_bytes,count_bytes skip="$1" count="$2" bs=64K \
		status=none | cmp -s - <(head -c "$2" "$3") ||
		fail "the device at $1 is not $3"
}

# no_data_requests: all of the files' data went past the server
no_data_requests()
{
	expect_equal 0 "$(request_count "$m" "$FUSE_READ")" "READ requests"
	expect_equal 0 "$(request_count "$m" "$FUSE_WRITE")" "WRITE requests"
}
