# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# fsync sends FSYNC only if something of the file has changed since the last one, and then
# does: what was changed is in the image when fsync returns, whatever it was.
# shellcheck disable=SC2016 # what after() is given is expanded there
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m k=$TEST_TMP/k
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 4096 -J size=4 -E lazy_itable_init=0,nodiscard "$JOB_DISK1" 16M
mount_iomap4fs "$JOB_DISK1" "$m"

fsyncs()
{
	request_count "$m" 20
}

# asks_nothing FILE: fsync of a file that has not changed
asks_nothing()
{
	local before

	expect_op 0 fsync "$1"
	before=$(fsyncs)
	expect_op 0 fsync "$1"
	expect_equal "$before" "$(fsyncs)" "FSYNCs when nothing of ${1##*/} has changed"
}

# after CHANGE FILE LOOK: of a file that had nothing to make durable, CHANGE is durable after
# an fsync of FILE. LOOK holds in a copy of the image, as after a power cut.
after()
{
	local before

	asks_nothing "$m/f"
	before=$(fsyncs)
	(cd "$m" && eval "$1") || fail "$1"
	expect_op 0 fsync "$m/$2"
	[ "$(fsyncs)" -gt "$before" ] || fail "no FSYNC after: $1"
	dd if="$JOB_DISK1" of="$JOB_DISK2" iflag=direct oflag=direct bs=1M count=16 status=none
	mount_ext4 "$JOB_DISK2" "$k"
	(cd "$k" && eval "$3") || fail "not durable after fsync: $1"
	umount "$k"
}

mkdir "$m/dir" "$m/dir/sub"
echo contents >"$m/f"
echo contents >"$m/dir/sub/deep"
sync -f "$m"

after 'chmod 640 f' f '[ "$(stat -c %a f)" = 640 ]'
after 'chown 1:2 f' f '[ "$(stat -c %u:%g f)" = 1:2 ]'
after 'touch -d @1000000000 f' f '[ "$(stat -c %X:%Y f)" = 1000000000:1000000000 ]'
after 'setfattr -n user.a -v b f' f '[ "$(getfattr --only-values -n user.a f)" = b ]'
after 'setfattr -x user.a f' f '! getfattr -n user.a f 2>/dev/null'
after 'setfacl -m u:1000:r f' f 'getfacl -n f | grep ^user:1000:r-- >/dev/null'
after 'chattr +A f' f 'lsattr f | grep ^-*A >/dev/null'
after 'ln f g' f '[ "$(stat -c %h f)" = 2 ]'
after 'rm g' f '[ "$(stat -c %h f)" = 1 ] && ! [ -e g ]'
after 'mv f moved' moved '[ -e moved ] && ! [ -e f ]'
mv "$m/moved" "$m/f"
after 'mv f h && ln h f' h '[ "$(stat -c %h h)" = 2 ]'
after 'rm h' f '[ "$(stat -c %h f)" = 1 ] && ! [ -e h ]'
echo other >"$m/other"
after 'mv -f f other' other '[ "$(cat other)" = contents ] && ! [ -e f ]'
mv "$m/other" "$m/f"
asks_nothing "$m/dir/sub/deep"
after 'mv dir dir2' dir2/sub/deep '[ -e dir2/sub/deep ] && ! [ -e dir ]'
after 'fileop truncate f 100000' f '[ "$(stat -c %s f)" = 100000 ]'
after 'fileop fallocate f 0 200000' f '[ "$(stat -c %s f)" = 200000 ]'
after 'fileop write f 300000 100' f '[ "$(stat -c %s f)" = 300100 ]'
after 'echo new >new' new '[ "$(cat new)" = new ]'
after ': >empty' empty '[ -e empty ]'

# fdatasync says nothing of what an fsync is still to do
echo more >"$m/some"
sync -d "$m/some"
before=$(fsyncs)
expect_op 0 fsync "$m/some"
[ "$(fsyncs)" -gt "$before" ] || fail "no FSYNC after fdatasync of a new file"

# What was known of the inode when it was in memory before is not known any more
asks_nothing "$m/f"
umount_iomap4fs "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
before=$(fsyncs)
expect_op 0 fsync "$m/f"
[ "$(fsyncs)" -gt "$before" ] || fail "no FSYNC of an inode that is new in memory"
asks_nothing "$m/f"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
