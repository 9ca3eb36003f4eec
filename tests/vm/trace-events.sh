# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Each kind of upcall leaves a trace event under the module's own trace system.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m tracing=/sys/kernel/tracing
[ -d $tracing/events ] || skip "no tracefs in this kernel"
make_ext4 "$JOB_DISK1"
at_exit eval "echo 0 >$tracing/events/fuseiomap/enable; echo >$tracing/trace"
echo >$tracing/trace
echo 1 >$tracing/events/fuseiomap/enable
mount_iomap4fs "$JOB_DISK1" "$m"
head -c 100000 /usr/bin/perl >"$m/f"
umount_iomap4fs "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
expect_op 4096 dread "$m/f" 4096 4096
umount_iomap4fs "$m"
cp $tracing/trace "$TEST_TMP/trace"
for event in fuse_request_send fuse_request_end iomap_begin iomap_ioend; do
	grep -q " $event: " "$TEST_TMP/trace" || fail "no event $event"
done
# Where writeback goes is known from there.
grep ' iomap_begin: ' "$TEST_TMP/trace" | grep 'op .*WRITE' >/dev/null ||
	fail "no iomap_begin event of writing"
grep ' iomap_begin: ' "$TEST_TMP/trace" | grep 'DIRECT' | grep 'pos 0x1000' >/dev/null ||
	fail "the direct read's iomap_begin event does not tell its position"
