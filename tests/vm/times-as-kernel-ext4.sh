# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Times before 1901, after 2038 and after 2446 become through the module what they become
# with kernel ext4, at once and after a remount.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

set_times()
{
	local t

	for t in 0 2147483647.5 2147483648.25 2147483649 4294967297.000000001 15032385534.999999999 \
		15032385535 15032385535.5 15032385536.5 1099511627776 -1.5 -2147483647.5 -2147483648 \
		-2147483648.5 -2147483649.5 -1099511627776; do
		: >"$m/$t"
		touch -d "@$t" "$m/$t"
	done
}

show_times()
{
	(cd "$m" && stat -c '%n %.9X %.9Y' ./*[0-9]*)
}

make_small_ext4 "$JOB_DISK1"
make_small_ext4 "$JOB_DISK2"
mount_ext4 "$JOB_DISK2" "$m" noatime
set_times
show_times >"$TEST_TMP/want"
umount "$m"
expect_equal 16 "$(wc -l <"$TEST_TMP/want")" "files with times"
mount_iomap4fs "$JOB_DISK1" "$m" noatime
set_times
show_times >"$TEST_TMP/at-once"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
show_times >"$TEST_TMP/on-disk"
umount "$m"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/on-disk" "what kernel ext4 reads"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/at-once" "what is shown at once"
