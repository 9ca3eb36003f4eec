# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server that has more inline bytes than the file is long: nobody gets to see those behind
# the end, also not through a mapping, and not when the file becomes longer.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 1000
expect_tell ok set r 0 4096 inline

for op in read dread; do
	expect_equal 1000 "$(fileop $op "$m/f" 0 4096 | cut -d' ' -f1)" "bytes of $op"
done
grep -qx "read 0 4096" "$log" || fail "the kernel did not read a block of inline data: $(<"$log")"
head -c 1000 /dev/zero | tr '\0' I | cmp - "$m/f" || fail "the file"
head -c 3096 /dev/zero >"$TEST_TMP/block"
{ head -c 1000 /dev/zero | tr '\0' I; cat "$TEST_TMP/block"; } >"$TEST_TMP/want"
dd if="$TEST_TMP/want" of="$TEST_TMP/other" status=none
expect_equal "$(fileop mread "$TEST_TMP/other" 0 4096)" "$(fileop mread "$m/f" 0 4096)" "the file's page"

# The server moves it to blocks and makes it longer.
dd if="$TEST_TMP/want" of="$JOB_DISK1" bs=4096 oflag=direct,seek_bytes seek=$((1 << 20)) conv=notrunc status=none
expect_tell ok set r 0 4096 mapped
expect_tell ok inval r 0 -1
expect_op 0 truncate "$m/f" 4096
cmp "$TEST_TMP/want" "$m/f" || fail "the file that became longer"
stop_puppet "$m"
