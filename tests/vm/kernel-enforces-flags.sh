# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The kernel itself enforces the immutable, append-only and sync flags of files that
# it opens without asking the server, also for who had the file open before; it tells
# them by statx, and ctime moves with them.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
head -c 64K /usr/bin/perl >"$m/f"
sync -f "$m"

# late OP WANT: what an open file lets one do after chattr +i
late()
{
	local dir=$TEST_TMP/$1

	mkdir "$dir"
	mkfifo "$dir/in"
	fileop "$1" "$m/f" 4096 4096 <"$dir/in" >"$dir/out" &
	exec 9>"$dir/in"
	wait_until 10 grep -q open "$dir/out" || fail "$1 did not open the file"
	chattr +i "$m/f"
	echo >&9
	exec 9>&-
	wait $!
	chattr -i "$m/f"
	expect_equal "$2" "$(tail -n 1 "$dir/out")" "$1 to a file that became immutable"
}
late latewrite EPERM
late latemwrite EFAULT
cmp -n 65536 /usr/bin/perl "$m/f" || fail "the file changed"

before=$(stat -c %z "$m/f")
chattr +ai "$m/f"
[ "$(stat -c %z "$m/f")" != "$before" ] || fail "ctime stayed as it was after chattr"
[[ $(fileop statx "$m/f") =~ ^"btime dio "[0-9]+" immutable append 0"$ ]] ||
	fail "statx: $(fileop statx "$m/f")"
expect_op EPERM truncate "$m/f" 0
expect_op EPERM fallocate "$m/f" 0 4096
expect_op EPERM openrw "$m/f"
expect_fail rm -f "$m/f" 2>/dev/null
expect_fail setfattr -n user.x -v x "$m/f" 2>/dev/null
mkdir "$m/d"
chattr +i "$m/d"
expect_fail touch "$m/d/new" 2>/dev/null
chattr -i "$m/d"
chattr +a "$m/d"
touch "$m/d/new"
expect_fail rm -f "$m/d/new" 2>/dev/null
chattr -a "$m/d"
chattr -ai "$m/f"

# Each write of a file with the sync flag is durable: the server hears of it.
FUSE_FSYNC=20
expect_op 4096 write "$m/f" 0 4096
before=$(request_count "$m" $FUSE_FSYNC)
chattr +S "$m/f"
expect_op 4096 append "$m/f" 0 4096
expect_equal 1 "$(($(request_count "$m" $FUSE_FSYNC) - before))" "FSYNC requests of a sync file"

# The kernel has never asked about opening.
FUSE_OPEN=14
expect_equal 0 "$(request_count "$m" $FUSE_OPEN)" "OPEN requests"
umount_iomap4fs "$m"

# What is on the disk is enforced from the first lookup on.
mount_ext4 "$JOB_DISK1" "$m"
lsattr "$m/f" | grep '^--S' >/dev/null || fail "the sync flag is not on the disk"
chattr +i "$m/f"
umount "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
expect_op EPERM openrw "$m/f"
chattr -i "$m/f"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
