# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Pieces of a file that are written back one behind the other, and complete at about the
# same time, are reported by one IOEND request, not by one for each bio.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
size=$((4 << 20))
# Nobody but this test writes back.
interval=/proc/sys/vm/dirty_writeback_centisecs
at_exit eval "echo $(<$interval) >$interval"
echo 360000 >$interval
make_slow_device
start_puppet "$dm" "$m"
expect_tell ok size 0

# Fields of /sys/block/DEVICE/stat: the fifth is writes completed.
bios()
{
	awk '{ print $5 }' "/sys/block/${dm#/dev/}/stat"
}

# A page at a time, so that the folios are small and the bios, of 256 folios, many.
dd if=/dev/zero of="$m/f" bs=4k count=$((size / 4096)) status=none
before=$(bios)
: >"$log"
# While the answer to the first report is held back, the other bios complete.
expect_tell ok hold ioend
expect_op 0 writeback "$m/f" 0 $size
all_written()
{
	[ $(($(bios) - before)) -ge 64 ]
}
wait_until 60 all_written || fail "only $(($(bios) - before)) bios: the test shows nothing"
expect_tell ok release ioend
sync "$m/f"
bios=$(($(bios) - before))
ioends=$(grep -c '^ioend' "$log") || :
echo "$bios bios, $ioends completions"
[ "$bios" -ge 64 ] || fail "only $bios bios: the test shows nothing"
[ $((ioends * 4)) -le "$bios" ] || fail "$ioends completions for $bios bios"
# Together they are the file, each byte once.
awk -v size=$size '$1 == "ioend" { if ($5 != 0) exit 1; sum += $3; if ($2 + $3 > end) end = $2 + $3 }
	END { exit sum != size || end != size }' "$log" || fail "the completions are not the file: $(<"$log")"
stop_puppet "$m"
