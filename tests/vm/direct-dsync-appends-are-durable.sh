# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A direct O_DSYNC write that makes the file longer inside its last block changes the size that
# the server records. FSYNC has to follow, also on a device without a volatile cache, where
# fs/iomap sends none for writes that only replace bytes.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m k=$TEST_TMP/k
FUSE_FSYNC=20
cache=/sys/block/${JOB_DISK1#/dev/}/queue/write_cache
was=$(<"$cache")
at_exit eval "echo '$was' >$cache"
echo "write through" >"$cache"

# fsyncs WANT OP OFFSET LENGTH: the operation sends that many FSYNC requests
fsyncs()
{
	local before

	before=$(request_count "$m" $FUSE_FSYNC)
	expect_op "$4" "$2" "$m/f" "$3" "$4"
	expect_equal "$1" "$(($(request_count "$m" $FUSE_FSYNC) - before))" "FSYNC requests: $2 at $3"
}

# The mapping is the file's only one and stays the same: only the size changes.
puppet_options=(fsync=1)
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 512
expect_tell ok set r 0 4096 mapped
expect_op 512 dread "$m/f" 0 512
expect_op 0 fsync "$m/f"
fsyncs 0 ddsyncwrite 0 512
fsyncs 1 ddsyncwrite 512 512
fsyncs 0 ddsyncwrite 512 512
fsyncs 0 ddsyncwrite 0 1024
# partly inside, partly behind the end
fsyncs 1 ddsyncwrite 512 1024
fsyncs 0 dwrite 1536 512
# that size has been recorded without O_DSYNC
fsyncs 1 ddsyncwrite 0 512
# of one write only
fsyncs 1 drwfwrite 2048 512
fsyncs 0 drwfwrite 2048 512
fsyncs 1 rwfwrite 2560 512
# Bytes in the server's metadata: no bio says whether they are on the disk.
expect_tell ok set r 0 4096 inline
expect_tell ok inval r 0 -1
fsyncs 1 ddsyncwrite 0 512
stop_puppet "$m"

# The server is killed before it commits by itself: what is on the disk is what was promised.
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m" commit=300
touch "$m/f"
expect_op 512 write "$m/f" 0 512
expect_op 0 fsync "$m/f"
expect_op 512 ddsyncwrite "$m/f" 512 512
# shellcheck disable=SC2046 # one or two numbers
kill -KILL $(server_pids)
wait_until 30 no_server || fail "the killed server is still there"
umount "$m"
mount_ext4 "$JOB_DISK1" "$k"
expect_equal 1024 "$(stat -c %s "$k/f")" "bytes of a file after a direct O_DSYNC append and a crash"
umount "$k"
