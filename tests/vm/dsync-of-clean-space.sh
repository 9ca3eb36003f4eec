# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A direct O_DSYNC write over space of a file whose metadata is on the disk asks the server
# for nothing; one to space that it converted, or that the server calls DIRTY, sends FSYNC.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
FUSE_FSYNC=20 F_DIRTY=2
# With a volatile cache it is a flush of the device that takes the place of FSYNC.
cache=/sys/block/${JOB_DISK1#/dev/}/queue/write_cache
was=$(<"$cache")
at_exit eval "echo '$was' >$cache"
echo "write through" >"$cache"
puppet_options=(fsync=1)
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 131072
expect_tell ok set r 0 65536 mapped
expect_tell ok set r 65536 65536 unwritten

# fsyncs WANT OP OFFSET WHAT
fsyncs()
{
	local before

	before=$(request_count "$m" $FUSE_FSYNC)
	expect_op 4096 "$2" "$m/f" "$3" 4096
	expect_equal "$1" "$(($(request_count "$m" $FUSE_FSYNC) - before))" "FSYNC requests: $4"
}

expect_op 4096 dread "$m/f" 0 4096
expect_op 4096 dread "$m/f" 65536 4096
# The kernel doesn't know what happened to the file before it saw it.
fsyncs 1 ddsyncwrite 0 "a file not yet synced"
fsyncs 0 ddsyncwrite 0 "overwritten"
fsyncs 1 ddsyncwrite 65536 "converted"
fsyncs 0 ddsyncwrite 65536 "overwritten after that"
fsyncs 0 dwrite 0 "without O_DSYNC"

# An answer of the server's may say so, too.
expect_tell ok inval r 0 -1
fsyncs 0 ddsyncwrite 0 "space that the server calls clean"
expect_op 0 fsync "$m/f"
expect_tell ok flags $F_DIRTY
expect_tell ok inval r 0 -1
fsyncs 1 ddsyncwrite 0 "space that the server calls dirty"
stop_puppet "$m"
