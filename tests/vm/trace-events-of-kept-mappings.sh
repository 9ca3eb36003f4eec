# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What happens to the mappings that are kept can be watched: found, filled in, made
# written, forgotten, given back for the limit of a file and for memory.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m tracing=/sys/kernel/tracing
[ -d $tracing/events ] || skip "no tracefs in this kernel"

# expect_event EVENT PATTERN WHAT: in the trace since the last one was looked for.
expect_event()
{
	cp $tracing/trace "$TEST_TMP/trace"
	echo >$tracing/trace
	grep " iomap_cache_$1: " "$TEST_TMP/trace" | grep -E "$2" >/dev/null ||
		fail "$3: no event iomap_cache_$1 with '$2'"
}

make_ext4 "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m"
make_extents "$m/many" 3000
umount "$m"
mount_iomap4fs "$JOB_DISK1" "$m" map_cache=16K
: >"$m/f"
at_exit eval "echo 0 >$tracing/events/fuseiomap/enable; echo >$tracing/trace"
echo >$tracing/trace
echo 1 >$tracing/events/fuseiomap/enable
ino=$(stat -c %i "$m/f")
expect_op 65536 dwrite "$m/f" 0 65536
cp $tracing/trace "$TEST_TMP/first"
expect_event fill "ino $ino pos 0x0 further" "a write that asks"
expect_op 65536 dread "$m/f" 0 65536
expect_event hit "ino $ino pos 0x0 op .*DIRECT.* type mapped" "a read that need not ask"
grep " iomap_cache_written: .* ino $ino offset 0x0 length 0x10000" "$TEST_TMP/first" >/dev/null ||
	fail "no word of space that became written"
expect_op 0 truncate "$m/f" 4096
expect_event drop "ino $ino offset 0x1000 " "truncate"
cat "$m/many" >/dev/null
expect_event evict "ino $(stat -c %i "$m/many") .*for the limit of a file" "a file with many extents"
given_back()
{
	echo 2 >/proc/sys/vm/drop_caches
	cp $tracing/trace "$TEST_TMP/trace"
	grep ' iomap_cache_evict: .*for memory pressure' "$TEST_TMP/trace" >/dev/null
}
exec 7<"$m/many"
wait_until 20 given_back || fail "no word of mappings given back"
exec 7<&-
umount_iomap4fs "$m"
