# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# END, notifications and mappings that are refused leave trace events that tell what they
# are about; debug_iomap has each refused mapping logged in full.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m tracing=/sys/kernel/tracing
[ -d $tracing/events ] || skip "no tracefs in this kernel"
base=$((1 << 20))
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
expect_tell ok set r 0 65536 mapped
expect_op 0 open "$m/f"
parameter=/sys/module/fuseiomap/parameters/debug_iomap
[ "$(<$parameter)" = N ] || fail "debug_iomap is on"
at_exit eval "echo N >$parameter; echo 0 >$tracing/events/fuseiomap/enable; echo >$tracing/trace"
echo >$tracing/trace

# events NAME: the lines since the last time
events()
{
	sed -n "s/.* $1: //p" $tracing/trace
	echo >$tracing/trace
}

# expect_event NAME PATTERN: one, and like that
expect_event()
{
	local got

	got=$(events "$1")
	# shellcheck disable=SC2053 # a pattern
	[[ $got == $2 ]] || fail "events $1: '$got', not '$2'"
}

# Nothing before it is switched on
expect_tell ok inval r 0 -1
expect_event iomap_inval ""
echo 1 >$tracing/events/fuseiomap/enable
dev="dev $(mountpoint -d "$m") ino 2"

expect_tell ok inval r 4096 8192
expect_event iomap_inval "$dev read 0x1000 length 0x2000 write 0x0 length 0x0 error 0"
expect_tell EUCLEAN inval w 1 4096
expect_event iomap_inval "$dev read 0x0 length 0x0 write 0x1 length 0x1000 error -117"
expect_tell ok upsert 8192 4096 mapped $base
expect_event iomap_upsert "$dev read mapped offset 0x2000 length 0x1000 addr 0x100000 write nocache *error 0"
expect_tell EUCLEAN wupsert 8192 0 unwritten $base
expect_event iomap_upsert "$dev read nocache *write unwritten offset 0x2000 length 0x0 addr 0x100000 error -117"

# Where mappings are kept a write ends with END only if the server has asked for that.
expect_op 4096 write "$m/f" 0 4096
expect_event iomap_end ""
expect_tell ok flags 128
expect_op 4096 append "$m/f" 0 4096
expect_tell ok flags 0
expect_event iomap_end "$dev pos 0x10000 count 0x1000 written 0x1000 op WRITE map flags 0x1?? error 0"

# A mapping that is refused; the log has a line, with debug_iomap a long one
expect_tell ok set r 0 65536 mapped 1
expect_tell ok inval r 0 -1
lines=$(dmesg | wc -l)
new_lines()
{
	dmesg | tail -n +$((lines + 1)) | grep "mapping for inode 2 refused" || :
}

# Sixteen in no time: the rate limit is ten in five seconds.
refuse_16()
{
	lines=$(dmesg | wc -l)
	# noerror makes success of it
	dd if="$m/f" of=/dev/null bs=4096 count=16 iflag=direct conv=noerror status=none 2>/dev/null
}

expect_op EUCLEAN dread "$m/f" 0 4096
expect_event iomap_bad_mapping "$dev offset 0x0 length 0x10000 addr 0x1 type 2 flags 0x0 device 1 rule: *block size"
[[ $(new_lines) == *"refused: address is not"*"block size" ]] || fail "logged: $(new_lines)"
echo Y >$parameter
refuse_16
expect_equal 16 "$(new_lines | grep -c 'offset 0 length 65536 addr 1 type 2 flags 0x0 device 1, for dd\[[0-9]*\] at [a-z_]*+')" \
	"lines in full"
# Without it they are rate-limited.
echo N >$parameter
refuse_16
n=$(new_lines | wc -l)
if [ "$n" -lt 1 ] || [ "$n" -ge 16 ]; then
	fail "$n lines for 16 mappings that were refused"
fi
echo 0 >$tracing/events/fuseiomap/enable
stop_puppet "$m"
