# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests in the guest share. A test starts with
#
#	. "$(dirname "$0")/lib.sh"
#
# runs in the job's directory with set -euo pipefail, and has
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
