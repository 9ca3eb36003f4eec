# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the server says of its file system in the answer to CONFIG is what users see: name,
# UUID, block size, links, times, the largest file.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
max=$((32 << 20))
puppet_options=(sid="$(printf 'a volume\twith a name of 32 letters')" uuid=0123456789abcdef
	blocksize=1024 links=1 gran=1000000000 min=1000 max=2000000 "maxbytes=$max")
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size $((max - 8192))
expect_equal "0123456789abcdef 16" "$(fileop uuid "$m/f")" "UUID"
expect_op 1024 blocksize "$m/f"

# Times: what is out of range is clamped, what is too fine is cut.
for times in "@5000.7 5000.000000000" "@3 1000.000000000" "@99999999 2000000.000000000"; do
	read -r set want <<<"$times"
	touch -m -d "$set" "$m/f"
	expect_equal "$want" "$(stat -c %.9Y "$m/f")" "mtime set to $set"
done
expect_op 4096 write "$m/f" 0 4096
expect_equal 2000000.000000000 "$(stat -c %.9Y "$m/f")" "mtime now, which is out of range"

expect_fail ln "$m/f" "$m/g" 2>"$TEST_TMP/err"
grep -q "Too many links" "$TEST_TMP/err" || fail "a second link: $(<"$TEST_TMP/err")"

# The largest file
for op in write dwrite; do
	expect_op 4096 $op "$m/f" $((max - 4096)) 4096
	expect_op EFBIG $op "$m/f" "$max" 4096
done
expect_op 4096 write "$m/f" $((max - 4096)) 8192
expect_op EFBIG truncate "$m/f" $((max + 1))
expect_op EFBIG fallocate "$m/f" $((max - 4096)) 8192
expect_op 0 truncate "$m/f" "$max"
expect_equal "$max" "$(stat -c %s "$m/f")" "the file's size"
sync "$m/f"

# The name in the kernel's log, where the server must not write what is not printable
expect_op 0 shutdown "$m" 1
dmesg | tail -n 5 | grep -F 'a?volume?with?a?name?of?32?lett: shut down' >/dev/null ||
	fail "another name in the log: $(dmesg | tail -n 5)"
stop_puppet "$m"
