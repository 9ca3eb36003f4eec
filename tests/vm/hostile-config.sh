# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# Answers to CONFIG that break the rules: the mount ends in order or works, as the
# table of hostile_server says.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -x bin/hostile_server ] || skip "hostile_server is not built"
mkdir "$TEST_TMP/m"
at_exit umount_all "$TEST_TMP/m"
hostile_server --check-config "$JOB_DISK1" "$TEST_TMP/m"
