# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A user who may not write a file whose bytes the server keeps can't make it longer, where the
# server is the one who says so: no zeroes are sent to it before it has agreed.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m log=$TEST_TMP/puppet.log
chmod 755 "$TEST_TMP"
puppet_options=(other=1)
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 100
expect_tell ok mode $((0600))
expect_tell ok set r 0 4096 inline
expect_tell ok fail setattr 13
# shellcheck disable=SC2016 # Perl's
setpriv --reuid 1000 --regid 1000 --clear-groups \
	perl -e 'truncate($ARGV[0], 200) and die "succeeds\n"; exit($! == 13 ? 0 : 1)' "$m/f" ||
	fail "truncate by a user whom the server refuses"
! grep '^write' "$log" || fail "the server's file was changed before it was asked"
expect_equal 100 "$(stat -c %s "$m/f")" "size"
# The owner may.
expect_op 0 truncate "$m/f" 200
expect_equal 200 "$(stat -c %s "$m/f")" "size, as its owner made it"
head -c 100 "$m/f" | tr -d I | cmp - /dev/null || fail "the old bytes have changed"
tail -c 100 "$m/f" | tr -d '\0' | cmp - /dev/null || fail "the new bytes are not zeroes"
stop_puppet "$m"
