# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Listing a directory and following a link move access times as with kernel ext4: what the mount
# options and chattr +A say, and with relatime the first time after a change.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

atime()
{
	stat -c %.9X "$1"
}

# moves WHAT FILE COMMAND...: does the command move the file's access time?
moves()
{
	local what=$1 file=$2 before answer=no

	shift 2
	before=$(atime "$file")
	# a tick of the kernel's clock
	sleep 0.02
	"$@" >/dev/null
	[ "$(atime "$file")" = "$before" ] || answer=yes
	echo "$what: $answer"
}

steps()
{
	mkdir "$m/d" "$m/still"
	chattr +A "$m/still"
	echo contents >"$m/d/f"
	ln -s d/f "$m/link"
	ln -s d/f "$m/followed"
	moves "a new directory" "$m/d" ls "$m/d"
	moves "the same again" "$m/d" ls "$m/d"
	sleep 0.02
	touch "$m/d/g"
	moves "after a name has come" "$m/d" ls "$m/d"
	moves "with chattr +A" "$m/still" ls "$m/still"
	moves "a link" "$m/link" readlink "$m/link"
	moves "the same again" "$m/link" readlink "$m/link"
	moves "a link that is followed" "$m/followed" cat "$m/followed"
}

# noatime and nodiratime: tests/classic/access-times.sh, which is faster
for options in relatime strictatime; do
	make_small_ext4 "$JOB_DISK1"
	mount_ext4 "$JOB_DISK1" "$m" $options
	steps >"$TEST_TMP/want"
	umount "$m"
	make_small_ext4 "$JOB_DISK1"
	mount_iomap4fs "$JOB_DISK1" "$m" $options
	steps >"$TEST_TMP/got"
	atime "$m/d" >"$TEST_TMP/d"
	umount_iomap4fs "$m"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "which access times move with $options"
	mount_ext4 "$JOB_DISK1" "$m" ro
	expect_equal "$(<"$TEST_TMP/d")" "$(atime "$m/d")" "the access time on the disk"
	umount "$m"
done
