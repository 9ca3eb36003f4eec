# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Somebody looks a name up while another one creates it. The lookup finds no name yet, or one
# that is of no use any more, and has the kernel forget it; what is created then must be found by
# its name all the same. A file that is open but not found is shown as "(deleted)".
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
puppet_options=(exclusive=1)
start_puppet "$JOB_DISK1" "$m"
# The directory is known to be exclusive when its attributes have come.
ls "$m" >/dev/null 2>&1 || :
stat "$m" >/dev/null

# is_waiting PID: it sleeps and signals can't wake it
is_waiting()
{
	grep -q '^State:.*[DK] ' "/proc/$1/status"
}

# look_while_made NAME PID: PID, in the background, makes NAME
look_while_made()
{
	local looker

	wait_until 20 grep -q "^held create" "$TEST_TMP/puppet.log" || fail "no CREATE or MKDIR of $1"
	stat "$m/$1" >"$TEST_TMP/looker" 2>&1 &
	looker=$!
	# for the directory, having looked at what is known of the name
	wait_until 20 is_waiting $looker || fail "the lookup of $1 doesn't wait for its creation"
	expect_tell ok release create
	wait "$2" || fail "$1 can't be made"
	wait $looker || fail "$1 isn't found by who looked meanwhile: $(cat "$TEST_TMP/looker")"
	: >"$TEST_TMP/puppet.log"
}

for how in O_EXCL O_TRUNC; do
	expect_tell ok hold create
	perl -e 'use Fcntl;
		sysopen(F, $ARGV[0], O_RDWR | O_CREAT | '$how') or die "$!";
		print readlink("/proc/self/fd/" . fileno(F))' "$m/new" >"$TEST_TMP/name" &
	look_while_made new $!
	expect_equal "$m/new" "$(cat "$TEST_TMP/name")" "the name of a file opened with O_CREAT and $how"
	rm "$m/new"
	: >"$TEST_TMP/puppet.log"
done

expect_tell ok hold create
mkdir "$m/newdir" &
look_while_made newdir $!
expect_equal "$m/newdir" "$(cd "$m/newdir" && readlink /proc/self/cwd)" "the name of a new directory"
stop_puppet "$m"
