# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Listings that break the rules, of directories that are not opened: who lists them gets an
# error or what can be used of it, and the mount lives on.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -x bin/hostile_dirs ] || skip "hostile_dirs is not built"
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
hostile_dirs "$m" >"$TEST_TMP/log" 2>&1 &
server=$!
wait_until 20 mountpoint -q "$m" || fail "hostile_dirs does not mount: $(cat "$TEST_TMP/log")"
hostile_dirs --check "$m" || fail "see above"
# and those that have been listed before
hostile_dirs --check "$m" || fail "see above, the second time"
ls "$m/good" >/dev/null
umount "$m"
wait_until 20 eval "! kill -0 $server 2>/dev/null" || { kill -KILL $server; fail "the server stays"; }
[ ! -s "$TEST_TMP/log" ] || fail "$(cat "$TEST_TMP/log")"
