# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Who is killed in fsync while the server doesn't answer loses no data: writeback waits for
# its place, which has been promised.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"

asks_for_space()
{
	[ "$(request_count "$m" "$IOMAP_BEGIN")" -gt "$n" ]
}

head -c 1M /usr/bin/perl >"$m/f"
expect_op 0 open "$m/f"
pid=$(server_pids)
n=$(request_count "$m" "$IOMAP_BEGIN")
kill -STOP "$pid"
fileop fsync "$m/f" &
syncing=$!
wait_until 20 asks_for_space || fail "fsync doesn't ask for space"
kill -9 $syncing
sleep 1
kill -CONT "$pid"
wait $syncing || :
sync "$m/f"
echo 3 >/proc/sys/vm/drop_caches
cmp "$m/f" <(head -c 1M /usr/bin/perl)
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
