# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# While the server thinks about where a write goes, other parts of the file change: data is
# completed, mappings are forgotten. The answer is used all the same, so a writer does not ask
# again for each completion. A change of the place itself has him ask again.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
far=$((1 << 20))

# begins_of_write COMMAND...: the BEGINs of a write at $far, during the first of which the
# command runs
begins_of_write()
{
	: >"$log"
	expect_tell ok hold begin
	fileop write "$m/f" $far 4096 >"$TEST_TMP/written" &
	wait_until 20 grep -q '^held begin' "$log" || fail "no BEGIN: $(<"$log")"
	"$@"
	expect_tell ok release begin
	wait $!
	expect_equal 4096 "$(<"$TEST_TMP/written")" "the write"
	begins=$(grep -c "^begin $far " "$log")
}

# complete_writeback: a page in the first blocks is written, in unwritten space, and completed.
next=0
complete_writeback()
{
	expect_op 0 fsync "$m/f"
	grep -q '^ioend' "$log" || fail "nothing was completed: $(<"$log")"
}

for keep in keep=0 ""; do
	puppet_options=(${keep:+"$keep"})
	rm -f "$TEST_TMP"/puppet.*
	start_puppet "$JOB_DISK1" "$m"
	expect_tell ok size $((2 * far))
	for round in 1 2 3; do
		expect_op 4096 write "$m/f" $next 4096
		begins_of_write complete_writeback
		expect_equal 1 "$begins" "BEGINs beside a completion elsewhere, ${keep:-kept}, round $round"
		expect_op 0 fsync "$m/f"
		expect_tell ok inval r $far 4096
		next=$((next + 8192))
	done
	begins_of_write expect_tell ok inval r 0 4096
	expect_equal 1 "$begins" "BEGINs beside another block that is forgotten, ${keep:-kept}"
	expect_tell ok inval r $far 4096
	begins_of_write expect_tell ok inval r $far 4096
	expect_equal 2 "$begins" "BEGINs beside this block that is forgotten, ${keep:-kept}"
	expect_op 0 fsync "$m/f"
	expect_equal 4096 "$(dd if="$JOB_DISK1" bs=4096 count=1 iflag=direct,skip_bytes skip=$((2 * far)) \
		status=none | tr -cd w | wc -c)" "bytes at the file's place"
	stop_puppet "$m"
done
