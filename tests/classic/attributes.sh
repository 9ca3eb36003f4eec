#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Extended attributes and ACLs: what system calls set is what kernel ext4 reads,
# an ACL and the mode follow each other, and new files inherit default ACLs as on
# kernel ext4.
. "$(dirname "$0")/lib.sh"
have_kernel_ext4 || skip "no kernel ext4"
command -v setfacl >/dev/null || skip "no setfacl"

play() {
	(
		set +e +o pipefail
		cd "$1" || exit
		umask 027
		touch f
		mkdir d
		setfattr -n user.a -v one f
		setfattr -n user.a -v two f
		setfattr -n user.b -v three f
		setfattr -x user.b f
		setfattr -n user.empty f
		setfattr -n trusted.t -v secret f
		setfattr -n user.big -v "$(head -c 900 /dev/zero | tr '\0' b)" f
		setfattr -x user.none f 2>&1 | sed 's/.*: //'
		setfattr -n foo.bar -v x f 2>&1 | sed 's/.*: //'
		setfattr -n "user.$(printf 'x%.0s' $(seq 255))" -v x f 2>&1 | sed 's/.*: //'
		setfattr -n user.huge -v "$(head -c 60000 /dev/zero | tr '\0' h)" f 2>&1 |
			sed 's/.*: //'
		setfacl -m u:1234:rwx,g:77:r f
		stat -c %a f
		chmod 640 f
		getfacl -nc f
		setfacl -d -m u:1234:rwx,o::- d
		touch d/f
		mkdir d/d
		getfacl -nc d/f d/d
		setfacl -b f
		setfacl -m u::rw,g::r,o::- f
		getfattr -d -m - f | grep -v '^$'
		stat -c '%a %h' f d d/f d/d
		chattr +i f && ! rm f 2>/dev/null && ! touch f 2>/dev/null && lsattr f
		chattr -i f
		chattr +ad f && lsattr f
	) 2>&1
}

for features in "-t ext4" "-t ext3 -I 128"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 64M $features 2>/dev/null
	cp --sparse=always "$TMP/image" "$TMP/copy"
	mount_image "$TMP/image"
	play "$MNT" >"$TMP/ours"
	manifest "$MNT" | sed 's/ [0-9.]* [0-9.]* / /' >"$TMP/ours.tree"
	unmount_image "$TMP/image"
	mount_kernel "$TMP/copy" rw
	play "$KMNT" >"$TMP/theirs"
	unmount_kernel
	check_image "$TMP/image"
	diff "$TMP/theirs" "$TMP/ours" || fail "$features: not as on kernel ext4"
	mount_kernel "$TMP/image"
	manifest "$KMNT" | sed 's/ [0-9.]* [0-9.]* / /' >"$TMP/theirs.tree"
	unmount_kernel
	diff "$TMP/ours.tree" "$TMP/theirs.tree" || fail "$features: kernel ext4 sees something else"
done

# values in inodes of their own, and nothing else in the group changes
make_image "$TMP/image" 64M -t ext4 -O ea_inode
mount_image "$TMP/image"
touch "$MNT/file"
unmount_image "$TMP/image"
for value in $(printf '%030000d' 1) $(printf '%040000d' 2) ""; do
	mount_image "$TMP/image"
	if [ "$value" ]; then
		setfattr -n user.large -v "$value" "$MNT/file"
	else
		setfattr -x user.large "$MNT/file"
	fi
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	mount_kernel "$TMP/image"
	if [ "$value" ]; then
		[ "$(getfattr -n user.large --only-values "$KMNT/file")" = "$value" ] ||
			fail "kernel ext4 sees another value"
	else
		[ -z "$(getfattr -d "$KMNT/file")" ] || fail "kernel ext4 still sees a value"
	fi
	unmount_kernel
done

# a value that begins like an index block of an extent tree is a value like any other
mount_image "$TMP/image"
python3 -c '
import os, struct, sys
index = struct.pack("<HHHHI", 0xf30a, 1, 340, 1, 0) + struct.pack("<IIHH", 0, ~0 & 0xffffffff, 0xffff, 0)
value = index.ljust(4096, b"x") + index.ljust(4000, b"y")
os.setxattr(sys.argv[1], "user.large", value)
assert os.getxattr(sys.argv[1], "user.large") == value
' "$MNT/file" || fail "a value like an index block"
unmount_image "$TMP/image"
check_image "$TMP/image"
mount_image "$TMP/image"
rm "$MNT/file" || fail "a file with a value like an index block stays"
unmount_image "$TMP/image"
check_image "$TMP/image"
