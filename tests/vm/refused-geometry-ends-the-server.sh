# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server whose reply to CONFIG the kernel refuses hears of it: its session ends with an error,
# and no mount is left behind that refuses everything.
. "$(dirname "$0")/lib.sh"

[ -x bin/puppet_server ] || skip "puppet_server is not built"
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
status=0
timeout 60 puppet_server blocksize=3000 "$JOB_DISK1" "$m" "$TEST_TMP/log" </dev/null ||
	status=$?
[ $status -ne 0 ] || fail "the server ended without an error"
[ $status -ne 124 ] || fail "the server still serves a mount that the kernel refuses"
[ $status -lt 128 ] || fail "the server died of signal $((status - 128))"
expect_fail mountpoint -q "$m"
