# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# SET_NOFS keeps a thread, and those that it starts, from file system reclaim and from being
# throttled, if it has the right to; iomap4fs sets it for all of its threads, and the library for
# all that it has requests answered by.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

# ioctls "RESULT, RESULT..." OP...
ioctls()
{
	local want=$1

	shift
	expect_equal "$want" "$(device_ioctl "$@" | paste -sd, | sed 's/,\([^t]\)/, \1/g')" "device_ioctl $*"
}

ioctls "none none" task
ioctls "0, nofs,throttle nofs,throttle" nofs 1 task
ioctls "0, 0, none none" nofs 1 nofs 0 task
ioctls "EINVAL, EINVAL, EFAULT, none none" nofs 2 nofs 0xffffffff badnofs task
ioctls "0, EPERM, none none" drop nofs 1 task
# What it may not switch on it may not switch off.
ioctls "0, 0, EPERM, nofs,throttle nofs,throttle" nofs 1 drop nofs 0 task

make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
# has_both STAT: field 7 behind the name is the flags: 0x40000 is nofs, 0x100000 throttle.
has_both()
{
	local flags

	flags=$(sed 's/.*) //' "$1" | awk '{ print $7 }')
	[ $((flags & 0x140000)) -eq $((0x140000)) ]
}

nr=0
for stat in "/proc/$(server_pids)"/task/*/stat; do
	has_both "$stat" || fail "a thread of the server without them: $(<"$stat")"
	nr=$((nr + 1))
done
[ $nr -ge 2 ] || fail "only $nr threads were looked at"
umount_iomap4fs "$m"

# A server that has not thought of it, with threads of its own beside the library's
puppet_options=(threads=3)
start_puppet "$JOB_DISK1" "$m"
nr=0
for stat in "/proc/$puppet_pid"/task/*/stat; do
	! has_both "$stat" || nr=$((nr + 1))
done
expect_equal 3 "$nr" "threads of a plain server that do no reclaim"
stop_puppet "$m"
