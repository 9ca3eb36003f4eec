# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# With iomap, too, uid= and gid= make all files belong to one user and group, for the
# kernel's checks as well, and with fakeroot there are no checks.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
command -v setpriv >/dev/null || skip "no setpriv"
m=$TEST_TMP/m
chmod 755 "$TEST_TMP"

as_user()
{
	setpriv --reuid 1000 --regid 1000 --clear-groups -- "$@"
}

make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
mkdir -m 700 "$m/private"
echo secret >"$m/private/file"
chmod 600 "$m/private/file"
chown 2000:2001 "$m/private/file"
umount_iomap4fs "$m"

mount_iomap4fs "$JOB_DISK1" "$m" uid=1000,gid=1001
expect_equal 1000:1001 "$(stat -c %u:%g "$m" "$m/private/file" | sort -u)" "owners"
expect_equal secret "$(as_user cat "$m/private/file")" "the file"
as_user sh -c "echo more >>'$m/private/file'; echo new >'$m/private/new'"
as_user chmod 640 "$m/private/file"
truncate -s 5 "$m/private/new"
chown 1000:1001 "$m/private/file"
expect_fail chown 5 "$m/private/file" 2>/dev/null
expect_fail setpriv --reuid 3000 --regid 3000 --clear-groups -- cat "$m/private/file" 2>/dev/null
expect_equal 1000:1001 "$(stat -c %u:%g "$m/private/file")" "owner afterwards"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"

mount_iomap4fs "$JOB_DISK1" "$m" fakeroot
expect_equal 2000:2001 "$(stat -c %u:%g "$m/private/file")" "owner with fakeroot"
expect_equal 1000:1000 "$(stat -c %u:%g "$m/private/new")" "owner of the new file"
as_user sh -c "echo again >>'$m/private/file'"
as_user chown 7:8 "$m/private/file"
as_user mkdir "$m/private/dir"
expect_equal 7:8 "$(stat -c %u:%g "$m/private/file")" "owner after chown"
expect_equal "secret more again" "$(as_user cat "$m/private/file" | tr '\n' ' ' | sed 's/ $//')" \
	"the file"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
expect_equal 7:8 "$(stat -c %u:%g "$m/private/file")" "what kernel ext4 sees"
expect_equal 1000:1000 "$(stat -c %u:%g "$m/private/dir")" "the directory for kernel ext4"
