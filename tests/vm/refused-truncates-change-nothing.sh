# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server refuses to make a file shorter or longer, also to a user who may not write the file
# where the kernel checks no permissions: everything that was in the page cache and on the
# device is still there, and what was dirty is written by the next fsync.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m log=$TEST_TMP/puppet.log
size=65536 dirty=32768 base=$((1 << 20))
chmod 755 "$TEST_TMP"
stop_flusher
puppet_options=(other=1)
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size $size
expect_tell ok mode $((0600))
expect_tell ok set r 0 $size mapped

# letters OFFSET: which bytes a block on the device has, and how many of each
letters()
{
	dd if="$JOB_DISK1" bs=4096 iflag=direct,skip_bytes skip=$((base + $1)) count=1 status=none |
		tr '\0' 0 | fold -w 1 | sort | uniq -c | awk '{ printf "%s%s", $2, $1 }'
}

# fill: the file is all a, on the device, and one block is D in the page cache only
fill()
{
	fileop --byte=a write "$m/f" 0 $size >/dev/null
	sync "$m/f"
	fileop --byte=D write "$m/f" $dirty 4096 >/dev/null
	: >"$log"
}

want=$TEST_TMP/want
{
	head -c $dirty /dev/zero | tr '\0' a
	head -c 4096 /dev/zero | tr '\0' D
	head -c $((size - dirty - 4096)) /dev/zero | tr '\0' a
} >"$want"

# unchanged WHAT
unchanged()
{
	grep '^setattr' "$log" >/dev/null || fail "$1: the server was not asked"
	expect_equal $size "$(stat -c %s "$m/f")" "$1: size"
	cmp "$m/f" "$want" || fail "$1: the file has changed"
	expect_equal a4096 "$(letters 0)" "$1: the first block on the device"
	sync "$m/f" || fail "$1: fsync fails"
	expect_equal D4096 "$(letters $dirty)" "$1: the dirty block on the device, after fsync"
	echo 1 >/proc/sys/vm/drop_caches
	cmp "$m/f" "$want" || fail "$1: the file on the device has changed"
}

# refused ERRNO-NAME NUMBER COMMAND...
refused()
{
	local name=$1 errno=$2

	shift 2
	fill
	expect_tell ok fail setattr "$errno"
	expect_op "$name" "$@"
	unchanged "$*"
}
for new in 100 4096 70000; do
	refused EACCES 13 truncate "$m/f" $new
done
refused EPERM 1 opentrunc "$m/f"

fill
expect_tell ok fail setattr 13
# shellcheck disable=SC2016 # Perl's
setpriv --reuid 1000 --regid 1000 --clear-groups \
	perl -e 'truncate($ARGV[0], 100) and die "succeeds\n"; exit($! == 13 ? 0 : 1)' "$m/f" ||
	fail "truncate by a user whom the server refuses"
grep 'by 1000:1000' "$log" >/dev/null || fail "the server doesn't hear who asks: $(cat "$log")"
unchanged "truncate by another user"

# A server that fails with EIO may have freed the blocks: fsync says so, once.
fill
expect_tell ok fail setattr 5
exec 7<"$m/f"
expect_op EIO truncate "$m/f" 100
cmp "$m/f" "$want" || fail "the file has changed after EIO"
expect_fail sync /proc/self/fd/7 2>/dev/null
sync "$m/f" || fail "the error is reported twice"
exec 7<&-

# While the question is out, what may be cut is not written: its blocks may be another file's.
fill
expect_tell ok hold setattr
fileop truncate "$m/f" $((dirty + 100)) >"$TEST_TMP/cut" &
cutter=$!
wait_until 30 grep '^held setattr' "$log" >/dev/null || fail "no SETATTR: $(cat "$log")"
sync "$m/f" &
syncer=$!
expect_op 0 writeback "$m/f" 0 $size
# neither waits for anything but the server, or has ended by mistake
asleep()
{
	grep '^State:.*D' "/proc/$syncer/status" >/dev/null
}
wait_until 30 asleep || fail "fsync ends while a truncate is being asked for"
expect_equal a4096 "$(letters $dirty)" "the block that is being cut"
expect_tell ok release setattr
wait $cutter $syncer
expect_equal 0 "$(cat "$TEST_TMP/cut")" "truncate"
expect_equal $((dirty + 100)) "$(stat -c %s "$m/f")" "size"
sync "$m/f"
# its rest is zeroed durably
expect_equal 03996D100 "$(letters $dirty)" "the last block"
expect_equal a4096 "$(letters $((dirty + 4096)))" "a block behind the end"
stop_puppet "$m"
