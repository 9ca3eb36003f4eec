# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server hears who asks, as he is and not as an idmapped mount shows him. Mounts can be
# idmapped if the server allows it, which it can't where the kernel checks no permissions.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m v=$TEST_TMP/v
mkdir "$v"
chmod 755 "$TEST_TMP"
start_puppet "$JOB_DISK1" "$m" 0 idmap
stat "$m/f" >/dev/null	# that is served after INIT
grep -x "idmap ok" "$TEST_TMP/puppet.log" >/dev/null || fail "$(cat "$TEST_TMP/puppet.log")"
at_exit umount_all "$v"
expect_equal 0 "$(idmapped mount 0:10000:10000 "$m" "$v")" "idmapped mount"

# the file is user 0's, who is 10000 there
setpriv --reuid 10000 --regid 10007 --clear-groups truncate -s 4096 "$v/f"
expect_fail setpriv --reuid 10001 --regid 10000 --clear-groups truncate -s 0 "$v/f" 2>/dev/null
expect_fail setpriv --reuid 10000 --regid 10007 --clear-groups truncate -s 0 "$m/f" 2>/dev/null
truncate -s 8192 "$m/f"
truncate -s 12288 "$v/f"
expect_equal "setattr 4096 by 10000:10007 setattr 8192 by 0:0 setattr 12288 by 0:0" \
	"$(grep '^setattr' "$TEST_TMP/puppet.log" | paste -sd' ')" "requests"
umount "$v"
stop_puppet "$m"

rm "$TEST_TMP/puppet.log" "$TEST_TMP/puppet.in" "$TEST_TMP/puppet.out"
start_puppet "$JOB_DISK1" "$m"
stat "$m/f" >/dev/null
grep -x "idmap EPERM" "$TEST_TMP/puppet.log" >/dev/null || fail "$(cat "$TEST_TMP/puppet.log")"
expect_equal EINVAL "$(idmapped mount 0:10000:10000 "$m" "$v" || :)" "idmapped mount"
stop_puppet "$m"
