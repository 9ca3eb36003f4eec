# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Extended attributes, ACLs, owners and modes: set through iomap4fs, seen by kernel
# ext4, and the other way round; ACLs are enforced and inherited.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
as_user=(setpriv --reuid 1000 --regid 1000 --clear-groups)
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
chmod 755 "$TEST_TMP" "$m"

touch "$m/f"
for i in $(seq 20); do
	setfattr -n "user.name$i" -v "value $i of it" "$m/f"
done
setfattr -x user.name7 "$m/f"
setfattr -n user.name8 -v "another" "$m/f"
expect_fail setfattr -x user.name7 "$m/f" 2>/dev/null
setfattr -n trusted.t -v t "$m/f"
setfattr -n user.big -v "$(head -c 3000 /dev/zero | tr '\0' b)" "$m/big" 2>/dev/null &&
	fail "an attribute of a file that is not there"
touch "$m/big"
setfattr -n user.big -v "$(head -c 3000 /dev/zero | tr '\0' b)" "$m/big"
expect_equal 19 "$(getfattr -d "$m/f" 2>/dev/null | grep -c name)" "attributes"

echo secret >"$m/acl"
chmod 600 "$m/acl"
expect_fail "${as_user[@]}" cat "$m/acl" 2>/dev/null
setfacl -m u:1000:r "$m/acl"
expect_equal secret "$("${as_user[@]}" cat "$m/acl")" "file readable through its ACL"
expect_fail "${as_user[@]}" sh -c "echo x >'$m/acl'" 2>/dev/null
mkdir "$m/dir"
setfacl -d -m u:1000:rwx,g:1001:rx,o:- "$m/dir"
touch "$m/dir/file"
mkdir "$m/dir/sub"
getfacl -n "$m/dir/file" 2>/dev/null | grep '^user:1000:rwx' >/dev/null || fail "the default ACL is not inherited"
getfacl -n "$m/dir/sub" 2>/dev/null | grep '^default:user:1000:rwx' >/dev/null || fail "the default ACL is not handed down"

cp /usr/bin/perl "$m/suid"
chown 1000:1001 "$m/suid"
chmod 6755 "$m/suid"
"${as_user[@]}" sh -c "echo x >>'$m/suid'"
expect_equal 755 "$(stat -c %a "$m/suid")" "mode after a write by its owner"
install -m 2755 -o 1000 -g 1001 /dev/null "$m/sgid"
"${as_user[@]}" setfacl -m u:1002:r "$m/sgid"
expect_equal 755 "$(stat -c %a "$m/sgid")" "mode after a new ACL from who is not of the group"
chown -h 123456:654321 "$m/suid"
mknod "$m/dev" c 10 200
mkfifo "$m/fifo"

# getfacl -R would go by the order of the directory
list_acls()
{
	find "$1" ! -type l | sort | xargs -d '\n' getfacl -n -p
}

getfattr -R -d -m - -h "$m" 2>/dev/null | sort >"$TEST_TMP/attrs.want"
list_acls "$m" >"$TEST_TMP/acls.want"
manifest "$m" >"$TEST_TMP/want"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m"
getfattr -R -d -m - -h "$m" 2>/dev/null | sort >"$TEST_TMP/attrs.got"
list_acls "$m" >"$TEST_TMP/acls.got"
manifest "$m" >"$TEST_TMP/got"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest"
expect_same_file "$TEST_TMP/attrs.want" "$TEST_TMP/attrs.got" "attributes"
expect_same_file "$TEST_TMP/acls.want" "$TEST_TMP/acls.got" "ACLs"
setfattr -n user.kernel -v wrote "$m/f"
setfacl -m u:1002:w "$m/acl"
umount "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
expect_equal wrote "$(getfattr -n user.kernel --only-values "$m/f" 2>/dev/null)" "attribute set by kernel ext4"
getfacl -n "$m/acl" 2>/dev/null | grep '^user:1002:-w-' >/dev/null || fail "ACL set by kernel ext4"
umount_iomap4fs "$m"
