#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kill -9 of the server at random moments in a guest, where the kernel writes the data: see
# the head of tests/crash/vm/server-kills.sh, also for what is in the environment. Prints
# what was measured.
#
# The module for the checking kernel has to be built, and user space.
top=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
. "$top/vm/common.sh"

status=0
rm -f "$top/build/vm/long/server-kills/out/figures"
"$top/tests/run-vm" --rig uml --long "$top/tests/crash/vm/server-kills.sh" || status=$?
# a guest that died has none
cat "$top/build/vm/long/server-kills/out/figures" || status=1
exit $status
