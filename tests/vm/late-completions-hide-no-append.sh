# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The answer to an IOEND was made before a file was cut and arrives afterwards. The size in
# it doesn't count: the next append is reported as one, and the server records it.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m log=$TEST_TMP/puppet.log
append=0x10
start_puppet "$JOB_DISK1" "$m"

await()
{
	wait_until 30 grep "$1" "$log" >/dev/null || fail "no \"$1\" in the log: $(cat "$log")"
}

# appended OFFSET LENGTH: is the IOEND of that write in the log, as an append?
appended()
{
	local flags

	flags=$(awk -v o="$1" -v l="$2" '$1 == "ioend" && $2 == o && $3 == l { print $4 }' "$log")
	[ -n "$flags" ] || fail "no IOEND of [$1, +$2): $(cat "$log")"
	[ $((0x$flags & append)) -ne 0 ] || fail "the append of [$1, +$2) is not reported as one"
}

# cut_late HOW SIZE NEXT: SIZE bytes are left when the IOEND of the first block is answered
cut_late()
{
	expect_op 0 truncate "$m/f" 1048576
	expect_op 4096 write "$m/f" 0 4096
	: >"$log"
	expect_tell ok hold ioend
	sync "$m/f" &
	local syncer=$!
	await '^held ioend'
	expect_op 0 "$1" "$m/f" "$2"
	await "^setattr $2"
	expect_tell ok release ioend
	wait $syncer || fail "fsync failed"

	: >"$log"
	expect_op 8192 write "$m/f" "$2" 8192
	sync "$m/f"
	appended "$2" 8192
	expect_equal $(($2 + 8192)) "$(stat -c %s "$m/f")" "size"
	# all of the file is a hole again
	expect_op 0 truncate "$m/f" 0
}
cut_late truncate 4096
cut_late truncate 8192

# Nor does a cut wait for an IOEND of what stays, or a growing file for one of what was there.
expect_op 0 truncate "$m/f" 4096
expect_op 4096 write "$m/f" 0 4096
expect_tell ok hold ioend
sync "$m/f" &
syncer=$!
await '^held ioend'
expect_op 0 truncate "$m/f" 65536
expect_tell ok release ioend
wait $syncer
: >"$log"
expect_op 4096 write "$m/f" 65536 4096
sync "$m/f"
appended 65536 4096
stop_puppet "$m"
