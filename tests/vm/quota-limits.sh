# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# Limits of quotas while allocation is delayed: what a write was promised counts at once and is
# written back whatever happens meanwhile; what the limit doesn't allow is refused by the write,
# not by the writeback; writers side by side get all of the limit and no block more.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-quota.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1" -I 256 -O quota,project
stop_flusher
mount_iomap4fs "$JOB_DISK1" "$m" usrquota,grpquota,prjquota,commit=300
chmod 755 "$TEST_TMP"
mkdir -m 777 "$m/d"

as_user()
{
	setpriv --reuid 1000 --regid 1000 --groups 1000,2000 "$@"
}

# expect_result RESULT FILEOP-ARGUMENT...: by the user
expect_result()
{
	local want=$1 got

	shift
	got=$(as_user fileop "$@")
	expect_equal "$want" "${got%% *}" "$*"
}

# expect_usage TYPE ID SPACE INODES WHAT
expect_usage()
{
	local space inodes

	read -r space inodes _ < <(our_quotas "$m" "$1" "$2")
	expect_equal "$3 $4" "$space $inodes" "$5: ${quota_kinds[$1]} $2"
}

# A promise counts before anything is written, and is kept
our_set_quota "$m" 0 1000 bhard 64
expect_result 0 create "$m/d/f"
expect_result 40960 write "$m/d/f" 0 40960
expect_usage 0 1000 40960 1 "before the writeback"
expect_result 24576 write "$m/d/f" 40960 40960
expect_result EDQUOT write "$m/d/f" 65536 1
expect_result 0 create "$m/d/g"
expect_result EDQUOT write "$m/d/g" 0 4096
expect_result 0 truncate "$m/d/g" 8192
expect_result EFAULT mwrite "$m/d/g" 0 1
# a smaller limit, and a fsync by its owner, change nothing in that
our_set_quota "$m" 0 1000 bhard 4
expect_result 0 fsync "$m/d/f"
expect_usage 0 1000 65536 2 "after the writeback"
expect_equal 65536 "$(tr -d -c w <"$m/d/f" | wc -c)" "bytes in the file"
rm "$m/d/f" "$m/d/g"

# What is dirty goes with its file to another owner and project, and comes back when it is cut
our_set_quota "$m" 0 1000 bhard 0
expect_result 0 create "$m/d/f"
expect_result 32768 write "$m/d/f" 0 32768
our_set_quota "$m" 0 1001 bhard 16
chown 1001:2000 "$m/d/f"
chattr -p 9 "$m/d/f"
expect_usage 0 1000 0 0 "after chown"
expect_usage 0 1001 32768 1 "after chown"
expect_usage 1 2000 32768 1 "after chown"
expect_usage 2 9 32768 1 "after chattr -p"
truncate -s 4096 "$m/d/f"
expect_usage 0 1001 4096 1 "after it was cut"
chown 1000 "$m/d/f"
sync "$m/d/f"
expect_usage 0 1000 4096 1 "after writeback"
expect_usage 0 1001 0 0 "after writeback"
rm "$m/d/f"

# A gift of dirty pages that is too large
our_set_quota "$m" 1 2000 bhard 16
expect_result 0 create "$m/d/f"
expect_result 32768 write "$m/d/f" 0 32768
expect_fail as_user chgrp 2000 "$m/d/f" 2>"$TEST_TMP/err"
grep "quota exceeded" "$TEST_TMP/err" >/dev/null || fail "$(cat "$TEST_TMP/err")"
expect_usage 1 1000 32768 1 "after a refused chgrp"
expect_usage 1 2000 0 0 "after a refused chgrp"
rm "$m/d/f"

# A timer starts with a promise, goes on through writeback, and stops when the promise goes
timer()
{
	our_quotas "$m" 0 1000 | cut -d ' ' -f 3
}
our_set_quota "$m" 0 1000 bsoft 16 bhard 0
expect_result 0 create "$m/d/f"
expect_result 16384 write "$m/d/f" 0 16384
expect_equal 0 "$(timer)" "timer at the soft limit"
expect_result 8192 write "$m/d/f" 16384 8192
expect_equal 1 "$(timer)" "timer above the soft limit"
expect_result 0 truncate "$m/d/f" 16384
expect_equal 0 "$(timer)" "timer when it is cut"
expect_result 8192 write "$m/d/f" 16384 8192
before=$(fuseiomap quota --json --user "$m" 1000 | grep space_timer)
# one that is started anew ends later
sleep 1.1
sync "$m/d/f"
expect_equal "$before" "$(fuseiomap quota --json --user "$m" 1000 | grep space_timer)" "timer after writeback"
rm "$m/d/f"
our_set_quota "$m" 0 1000 bsoft 0

# A gift of dirty pages starts the new owner's timer, and stops the old one's
our_set_quota "$m" 0 1001 bhard 0 bsoft 16
expect_result 0 create "$m/d/f"
expect_result 32768 write "$m/d/f" 0 32768
chown 1001 "$m/d/f"
expect_equal "32768 1 1" "$(our_quotas "$m" 0 1001 | cut -d ' ' -f 1-3)" "usage and timer after a gift"
chown 1000 "$m/d/f"
expect_equal "0 0 0" "$(our_quotas "$m" 0 1001 | cut -d ' ' -f 1-3)" "usage and timer after it went back"
rm "$m/d/f"
our_set_quota "$m" 0 1001 bsoft 0

# Side by side, to the last block
our_set_quota "$m" 0 1000 bhard 256
for i in 1 2 3 4; do
	as_user dd if=/dev/zero of="$m/d/w$i" bs=3000 2>/dev/null &
	pids[i]=$!
done
for i in 1 2 3 4; do
	wait "${pids[i]}" && fail "a writer has met no limit"
done
expect_usage 0 1000 262144 4 "by four writers"
sync -f "$m"
expect_usage 0 1000 262144 4 "by four writers, written back"
n=$(du -cB1 --apparent-size "$m"/d/w* | tail -1 | cut -f 1)
((n > 240000 && n <= 262144)) || fail "$n bytes in the files"
manifest "$m" >"$TEST_TMP/want"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m" usrquota
manifest "$m" >"$TEST_TMP/got"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "after mounting it again"
expect_result EDQUOT append "$m/d/w1" 0 8192
rm "$m"/d/w*
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"

# A hole in a cluster that the file has costs nothing, also at the limit
make_ext4 "$JOB_DISK1" -b 1024 -C 16384 -O quota,bigalloc
mount_iomap4fs "$JOB_DISK1" "$m" usrquota,commit=300
mkdir -m 777 "$m/d"
our_set_quota "$m" 0 1000 bhard 16
expect_result 0 create "$m/d/f"
expect_result 1024 write "$m/d/f" 0 1024
expect_usage 0 1000 16384 1 "one cluster"
expect_result 2048 write "$m/d/f" 8192 2048
expect_result 1 mwrite "$m/d/f" 4096 1
expect_result EDQUOT write "$m/d/f" 16384 1
expect_usage 0 1000 16384 1 "one cluster"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
