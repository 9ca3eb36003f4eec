# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Whatever flags the server gives a mapping, reading writes nothing to the device: not
# either to one that it may only read. Fresh space (NEW) has no old bytes to be read.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
base=$((1 << 20))
NEW=1
start_puppet "$JOB_DISK2" "$m"
head -c 64K /usr/bin/perl >"$TEST_TMP/want"
dd if="$TEST_TMP/want" of="$JOB_DISK1" bs=64K oflag=direct,seek_bytes seek=$base conv=notrunc status=none
expect_tell ok size 65536
expect_tell "ok 2" device add "$JOB_DISK1" r
expect_tell ok set r 0 65536 mapped $base
expect_op 0 open "$m/f"

for flags in 0 $NEW 2 4 8 64 128; do
	expect_tell ok flags "$flags"
	for op in "dread 512 512" "dread 8192 4096" "dread 4608 8192" "read 0 65536" "mread 512 512" \
		"fiemap 0 0" "seekhole 0 0"; do
		expect_tell ok inval r 0 -1
		# shellcheck disable=SC2086 # three words
		echo "flags $flags, $op: $(set -- $op && fileop "$1" "$m/f" "$2" "$3")"
		dd if="$JOB_DISK1" of="$TEST_TMP/got" bs=64K iflag=direct,skip_bytes skip=$base count=1 status=none
		cmp "$TEST_TMP/want" "$TEST_TMP/got" || fail "the device after $op with flags $flags"
		echo 1 >/proc/sys/vm/drop_caches
	done
done
stop_puppet "$m"
