# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The capability ioctl tells a process what it may have: iomap, if it is privileged or its
# descriptor was approved, and iomap is not switched off.
. "$(dirname "$0")/lib.sh"

module_loaded || skip "the module is not loaded"

# ioctls "RESULT RESULT..." OP...
ioctls()
{
	local want=$1

	shift
	expect_equal "$want" "$(device_ioctl "$@" | paste -sd' ')" "device_ioctl $*"
}

# File I/O, and on 6.12 nothing else
ioctls "1 EFAULT" support badsupport
ioctls "0 0 EPERM" drop support approve
ioctls "0 0 1" approve drop support

parameter=/sys/module/fuseiomap/parameters/enable_iomap
old=$(cat $parameter)
at_exit eval "echo $old >$parameter"
echo 0 >$parameter
ioctls "0 EPERM 0" support approve support
echo "$old" >$parameter
ioctls "1" support
