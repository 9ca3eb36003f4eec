# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server may answer by putting the mapping into the kernel's cache and saying "look
# again". One that says so without end gets an error, not a hang.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 1048576

expect_tell ok retry 5
expect_op 4096 dwrite "$m/f" 0 4096
expect_equal 6 "$(request_count "$m" $IOMAP_BEGIN)" "BEGIN requests, five of which were refused"

expect_tell ok retry 1000000
expect_op EUCLEAN dread "$m/f" 65536 4096
[ "$(request_count "$m" $IOMAP_BEGIN)" -lt 1000 ] || fail "no bound"
# Those that want the server's view may not be sent to the cache.
expect_op EUCLEAN fiemap "$m/f"
expect_tell ok retry 0

expect_tell ok by-cache on
for op in write dwrite mwrite read dread mread append; do
	expect_op 4096 $op "$m/f" 131072 4096
done
sync "$m/f"
n=$(request_count "$m" $IOMAP_BEGIN)
expect_op 4096 write "$m/f" 131072 4096
sync "$m/f"
expect_equal "$n" "$(request_count "$m" $IOMAP_BEGIN)" "BEGIN requests of an overwrite"
stop_puppet "$m"
