# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# chmod that only gives permissions counts at once and is told to the server when the inode is
# written. One that takes some away, or concerns set-id bits or ACLs, is told at once, and
# after what the server has not heard of yet.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
SETATTR=4
m=$TEST_TMP/m
as_user=(setpriv --reuid 1000 --regid 1000 --clear-groups)
make_small_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
chmod 755 "$TEST_TMP" "$m"

# told N WHAT COMMAND [ARG]...: it takes so many SETATTRs
told()
{
	local n=$1 what=$2 before

	before=$(request_count "$m" $SETATTR)
	shift 2
	"$@"
	expect_equal "$n" "$(($(request_count "$m" $SETATTR) - before))" "SETATTRs for $what"
}

# new FILE: with mode 600
new()
{
	rm -f "$m/$1"
	(umask 077 && : >"$m/$1")
	sync -f "$m"
}

# kept MODE FILE: that is what the next mount finds
kept()
{
	umount_iomap4fs "$m"
	mount_iomap4fs "$JOB_DISK1" "$m"
	expect_equal "$1" "$(stat -c %a "$m/$2")" "the mode in the next mount"
}

new f
told 0 "giving permissions" chmod 644 "$m/f"
expect_equal 644 "$(stat -c %a "$m/f")" "the mode"
"${as_user[@]}" cat "$m/f" || fail "the permission does not count at once"
# the inode goes from memory, or its attributes come again
echo 2 >/proc/sys/vm/drop_caches
ls -l "$m" >/dev/null
expect_equal 644 "$(stat -c %a "$m/f")" "the mode, asked for again"
told 1 "what was given and the times" sync -f "$m"
kept 644 f

told 1 "taking permissions away" chmod 604 "$m/f"
told 1 "giving some and taking some away" chmod 640 "$m/f"
told 1 "a set-id bit" chmod 4740 "$m/f"
told 1 "permissions beside a set-id bit" chmod 4755 "$m/f"
told 1 "a sticky bit" chmod 1755 "$m/f"
kept 1755 f

# Taken away before it was told: two, in this order
new f
chmod 666 "$m/f"
told 2 "giving, then taking away" chmod 640 "$m/f"
expect_equal 640 "$(stat -c %a "$m/f")" "the mode"
kept 640 f
new f
chmod 666 "$m/f"
told 2 "giving, then changing the owner" chown 1000:1000 "$m/f"
expect_equal "666 1000" "$(stat -c '%a %u' "$m/f")" "mode and owner"
new f
chmod 666 "$m/f"
told 2 "giving, then cutting" truncate -s 5 "$m/f"
kept 666 f

# ACLs are made from the mode, and change it
new f
chmod 664 "$m/f"
setfacl -m u:1000:rwx "$m/f"
expect_equal "user::rw- user:1000:rwx group::rw- mask::rwx other::r-- " \
	"$(getfacl -nc "$m/f" 2>/dev/null | grep . | tr '\n' ' ')" "the ACL"
expect_equal 674 "$(stat -c %a "$m/f")" "the mode with the ACL"
told 1 "permissions of a file with an ACL" chmod 677 "$m/f"
setfacl -b "$m/f"
kept "$(stat -c %a "$m/f")" f

# fsync makes it durable: the image as it is then, whose journal kernel ext4 replays
new f
chmod 644 "$m/f"
expect_op 0 fsync "$m/f"
dd if="$JOB_DISK1" of="$JOB_DISK2" iflag=direct oflag=direct bs=1M count=64 status=none
umount_iomap4fs "$m"
mkdir "$TEST_TMP/k"
at_exit umount_all "$TEST_TMP/k"
mount -t ext4 "$JOB_DISK2" "$TEST_TMP/k"
expect_equal 644 "$(stat -c %a "$TEST_TMP/k/f")" "the mode after fsync"
umount "$TEST_TMP/k"
check_clean "$JOB_DISK1"
