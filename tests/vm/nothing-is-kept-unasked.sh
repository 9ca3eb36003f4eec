# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server that has not agreed to the kernel's keeping mappings is asked each time, and can
# neither have some remembered nor say "look again".
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
puppet_options=(keep=0)
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
expect_tell ok set r 0 65536 mapped
for i in 1 2 3; do
	expect_op 4096 dwrite "$m/f" 0 4096
	expect_equal "$i" "$(request_count "$m" $IOMAP_BEGIN)" "BEGIN requests after $i writes"
done
expect_tell EOPNOTSUPP upsert 0 4096 mapped
expect_tell EOPNOTSUPP wupsert 0 4096 mapped
expect_tell ok inval r 0 -1
expect_tell ok retry 1
expect_op EUCLEAN dread "$m/f" 0 4096
expect_op 4096 write "$m/f" 8192 4096
sync "$m/f"
grep -qx 'mappings 0' "$(connection_dir "$m")/mappings" || fail "mappings are kept"
stop_puppet "$m"
