#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An ACL that says no more than the mode is a chmod: the mode, the set-gid bit and ctime change
# as in kernel ext4, and the change is still there after a remount.
. "$(dirname "$0")/lib.sh"
for tool in setfacl chacl python3; do
	command -v $tool >/dev/null || skip "no $tool"
done

mode() {
	stat -c %a "$1"
}

# acl_by_nobody FILE: nobody, who is not of the file's group, sets an ACL of only the mode.
acl_by_nobody() {
	python3 - "$1" <<'PYTHON'
import os, struct, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
acl = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', tag, perm, 0xffffffff)
                                      for tag, perm in ((1, 7), (4, 5), (0x20, 5)))
os.setxattr(sys.argv[1], 'system.posix_acl_access', acl)
PYTHON
}

# What both file systems are to do the same way
load() {
	local dir=$1 before

	chmod 755 "$TMP" "$dir"
	for f in one two three four; do
		echo x >"$dir/$f"
		chmod 640 "$dir/$f"
	done
	before=$(stat -c %z "$dir/one")
	sleep 0.05
	chacl 'u::r--,g::rwx,o::rw-' "$dir/one"
	[ "$(mode "$dir/one")" = 476 ] || fail "$dir: chacl: the mode is $(mode "$dir/one")"
	# small inodes have times in whole seconds
	[ "${before#*.000000000}" != "$before" ] || [ "$(stat -c %z "$dir/one")" != "$before" ] ||
		fail "$dir: chacl: the ctime is the old one"
	setfacl -m u::rwx,g::rwx,o::rwx "$dir/two"
	[ "$(mode "$dir/two")" = 777 ] || fail "$dir: setfacl: the mode is $(mode "$dir/two")"
	# from an ACL that says more
	setfacl -m u:7:rwx "$dir/three"
	chacl 'u::rwx,g::r--,o::---' "$dir/three"
	[ "$(mode "$dir/three")" = 740 ] || fail "$dir: the mode is $(mode "$dir/three")"
	names=$(getfattr --absolute-names -d -m - "$dir/three") || fail "$dir: getfattr"
	[[ $names != *posix_acl* ]] || fail "$dir: an ACL is left"
	# the set-gid bit
	chown 65534:0 "$dir/four"
	chmod 2755 "$dir/four"
	acl_by_nobody "$dir/four"
	[ "$(mode "$dir/four")" = 755 ] || fail "$dir: the mode is $(mode "$dir/four")"
}

for features in "-t ext4" "-t ext4 -I 128" "-t ext2 -O ^ext_attr"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 16M $features
	mount_image "$TMP/image"
	load "$MNT"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	mount_image "$TMP/image"
	for want in one:476 two:777 three:740 four:755; do
		[ "$(mode "$MNT/${want%:*}")" = "${want#*:}" ] ||
			fail "$features: ${want%:*} has $(mode "$MNT/${want%:*}") after a remount"
	done
	unmount_image "$TMP/image"
done

# kernel ext4 does the same
if have_kernel_ext4; then
	make_image "$TMP/image" 16M -t ext4
	mount_kernel "$TMP/image" rw
	load "$KMNT"
	unmount_kernel
else
	LEFT_OUT="the comparison with kernel ext4"
fi
