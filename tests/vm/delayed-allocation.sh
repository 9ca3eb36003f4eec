# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server may give buffered writes no address before writeback: FIEMAP says so, sync
# and direct I/O get real space, and what can't get any is undone and told by fsync.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 0
expect_tell ok delalloc on


for i in $(seq 0 15); do
	expect_op 4096 write "$m/f" $((i * 4096)) 4096
done
fiemap_before=$(filefrag -v "$m/f")
[[ $fiemap_before == *delalloc* ]] || fail "no delayed allocation: $fiemap_before"
! grep -q '^ioend' "$log" || fail "written before sync"
sync "$m/f"
[[ $(filefrag -v "$m/f") != *delalloc* ]] || fail "still delayed after sync: $(filefrag -v "$m/f")"
expect_equal 1 "$(grep -c '^begin .* 800$' "$log")" "BEGIN requests by writeback"
expect_equal "ioend 0 65536 32 0" "$(grep '^ioend' "$log")" "completion"
expect_equal 65536 "$(stat -c %s "$m/f")" "size"

# Direct I/O and mapped stores
expect_op 4096 write "$m/f" 131072 4096
expect_op 4096 dwrite "$m/f" 131072 4096
expect_op 4096 mwrite "$m/f" 73728 4096
cmp <(head -c 4096 /dev/zero | tr '\0' w) <(dd if="$m/f" bs=4096 skip=32 count=1 iflag=direct status=none) ||
	fail "a direct write over delayed space"

# No space at writeback: fsync says so once, the reservation is undone.
sync "$m/f"
: >"$log"
expect_op 4096 write "$m/f" 262144 4096
expect_tell ok fail begin 28
expect_op ENOSPC fsync "$m/f"
grep -q '^ioend 262144 4096 .* -' "$log" || fail "the server did not hear of the failure: $(<"$log")"
expect_op 0 fsync "$m/f"
echo 1 >/proc/sys/vm/drop_caches
expect_equal 4096 "$(dd if="$m/f" bs=4096 skip=64 count=1 status=none | tr -d w | wc -c)" \
	"zeroes where the data was lost"

# Reserved and never written: deleted with the pages.
expect_op 4096 write "$m/f" 524288 4096
expect_op 0 truncate "$m/f" 4096
sync "$m/f"
stop_puppet "$m"
