# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Times that utimensat(2) sets are kept by the kernel, seen at once, and told to the server
# when the inode is written: by fsync, sync, unmounting, and by who is killed in it. A server
# that says itself who may set them is told at once.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m k=$TEST_TMP/k
make_small_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"

setattrs()
{
	request_count "$m" 4
}

# set_times FILE SECONDS
set_times()
{
	local before change

	expect_op 0 fsync "$1"
	before=$(setattrs)
	change=$(stat -c %Z "$1")
	sleep 1.1
	touch -c -d "@$2" "$1"
	expect_equal "$2:$2" "$(stat -c %X:%Y "$1")" "times at once"
	[ "$(stat -c %Z "$1")" -gt "$change" ] || fail "the change has no time"
	expect_equal "$before" "$(setattrs)" "SETATTRs for times"
}

for i in 1 2 3 4; do
	echo contents >"$m/f$i"
done
sync -f "$m"
set_times "$m/f1" 1000000001
expect_op 0 fsync "$m/f1"
set_times "$m/f2" 1000000002
sync -f "$m"
dd if="$JOB_DISK1" of="$JOB_DISK2" iflag=direct oflag=direct bs=1M count=64 status=none

# An owner or mode that is there already is no more than the time of a change
chmod 644 "$m/f1"
before=$(setattrs)
change=$(stat -c %Z "$m/f1")
sleep 1.1
chown 0:0 "$m/f1"
chmod 644 "$m/f1"
[ "$(stat -c %Z "$m/f1")" -gt "$change" ] || fail "the change has no time"
expect_equal "$before" "$(setattrs)" "SETATTRs for what is there already"
chown 1:2 "$m/f1"
chmod 604 "$m/f1"
expect_equal $((before + 2)) "$(setattrs)" "SETATTRs for another owner and another mode"
# with an ACL the mode is the server's, until it is asked
setfacl -m u:1000:rw "$m/f1"
chmod 604 "$m/f1"
expect_equal 604 "$(stat -c %a "$m/f1")" "the mode of a file with an ACL"
! getfacl -n "$m/f1" 2>/dev/null | grep '^mask::rw-' >/dev/null || fail "the ACL has its old mask"

# Not even a signal that ends all waiting keeps them back
has_asked()
{
	[ "$(setattrs)" -gt "$n" ]
}

set_times "$m/f3" 1000000003
expect_op 0 open "$m/f3"
pid=$(server_pids)
n=$(setattrs)
kill -STOP "$pid"
fileop fsync "$m/f3" &
syncing=$!
wait_until 20 has_asked || fail "fsync tells no times"
kill -9 $syncing
sleep 1
kill -CONT "$pid"
wait $syncing || :
echo 3 >/proc/sys/vm/drop_caches
expect_equal 1000000003 "$(stat -c %Y "$m/f3")" "a time after a killed fsync"

set_times "$m/f4" 1000000004
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
for want in 2:"$JOB_DISK2" 4:"$JOB_DISK1"; do
	mount_ext4 "${want#*:}" "$k"
	for ((i = 1; i <= ${want%%:*}; i++)); do
		expect_equal "100000000$i:100000000$i" "$(stat -c %X:%Y "$k/f$i")" "times of f$i on the disk"
	done
	umount "$k"
done

mount_iomap4fs "$JOB_DISK1" "$m" fakeroot
before=$(setattrs)
touch -c -d @1000000005 "$m/f1"
[ "$(setattrs)" -gt "$before" ] || fail "a server that checks who may set times isn't asked"
umount_iomap4fs "$m"
