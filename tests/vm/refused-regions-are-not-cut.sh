# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Files of the path-based example can't be cut: an attempt changes nothing, neither what is on
# the device nor what is still to be written.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-regions.sh"

stop_flusher
start_regions data=4M+1M
f=$m/data want=$TEST_TMP/want
{
	head -c 65536 /dev/zero | tr '\0' a
	head -c 4096 /dev/zero | tr '\0' b
} >"$want"
expect_op 65536 --byte=a write "$f" 0 65536
sync "$f"
expect_op 4096 --byte=b write "$f" 65536 4096
for new in 0 100 65536 66000; do
	got=$(fileop truncate "$f" $new)
	[ "$got" != 0 ] || fail "the file has been cut to $new"
	expect_equal 1048576 "$(stat -c %s "$f")" "size after a refused truncate to $new"
	head -c 69632 "$f" | cmp - "$want" || fail "a refused truncate to $new changes the file"
done
sync "$f"
region_is $((4 << 20)) 69632 "$want"
stop_regions
