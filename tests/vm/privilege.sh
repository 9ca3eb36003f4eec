# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Iomap is for CAP_SYS_RAWIO, and can be switched off for all by a module
# parameter: without it iomap=require is refused, and iomap=auto serves the classic
# way.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
make_ext4 "$JOB_DISK1"
parameter=/sys/module/fuseiomap/parameters/enable_iomap
[ -w $parameter ] || fail "no module parameter enable_iomap"

without_rawio()
{
	setpriv --bounding-set -sys_rawio --inh-caps -sys_rawio "$@"
}

expect_fail without_rawio bin/iomap4fs "$JOB_DISK1" "$m" -o iomap=require 2>"$TEST_TMP/err"
expect_equal 1 "$(wc -l <"$TEST_TMP/err")" "lines on stderr"
without_rawio bin/iomap4fs "$JOB_DISK1" "$m" -o iomap=auto 2>"$TEST_TMP/err"
[[ $(findmnt -no FSTYPE "$m") != fuseiomap* ]] || [ "$(request_count "$m" 4092)" = 0 ] ||
	fail "iomap without CAP_SYS_RAWIO"
echo classic >"$m/f"
expect_equal classic "$(cat "$m/f")" "file of the classic mount"
umount_iomap4fs "$m"

old=$(cat $parameter)
at_exit eval "echo $old >$parameter"
echo 0 >$parameter
expect_fail bin/iomap4fs "$JOB_DISK1" "$m" -o iomap=require 2>"$TEST_TMP/err"
expect_equal 1 "$(wc -l <"$TEST_TMP/err")" "lines on stderr"
echo "$old" >$parameter
mount_iomap4fs "$JOB_DISK1" "$m"
expect_equal classic "$(cat "$m/f")" "file of the iomap mount"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
