# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 180
#
# What cannot be mounted is refused with one sentence on stderr and a status that
# is not 0; the image stays as it was, and nothing is left mounted or running.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
mkdir "$m"
chmod 755 "$TEST_TMP" "$m"
at_exit umount_all "$m"

# refused WHAT IMAGE DIR [COMMAND-PREFIX]...: iomap4fs IMAGE DIR must fail so.
refused()
{
	local what=$1 image=$2 dir=$3 before='' status=0

	shift 3
	[ ! -f "$image" ] || before=$(sha256sum <"$image")
	timeout 30 "$@" bin/iomap4fs "$image" "$dir" -o iomap=require \
		>"$TEST_TMP/out" 2>"$TEST_TMP/err" </dev/null || status=$?
	[ $status -ne 0 ] || fail "$what: status 0"
	[ $status -lt 124 ] || fail "$what: status $status"
	expect_equal 1 "$(wc -l <"$TEST_TMP/err")" "$what: lines on stderr ($(cat "$TEST_TMP/err"))"
	expect_equal 0 "$(wc -c <"$TEST_TMP/out")" "$what: bytes on stdout"
	echo "$what: status $status: $(cat "$TEST_TMP/err")"
	! mountpoint -q "$m" || fail "$what: mounted"
	wait_until 5 no_server || fail "$what: a server stays"
	[ -z "$before" ] || expect_equal "$before" "$(sha256sum <"$image")" "$what: the image"
}

image=$TEST_TMP/image
fresh()
{
	rm -f "$image"
	truncate -s 32M "$image"
	mke2fs -q -t ext4 -b 4096 -d /etc/default "$image"
}

fresh
head -c 10M /usr/bin/perl >"$TEST_TMP/notfs"
refused "not an image" "$TEST_TMP/notfs" "$m"
: >"$TEST_TMP/nothing"
refused "an empty file" "$TEST_TMP/nothing" "$m"
refused "no such file" "$TEST_TMP/none" "$m"
refused "a directory as the image" "$TEST_TMP" "$m"
refused "a character device" /dev/null "$m"
refused "no such mountpoint" "$image" "$TEST_TMP/none"
refused "a mountpoint that is a file" "$image" "$TEST_TMP/notfs"
chmod 600 "$image"
refused "no permission for the image" "$image" "$m" setpriv --reuid 65534 --regid 65534 --clear-groups
chmod 644 "$image"
chmod 666 "$image"
refused "no permission to mount" "$image" "$m" setpriv --reuid 65534 --regid 65534 --clear-groups

head -c 20M "$image" >"$TEST_TMP/short"
refused "a truncated image" "$TEST_TMP/short" "$m"
head -c 1500 "$image" >"$TEST_TMP/short"
refused "an image of 1500 bytes" "$TEST_TMP/short" "$m"

# s_feature_incompat is at 1024 + 96; bit 31 is nobody's.
printf '\x80' | dd of="$image" bs=1 seek=$((1024 + 96 + 3)) conv=notrunc status=none
refused "an unknown incompatible feature" "$image" "$m"
fresh
# The block size, 1024 << s_log_block_size, at 1024 + 24.
printf '\x77' | dd of="$image" bs=1 seek=$((1024 + 24)) conv=notrunc status=none
refused "an impossible block size" "$image" "$m"
fresh
dd if=/dev/zero of="$image" bs=4096 seek=1 count=1 conv=notrunc status=none
refused "zeroed group descriptors" "$image" "$m"

make_ext4 "$JOB_DISK1"
mkdir "$TEST_TMP/other"
mount_ext4 "$JOB_DISK1" "$TEST_TMP/other"
status=0
bin/iomap4fs "$JOB_DISK1" "$m" -o iomap=require >/dev/null 2>"$TEST_TMP/err" || status=$?
[ $status -ne 0 ] || fail "in use by kernel ext4: status 0"
expect_equal 1 "$(wc -l <"$TEST_TMP/err")" "in use by kernel ext4: lines on stderr"
umount "$TEST_TMP/other"
check_clean "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$TEST_TMP/other"
status=0
bin/iomap4fs "$JOB_DISK1" "$m" -o iomap=require >/dev/null 2>"$TEST_TMP/err" || status=$?
[ $status -ne 0 ] || fail "in use by iomap4fs: status 0"
expect_equal 1 "$(wc -l <"$TEST_TMP/err")" "in use by iomap4fs: lines on stderr"
umount_iomap4fs "$TEST_TMP/other"
check_clean "$JOB_DISK1"

fresh
expect_fail bin/iomap4fs "$image" "$m" -o iomap=perhaps 2>"$TEST_TMP/err"
expect_equal 1 "$(wc -l <"$TEST_TMP/err")" "bad option: lines on stderr"

at_exit eval 'module_loaded || load_module'
unload_module
refused "no module and iomap=require" "$image" "$m"
# shellcheck disable=SC2119 # no parameters
load_module

# Through mount(8), its message is ours.
status=0
mount -t iomap4fs "$TEST_TMP/notfs" "$m" 2>"$TEST_TMP/err" || status=$?
[ $status -eq 32 ] || [ $status -eq 1 ] || fail "mount -t iomap4fs: status $status"
[ -s "$TEST_TMP/err" ] || fail "mount -t iomap4fs says nothing"
