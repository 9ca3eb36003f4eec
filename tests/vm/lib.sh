# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests in the guest share. A test starts with
#
#	. "$(dirname "$0")/lib.sh"
#
# runs in the job's directory with set -euo pipefail (so a pipe ends in grep
# >/dev/null, never in grep -q: that leaves early and lets the writer die of
# SIGPIPE), and has
#	TEST_TMP	an empty directory of its own, on a disk
#	JOB_DISK1..3	scratch disks of 4 GiB, 4 GiB and 1 GiB that every test may
#			overwrite; what an earlier test left there is anyone's guess
#	JOB_OUT		a directory whose files reach the host
#	FUSEIOMAP_RIG	qemu or uml
# It passes with exit status 0, skips with 77 and fails with any other. The
# runner fails a test that leaves a mount, process, loop or dm device, swap area
# or module behind, or makes the kernel log a warning; at_exit helps to clean up
# also when the test fails half-way.

set -euo pipefail

# tests look at notes, too, which mount(8) shows terminals only
export IOMAP4FS_NOTES=stderr

exit_commands=()

# at_exit COMMAND [ARG]...: run it when the test ends; the last added goes first.
at_exit()
{
	exit_commands+=("$(printf '%q ' "$@")")
}

run_exit_commands()
{
	local i

	for ((i = ${#exit_commands[@]} - 1; i >= 0; i--)); do
		eval "${exit_commands[i]}" || echo "clean-up failed: ${exit_commands[i]}" >&2
	done
}

trap run_exit_commands EXIT
trap 'exit 143' TERM INT

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

skip()
{
	echo "SKIPPED: $*"
	exit 77
}

# figure NAME VALUE: something that was measured, for the one who had the test run
figure()
{
	echo "$1: $2"
	echo "$1: $2" >>"$JOB_OUT/figures"
}

# expect_fail COMMAND [ARG]...: the command has to fail, by itself and not
# through a signal.
expect_fail()
{
	local status=0

	"$@" || status=$?
	[ $status -ne 0 ] || fail "succeeded, but must not: $*"
	[ $status -lt 128 ] || fail "died of signal $((status - 128)): $*"
}

# expect_equal WANT GOT WHAT
expect_equal()
{
	[ "$1" = "$2" ] || fail "$3: expected '$1', got '$2'"
}

# wait_until SECONDS COMMAND [ARG]...: poll until the command succeeds.
wait_until()
{
	local end=$((EPOCHSECONDS + $1))

	shift
	until "$@"; do
		[ "$EPOCHSECONDS" -le "$end" ] || return 1
		sleep 0.1
	done
}

module_loaded()
{
	grep -q '^fuseiomap ' /proc/modules
}

# load_module [PARAMETER=VALUE]...: load fuseiomap.ko with its control file
# system mounted, as the runner does before the first test.
load_module()
{
	modprobe -q fuse || :
	insmod fuseiomap.ko "$@"
	mount -t fuseiomapctl none /sys/fs/fuseiomap/connections
}

unload_module()
{
	umount /sys/fs/fuseiomap/connections
	rmmod fuseiomap
}

# connection_dir MOUNTPOINT: print the mount's directory of the control file
# system; it is named after the minor number of the mount's device.
connection_dir()
{
	local dev

	dev=$(mountpoint -d "$1")
	echo "/sys/fs/fuseiomap/connections/${dev#*:}"
}

# request_count MOUNTPOINT OPCODE: print how many requests with the opcode the
# server has been sent.
request_count()
{
	awk -v op="$2" '$1 == op { n = $2 } END { print n + 0 }' "$(connection_dir "$1")/requests"
}

# Opcodes for request_count; used by the tests that source this file.
# shellcheck disable=SC2034
FUSE_READ=15 FUSE_WRITE=16 IOMAP_IOEND=4093 IOMAP_BEGIN=4094 IOMAP_END=4095

# What the tests of iomap4fs share. A test has one image, on JOB_DISK1 unless it
# says otherwise, of 256 MiB, so that it is made in no time.

need_iomap4fs()
{
	[ -x bin/iomap4fs ] || skip "iomap4fs is not built"
	module_loaded || skip "the module is not loaded"
}

# make_ext4 DEVICE [MKE2FS-ARG]...
make_ext4()
{
	local device=$1

	shift
	wipefs -qa "$device"
	mke2fs -q -F -t ext4 -b 4096 -E lazy_itable_init=0,nodiscard "$@" "$device" 256M
}

# make_small_ext4 DEVICE: 64 MiB, for tests that read all of it by small_checksum.
make_small_ext4()
{
	wipefs -qa "$1"
	mke2fs -q -F -t ext4 -E lazy_itable_init=0,nodiscard "$1" 64M
}

small_checksum()
{
	head -c 64M "$1" | sha256sum
}

# Processes of iomap4fs; mount(8) gives it another name.
server_pids()
{
	pidof iomap4fs mount.iomap4fs
}

no_server()
{
	! server_pids >/dev/null
}

# umount_all DIR: for clean-up; nothing to do is fine.
umount_all()
{
	while mountpoint -q "$1"; do
		umount "$1" 2>/dev/null || umount -l "$1" || return 1
	done
}

# mount_iomap4fs DEVICE DIR [OPTIONS]
mount_iomap4fs()
{
	mkdir -p "$2"
	at_exit umount_all "$2"
	mount -t iomap4fs -o "iomap=require${3:+,$3}" "$1" "$2"
}

# umount_iomap4fs DIR: also wait until the server has let go of the device.
umount_iomap4fs()
{
	umount "$1"
	wait_until 30 no_server || fail "the server is still there 30 s after umount"
}

# mount_ext4 DEVICE DIR [OPTIONS]: with the kernel's own ext4.
mount_ext4()
{
	mkdir -p "$2"
	at_exit umount_all "$2"
	mount -t ext4 -o "${3:-rw}" "$1" "$2"
}

# check_clean DEVICE
check_clean()
{
	local status=0

	e2fsck -fn "$1" >"$TEST_TMP/e2fsck" 2>&1 || status=$?
	[ $status -eq 0 ] || fail "e2fsck -fn $1: status $status: $(grep -v '^Pass' "$TEST_TMP/e2fsck" | head -n 12)"
}

# manifest DIR [READALL-ARG]...
manifest()
{
	local dir=$1

	shift
	readall --exclude lost+found "$@" "$dir"
}

# expect_same_file WANT GOT WHAT
expect_same_file()
{
	cmp -s "$1" "$2" || fail "$3 differs: $(diff "$1" "$2" | head -n 10)"
}

# expect_op RESULT FILEOP-ARG...: a system call's result or errno.
expect_op()
{
	local want=$1 got

	shift
	got=$(fileop "$@")
	[ "${got%% *}" = "$want" ] || fail "$*: expected $want, got $got"
}

# The first 256 MiB of JOB_DISK1 as $dm, a device whose writes can be made to take long.
make_slow_device()
{
	modprobe -q dm-delay || :
	dmsetup create --noudevsync slow --table "$(slow_table 0)" || skip "no dm-delay in this kernel"
	at_exit dmsetup remove --retry slow
	# shellcheck disable=SC2034 # for the test
	dm=/dev/$(dmsetup info -c --noheadings -o blkdevname slow)
}

slow_table()
{
	echo "0 $((256 * 2048)) delay $JOB_DISK1 0 0 $JOB_DISK1 0 $1"
}

# delay_writes MILLISECONDS
delay_writes()
{
	dmsetup suspend slow
	dmsetup reload slow --table "$(slow_table "$1")"
	dmsetup resume --noudevsync slow
}

all_threads_stopped()
{
	! grep -L '^State:.T' "/proc/$1/task"/*/status | grep . >/dev/null
}

# stop_server PID: when this returns no thread of it runs.
stop_server()
{
	kill -STOP "$1"
	wait_until 20 all_threads_stopped "$1" || fail "the server does not stop"
}

# process_is_gone PID: it has ended, waited for by its parent or not.
process_is_gone()
{
	[ ! -d "/proc/$1" ] || grep '^State:.Z' "/proc/$1/status" >/dev/null
}

# stop_flusher: until the end of the test nothing is written back only because it is late.
stop_flusher()
{
	local parameter

	for parameter in dirty_writeback_centisecs dirty_expire_centisecs; do
		at_exit eval "echo $(cat /proc/sys/vm/$parameter) >/proc/sys/vm/$parameter"
	done
	# not 0, with which every file that becomes dirty wakes it
	echo 100000 >/proc/sys/vm/dirty_writeback_centisecs
	echo 100000 >/proc/sys/vm/dirty_expire_centisecs
}

# use_cgroups [DIR]: groups of processes with little memory, mounted there.
use_cgroups()
{
	cgroups=${1:-$TEST_TMP/cgroups}
	mkdir -p "$cgroups"
	mount -t cgroup2 none "$cgroups" 2>/dev/null || skip "the kernel has no cgroups"
	at_exit umount "$cgroups"
	echo +memory >"$cgroups/cgroup.subtree_control" || skip "the kernel has no memory cgroups"
}

# limit GROUP BYTES: make a group
limit()
{
	mkdir "$cgroups/$1"
	at_exit rmdir "$cgroups/$1"
	echo "$2" >"$cgroups/$1/memory.max"
}

# within GROUP COMMAND [ARG]...
within()
{
	local group=$1

	shift
	# shellcheck disable=SC2016 # the inner shell's
	bash -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$cgroups/$group" "$@"
}

# start_puppet DEVICE DIR [ROOT [idmap]]: mount the file system that does as told
# (tests/programs), with the fields in puppet_options. Its requests are in
# $TEST_TMP/puppet.log.
puppet_options=()
start_puppet()
{
	module_loaded || skip "the module is not loaded"
	mkdir -p "$2"
	at_exit umount_all "$2"
	mkfifo "$TEST_TMP/puppet.in" "$TEST_TMP/puppet.out"
	puppet_server "${puppet_options[@]}" "$1" "$2" "$TEST_TMP/puppet.log" "${@:3}" \
		<"$TEST_TMP/puppet.in" >"$TEST_TMP/puppet.out" &
	puppet_pid=$!
	exec 5>"$TEST_TMP/puppet.in" 6<"$TEST_TMP/puppet.out"
	wait_until 10 mountpoint -q "$2" || fail "the puppet server did not mount"
	# which waits for CONFIG: before that it has no device to put mappings on
	stat "$2" >/dev/null || :
}

# expect_tell ANSWER COMMAND...: see tests/programs/puppet_server.c
expect_tell()
{
	local want=$1 got

	shift
	echo "$*" >&5
	read -r -t 60 got <&6 || fail "no answer to: $*"
	[ "$got" = "$want" ] || fail "the answer to \"$*\" was $got, not $want"
}

stop_puppet()
{
	umount "$1"
	exec 5>&- 6<&-
	wait "$puppet_pid"
}

# fill_tree DIR: a few hundred files of all kinds and sizes.
fill_tree()
{
	local i

	mkdir -p "$1/many/sub"
	cp -a /etc "$1/etc"
	for i in 0 1 511 512 4095 4096 4097 65536 1000000; do
		head -c "$i" /usr/bin/perl >"$1/many/size-$i"
	done
	ln "$1/many/size-4097" "$1/many/sub/hard"
	ln -s size-1 "$1/many/soft"
	cp /usr/bin/perl "$1/perl"
	truncate -s 16M "$1/sparse"
	dd if=/usr/bin/perl of="$1/sparse" bs=50000 count=3 seek=300 conv=notrunc status=none
	make_extents "$1/extents" 300
	fallocate -l 3M "$1/unwritten"
	dd if=/usr/bin/perl of="$1/unwritten" bs=4096 count=5 seek=100 conv=notrunc status=none
}
