# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 180
#
# What fsync has confirmed is there after the server was killed with -9 and the
# image was recovered.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
mkdir "$m/dir"
for ((i = 0; i < 20; i++)); do
	head -c $((i * 20000 + 7)) /usr/bin/perl >"$m/dir/$i"
	sync "$m/dir/$i" "$m/dir"
done
fallocate -l 1M "$m/dir/prealloc"
expect_op 50000 swrite "$m/dir/prealloc" 300000 50000
sync "$m/dir/prealloc" "$m/dir"
kill -KILL "$(server_pids)"
wait_until 20 no_server
umount "$m"
status=0
e2fsck -fy "$JOB_DISK1" >"$TEST_TMP/e2fsck" 2>&1 || status=$?
[ $status -le 1 ] || fail "e2fsck -fy: $(cat "$TEST_TMP/e2fsck")"
mount_ext4 "$JOB_DISK1" "$m" ro
for ((i = 0; i < 20; i++)); do
	head -c $((i * 20000 + 7)) /usr/bin/perl | cmp - "$m/dir/$i"
done
expect_equal 50000 "$(tr -d '\0' <"$m/dir/prealloc" | wc -c)" "bytes in the preallocated file"
umount "$m"
