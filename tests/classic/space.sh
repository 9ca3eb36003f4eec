#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A full file system: ENOSPC, the blocks reserved for root, statfs as on kernel
# ext4, and everything is there again after deleting.
. "$(dirname "$0")/lib.sh"
have_kernel_ext4 || skip "no kernel ext4"

for features in "-t ext4" "-t ext4 -b 4096" "-t ext2 -b 1024" "-t ext3 -b 4096"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 40M $features
	cp --sparse=always "$TMP/image" "$TMP/copy"
	mount_kernel "$TMP/copy" ro
	want=$(stat -f -c '%s %b %f %a %c %d %l' "$KMNT")
	unmount_kernel
	mount_image "$TMP/image"
	got=$(stat -f -c '%s %b %f %a %c %d %l' "$MNT")
	[ "$want" = "$got" ] || fail "$features: statfs: kernel ext4: $want, here: $got"

	chmod 755 "$TMP"
	free=$(stat -f -c %f "$MNT")
	chmod 1777 "$MNT"
	if command -v runuser >/dev/null; then
		runuser -u nobody -- dd if=/dev/zero of="$MNT/user" bs=64k 2>"$TMP/err" && fail "no end"
		grep -q "No space left" "$TMP/err" || fail "$(cat "$TMP/err")"
		[ "$(stat -f -c %a "$MNT")" -lt 20 ] || fail "$features: not all was used"
		[ "$(stat -f -c %f "$MNT")" -gt 1000 ] || [ "${features##* }" = 4096 ] ||
			fail "$features: the reserve was used"
	fi
	dd if=/dev/zero of="$MNT/root" bs=64k 2>"$TMP/err" && fail "no end"
	grep -q "No space left" "$TMP/err" || fail "$(cat "$TMP/err")"
	sync -f "$MNT"
	rm -f "$MNT/root" "$MNT/user"
	[ "$(stat -f -c %f "$MNT")" = "$free" ] || fail "$features: blocks are lost"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
done
