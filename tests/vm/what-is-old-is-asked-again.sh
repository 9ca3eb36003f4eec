# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Names and attributes are asked for again when their time is over, when the server says that
# they are old, and when a change has failed half-way; not before. Also where the kernel
# has a short way to see that they are valid: a file and a directory that only this mount
# changes, permissions that the kernel checks.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
LOOKUP=1 GETATTR=3
chmod 755 "$TEST_TMP"
puppet_options=(exclusive=1)
start_puppet "$JOB_DISK1" "$m" 0 idmap

# The shell's own tests call stat(2), which wants no time of birth.
by_name()
{
	[ -f "$m/f" ] || fail "no file"
}

exec 7<"$m/f"
by_descriptor()
{
	[ -f /proc/self/fd/7 ] || fail "no file by its descriptor"
}

by_user()
{
	setpriv --reuid 1000 --regid 1000 --clear-groups head -c 0 "$m/f" 2>/dev/null
}

# asked OPCODE: request_count(), without a look at the mount, whose root gets old as well
requests=$(connection_dir "$m")/requests
asked()
{
	awk -v op="$1" '$1 == op { n = $2 } END { print n + 0 }' "$requests"
}

# expect_asked NAMES ATTRIBUTES COMMAND...: so many LOOKUPs and GETATTRs
expect_asked()
{
	local names=$1 attributes=$2 names_before attributes_before

	names_before=$(asked $LOOKUP)
	attributes_before=$(asked $GETATTR)
	"${@:3}"
	expect_equal "$names $attributes" \
		"$(($(asked $LOOKUP) - names_before)) $(($(asked $GETATTR) - attributes_before))" \
		"LOOKUP and GETATTR of ${*:3}"
}

inval_attributes()
{
	# FUSE_NOTIFY_INVAL_INODE: node 2, offset -1, length 0
	expect_tell ok message 2 24 2 0 0xffffffff 0xffffffff 0 0
}

inval_name()
{
	# FUSE_NOTIFY_INVAL_ENTRY: parent 1, a name of one byte, no flags, "f"
	expect_tell ok message 3 18 1 0 1 0 0x66
}

by_name
by_user || fail "the file can't be read"
expect_asked 0 0 by_name
expect_asked 0 0 by_descriptor
expect_asked 0 0 by_user

inval_attributes
expect_asked 0 1 by_descriptor
expect_asked 0 0 by_descriptor
inval_attributes
expect_asked 0 1 by_user
inval_name
expect_asked 1 0 by_name
expect_asked 0 0 by_name

# the server changes the mode, and says so
expect_tell ok mode 0600
inval_attributes
expect_asked 0 1 expect_fail by_user
expect_tell ok mode 0644
inval_attributes
by_user || fail "the file can't be read again"

# a chmod that has failed may have been done
expect_tell ok mode 0600
expect_tell ok fail times 5
expect_fail chmod 600 "$m/f" 2>/dev/null
expect_asked 0 1 expect_fail by_user
expect_tell ok mode 0644
inval_attributes
by_user || fail "the file can't be read in the end"

# time goes by; what is asked last says for how long it is good
expect_tell ok timeout 1
inval_attributes
inval_name
by_name
sleep 2
expect_asked 0 1 by_descriptor
sleep 2
expect_asked 1 0 by_name
expect_tell ok mode 0600
sleep 2
expect_fail by_user

# forced, it is asked for though it is known
expect_tell ok timeout 3600
inval_attributes
by_descriptor
before=$(asked $GETATTR)
stat -L --cached=never /proc/self/fd/7 >/dev/null
[ "$(asked $GETATTR)" -gt "$before" ] || fail "stat --cached=never has not asked"
exec 7<&-
stop_puppet "$m"
