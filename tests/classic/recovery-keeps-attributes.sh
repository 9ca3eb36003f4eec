#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file without extents is on the orphan list while it grows. After a crash then, what was
# allocated behind its end is freed, and its attributes are still there: e2fsck 1.47 would take
# the attribute block away.
. "$(dirname "$0")/lib.sh"

# debug REQUEST...
debug() {
	local request

	for request; do
		debugfs -w -R "$request" "$TMP/image" >/dev/null 2>&1 || fail "debugfs: $request"
	done
}

# survives MKE2FS-ARGUMENT...
survives() {
	make_image "$TMP/image" 24M -b 1024 -J size=1 "$@"
	head -c 20000 /dev/urandom >"$TMP/file"
	head -c 600 /dev/zero | tr '\0' v >"$TMP/value"
	debug "write $TMP/file file" "ea_set -f $TMP/value file user.test" \
		"set_inode_field file size 5000" "set_super_value last_orphan 12" \
		"feature needs_recovery"
	debugfs -R "stat file" "$TMP/image" 2>/dev/null | grep -q 'File ACL: [1-9]' ||
		fail "the attribute has no block"
	mount_image "$TMP/image"
	cmp -n 5000 "$TMP/file" "$MNT/file" || fail "other contents"
	[ "$(stat -c %s "$MNT/file")" = 5000 ] || fail "another size"
	getfattr --only-values -n user.test "$MNT/file" >"$TMP/got" || fail "the attribute is lost"
	cmp "$TMP/value" "$TMP/got" || fail "another value"
	# 5 blocks of data and one of attributes
	[ "$(stat -c %b "$MNT/file")" = 12 ] || fail "$(stat -c %b "$MNT/file") sectors"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
}

survives -t ext3
survives -t ext4 -O ^extents,^64bit -I 128
