# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Direct I/O that the server refuses (BEGIN answered with ENOSYS or ENOTBLK) goes through
# the page cache, with the right bytes, on the device when write(2) returns; a file that
# the server opened with FOPEN_DIRECT_IO gives EIO instead.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
base=$((1 << 20))
ENOTBLK=15 ENOSYS=38
start_puppet "$JOB_DISK1" "$m"
head -c 256K /usr/bin/perl >"$TEST_TMP/want"
dd if="$TEST_TMP/want" of="$JOB_DISK1" bs=64K oflag=direct,seek_bytes seek=$base conv=notrunc status=none
expect_tell ok size 262144
expect_tell ok set r 0 262144 mapped
expect_op 0 open "$m/f"

# opflags of the BEGINs in the log: 10 is DIRECT
asked()
{
	sed -n 's/^begin [0-9]* [0-9]* //p' "$log" | paste -sd' '
}

for error in $ENOTBLK $ENOSYS; do
	echo 1 >/proc/sys/vm/drop_caches
	expect_tell ok inval r 0 -1
	expect_tell ok fail begin "$error"
	: >"$log"
	dd if="$m/f" of="$TEST_TMP/got" bs=256K iflag=direct status=none
	expect_equal "10 0" "$(asked)" "questions of a direct read, error $error"
	cmp "$TEST_TMP/want" "$TEST_TMP/got" || fail "a direct read, error $error"

	for at in 65536 131072; do
		expect_tell ok inval r 0 -1
		expect_tell ok fail begin "$error"
		: >"$log"
		expect_op 4096 --byte=$((error % 10)) dwrite "$m/f" $at 4096
		[[ $(asked) == "11 1"* ]] || fail "questions of a direct write, error $error: $(asked)"
		head -c 4096 /dev/zero | tr '\0' $((error % 10)) |
			dd of="$TEST_TMP/want" bs=4096 oflag=seek_bytes seek=$at conv=notrunc status=none
		# Nobody has synced.
		dd if="$JOB_DISK1" of="$TEST_TMP/got" bs=256K iflag=direct,skip_bytes skip=$base count=1 status=none
		cmp "$TEST_TMP/want" "$TEST_TMP/got" || fail "the device after a direct write, error $error"
	done
	cmp "$TEST_TMP/want" "$m/f" || fail "the file, error $error"
done

# The server wants this file direct and nothing else.
expect_tell ok open direct
echo 1 >/proc/sys/vm/drop_caches
expect_tell ok inval r 0 -1
: >"$log"
expect_equal 4096 "$(fileop read "$m/f" 0 4096 | cut -d' ' -f1)" "bytes of a read"
expect_equal 10 "$(asked)" "questions of a read that the server made direct"
for error in $ENOTBLK $ENOSYS; do
	expect_tell ok inval r 0 -1
	expect_tell ok fail begin "$error"
	expect_op EIO read "$m/f" 0 4096
	expect_tell ok fail begin "$error"
	expect_op EIO write "$m/f" 0 4096
	expect_tell ok fail begin "$error"
	expect_op EIO dwrite "$m/f" 0 4096
done
dd if="$JOB_DISK1" of="$TEST_TMP/got" bs=256K iflag=direct,skip_bytes skip=$base count=1 status=none
cmp "$TEST_TMP/want" "$TEST_TMP/got" || fail "the device after writes that failed"

# Nor can a file with space on a device be opened as a stream: the server hears that it was not.
expect_tell ok open nonseekable
: >"$log"
expect_op EINVAL open "$m/f"
grep -qx release "$log" || fail "no RELEASE of a file that the kernel refused to open"
stop_puppet "$m"
