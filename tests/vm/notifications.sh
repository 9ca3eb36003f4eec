# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the server tells the kernel unasked: to forget mappings, to remember some, to
# drop a device's page cache; each is done at once, and nonsense is refused.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
base=$((1 << 20))

# fill ADDR CHAR: 64 KiB of the device
fill()
{
	head -c 65536 /dev/zero | tr '\0' "$2" |
		dd of="$JOB_DISK1" bs=64K oflag=direct,seek_bytes seek="$1" iflag=fullblock conv=notrunc status=none
}

# first_byte_of_file OFFSET: what is on the device, not what is in the page cache
byte_at()
{
	dd if="$m/f" bs=4096 count=1 iflag=direct,skip_bytes skip="$1" status=none | head -c 1
}

begins()
{
	request_count "$m" $IOMAP_BEGIN
}

fill $base a
fill $((base + 65536)) b
expect_tell ok size 65536
expect_tell ok set r 0 65536 mapped
expect_equal a "$(byte_at 0)" "the file at first"
n=$(begins)

# The server moves the file: the kernel goes on with what it knows until it is told.
expect_tell ok set r 0 65536 mapped $((base + 65536))
expect_equal a "$(byte_at 0)" "the file before the kernel is told"
expect_tell ok inval r 4096 4096
expect_equal "ab$n" "$(byte_at 0)$(byte_at 4096)$(($(begins) - 1))" "after one block was forgotten"
expect_tell ok inval w 0 -1
expect_equal "$((n + 1))" "$(begins)" "requests"
expect_tell ok inval r 0 -1
expect_equal b "$(byte_at 0)" "the file after all was forgotten"

# A dirty page goes where the file is when it is written.
expect_op 4096 write "$m/f" 8192 4096
expect_tell ok set r 0 65536 mapped $((base + 131072))
expect_tell ok inval r 0 -1
sync "$m/f"
expect_equal w "$(dd if="$JOB_DISK1" bs=1 iflag=skip_bytes skip=$((base + 131072 + 8192)) count=1 status=none)" \
	"the device at the file's new place"

# Remembered, nothing is asked.
expect_tell ok inval r 0 -1
expect_tell ok upsert 0 65536 mapped $((base + 65536))
n=$(begins)
expect_equal b "$(byte_at 0)" "the file where the kernel was told it is"
expect_op 4096 dwrite "$m/f" 0 4096
expect_equal "$n" "$(begins)" "requests"
expect_equal w "$(byte_at 0)" "the file after an overwrite"

for bad in "1 4096" "0 100" "0x7fffffffffffffff 4096" "4096 -4096"; do
	# shellcheck disable=SC2086 # two words
	expect_tell EUCLEAN inval r $bad
done
expect_tell EUCLEAN upsert 0 0 mapped
expect_tell EUCLEAN upsert 1 4096 mapped
expect_tell EUCLEAN upsert 0 4096 mapped $((1 << 50))
expect_tell EUCLEAN upsert 0 4096 mapped 1
expect_tell EUCLEAN upsert 0 4096 mapped 0xffffffffffffffff
expect_tell EUCLEAN upsert 0 4096 pure

# The device's page cache: file data that the kernel wrote is behind its back.
dev_byte()
{
	dd if="$JOB_DISK1" bs=4096 count=1 iflag=skip_bytes skip=$((base + 65536 + $1)) status=none | head -c 1
}

expect_equal b "$(dev_byte 12288)" "the device before"
expect_op 4096 dwrite "$m/f" 12288 4096
expect_tell ok devinval 0 $((base + 65536 + 12288)) 4096
expect_equal w "$(dev_byte 12288)" "the device after its page cache was dropped"
printf x | dd of="$JOB_DISK1" bs=1 oflag=seek_bytes seek=$((base + 65536 + 16384)) conv=notrunc status=none
printf y | dd of="$JOB_DISK1" bs=1 oflag=seek_bytes seek=$((base + 65536 + 20480)) conv=notrunc status=none
expect_tell ok devinval 0 $((base + 65536 + 16384)) 4096
sync
expect_equal by "$(dev_byte 16384)$(dev_byte 20480)" "dirty blocks, the first of which was dropped"
expect_tell ok devinval 0 $base 0
size=$(blockdev --getsize64 "$JOB_DISK1")
expect_tell ok devinval 0 $((size - 4096)) 8192
expect_tell EINVAL devinval 0 "$size" 4096
expect_tell EINVAL devinval 0 4096 -4096
expect_tell EINVAL devinval 0 4096 -1
expect_tell EINVAL devinval 0 100 100
expect_tell ENODEV devinval 77 0 4096
expect_tell ENODEV devinval 5000 0 4096

# Not in memory any more
expect_op 0 fsync "$m/f"
echo 3 >/proc/sys/vm/drop_caches
expect_tell ESTALE inval r 0 -1
expect_tell ESTALE upsert 0 4096 hole
stop_puppet "$m"
