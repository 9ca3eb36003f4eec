# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Of a new file nobody asks for capabilities or ACLs: it has none but what its directory's
# default ACL gives it. What has one is found to have it, also by another name.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
as_user=(setpriv --reuid 1000 --regid 1000 --clear-groups)
capability=0x0100000200040000000000000000000000000000
make_small_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
chmod 755 "$TEST_TMP" "$m"

questions()
{
	request_count "$m" 22
}

mkdir -m 777 "$m/plain"
"${as_user[@]}" sh -c "echo 0 >'$m/plain/0'"
before=$(questions)
for i in 1 2 3; do
	"${as_user[@]}" sh -c "umask 027; echo $i >'$m/plain/$i' && cat '$m/plain/$i' && echo $i >>'$m/plain/$i'" >/dev/null
done
mkdir "$m/plain/dir"
echo 4 >"$m/plain/dir/4"
ln -s dir "$m/plain/link"
mkfifo "$m/plain/fifo"
[ -w "$m/plain/fifo" ] || fail "a new FIFO can't be written"
# mkdir's default ACL: the new directory has none either
expect_equal "$before" "$(questions)" "GETXATTRs for new files"

# What the directory gives them counts at once
mkdir -m 777 "$m/acl"
setfacl -d -m u:1000:---,u:1001:r,o:r "$m/acl"
for i in 1 2; do
	echo $i >"$m/acl/$i"
	expect_fail "${as_user[@]}" cat "$m/acl/$i" 2>/dev/null
	getfacl -n "$m/acl/$i" 2>/dev/null | grep '^user:1001:r--' >/dev/null || fail "the default ACL is not inherited"
done
mkdir "$m/acl/dir"
echo 3 >"$m/acl/dir/3"
expect_fail "${as_user[@]}" cat "$m/acl/dir/3" 2>/dev/null
setfacl -k "$m/acl"
echo 4 >"$m/acl/4"
expect_equal 4 "$("${as_user[@]}" cat "$m/acl/4")" "a file from after the default ACL"

# ACLs and capabilities that are set later, and other names of the file
for f in f g; do
	cp /bin/true "$m/$f"
done
setfacl -m u:1000:--- "$m/f"
expect_fail "${as_user[@]}" cat "$m/f" >/dev/null 2>&1
ln "$m/f" "$m/f2"
expect_fail "${as_user[@]}" cat "$m/f2" >/dev/null 2>&1
expect_fail "${as_user[@]}" cat "$m/f" >/dev/null 2>&1
setfattr -n security.capability -v $capability "$m/g"
ln "$m/g" "$m/g2"
getfattr -n security.capability "$m/g2" >/dev/null 2>&1 || fail "no capability by the other name"
echo more >>"$m/g2"
! getfattr -n security.capability "$m/g" >/dev/null 2>&1 || fail "a write has left the capability"
umount_iomap4fs "$m"

# And those that come from the disk, to which a link is the first thing that is done
mount_iomap4fs "$JOB_DISK1" "$m"
setfattr -n security.capability -v $capability "$m/g"
umount_iomap4fs "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
ln "$m/f" "$m/f3"
expect_fail "${as_user[@]}" cat "$m/f3" >/dev/null 2>&1
ln "$m/g" "$m/g3"
echo more >>"$m/g3"
! getfattr -n security.capability "$m/g" >/dev/null 2>&1 || fail "a write has left the capability"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
