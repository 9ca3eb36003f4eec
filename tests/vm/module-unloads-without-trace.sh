# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Loading the module makes a device, a sysfs folder, file system types, slabs and
# trace events; unloading takes all of them away, also after a mount was in use.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
at_exit eval 'module_loaded || load_module'

expect_present()
{
	[ -c /dev/fuseiomap ] || fail "no /dev/fuseiomap"
	[ -d /sys/fs/fuseiomap/connections ] || fail "no /sys/fs/fuseiomap/connections"
	grep -qw fuseiomap /proc/filesystems || fail "no file system type fuseiomap"
	grep -qw fuseiomapctl /proc/filesystems || fail "no file system type fuseiomapctl"
	grep -qw fuseiomap /proc/misc || fail "no misc device"
	[ ! -d /sys/kernel/tracing/events ] || [ -d /sys/kernel/tracing/events/fuseiomap ] ||
		fail "no trace events"
}

no_slabs()
{
	! grep -q fuseiomap /proc/slabinfo && ! ls -d /sys/kernel/slab/*fuseiomap* >/dev/null 2>&1
}

expect_absent()
{
	[ ! -e /dev/fuseiomap ] || fail "/dev/fuseiomap stays"
	[ ! -e /sys/fs/fuseiomap ] || fail "/sys/fs/fuseiomap stays"
	! grep -w 'fuseiomap\|fuseiomapctl' /proc/filesystems || fail "file system types stay"
	! grep fuseiomap /proc/misc || fail "the misc device stays"
	# Slabs end after a grace period.
	wait_until 10 no_slabs || fail "slabs stay: $(ls -d /sys/kernel/slab/*fuseiomap* 2>/dev/null)"
	[ ! -e /sys/kernel/tracing/events/fuseiomap ] || fail "trace events stay"
	[ ! -e /sys/module/fuseiomap ] || fail "/sys/module/fuseiomap stays"
}

for round in 1 2 3; do
	expect_present
	if [ $round = 2 ]; then
		make_ext4 "$JOB_DISK1"
		mount_iomap4fs "$JOB_DISK1" "$TEST_TMP/m"
		cp /usr/bin/perl "$TEST_TMP/m/"
		umount_iomap4fs "$TEST_TMP/m"
	fi
	unload_module
	expect_absent
	# The stock FUSE has lost nothing.
	[ -c /dev/fuse ] || fail "/dev/fuse is gone"
	grep -qw fuse /proc/filesystems || fail "the file system type fuse is gone"
	# shellcheck disable=SC2119 # no parameters
	load_module
done
