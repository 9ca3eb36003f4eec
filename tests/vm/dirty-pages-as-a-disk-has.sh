# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A mount with iomap may have as many dirty pages as a disk, and reads as far ahead; a FUSE
# mount may not, nor may one that has files whose data goes through the server.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
size=$((24 << 20))
make_slow_device
start_puppet "$dm" "$m"
# Space that is there: few questions, so that the server is not what one waits for
expect_tell ok size $size
expect_tell ok set r 0 $size mapped
bdi=/sys/class/bdi/$(mountpoint -d "$m")

expect_equal "100 0" "$(paste -d' ' "$bdi/max_ratio" "$bdi/strict_limit")" "share of the dirty pages, strict"
[ "$(<"$bdi/read_ahead_kb")" -ge 1024 ] || fail "readahead of only $(<"$bdi/read_ahead_kb") KiB"

# A FUSE mount could have 1 % of this.
old=$(</proc/sys/vm/dirty_ratio)
at_exit eval "echo $old >/proc/sys/vm/dirty_ratio"
echo $((4 * size)) >/proc/sys/vm/dirty_bytes

# Nothing becomes clean; who writes is not made to wait for that.
delay_writes 10000
dirty_before=$(awk '/^nr_(dirty|writeback) / { n += $2 } END { print n * 4096 }' /proc/vmstat)
start=$EPOCHREALTIME
dd if=/dev/zero of="$m/f" bs=1M count=24 conv=notrunc status=none
took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
dirty=$(awk '/^nr_(dirty|writeback) / { n += $2 } END { print n * 4096 }' /proc/vmstat)
echo "$took ms, $(((dirty - dirty_before) / 1024)) KiB dirty"
[ $took -lt 10000 ] || fail "the writer was made to wait: $took ms"
[ $((dirty - dirty_before)) -ge $((size * 9 / 10)) ] || fail "only $((dirty - dirty_before)) bytes are dirty"
delay_writes 0
sync "$m/f"

expect_op 0 open "$m/p"
expect_equal "1 1" "$(paste -d' ' "$bdi/max_ratio" "$bdi/strict_limit")" \
	"share, strict, with a file whose data goes through the server"
stop_puppet "$m"
