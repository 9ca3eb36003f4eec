#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tune2fs on a mounted file system: what it changes is kept, at the unmount and in a crash after
# the next commit, and counts as under kernel ext4.  A boot loader in front of the superblock is
# kept, too; another superblock is not taken.
. "$(dirname "$0")/lib.sh"
command -v tune2fs >/dev/null || skip "no tune2fs"

# fields IMAGE: what tune2fs can change
fields() {
	dumpe2fs -h "$1" 2>/dev/null | sed -n -E '/^(Filesystem volume name|Last mounted on|Default mount options|Errors behavior|Reserved block count|Maximum mount count|Check interval|Reserved blocks uid|Reserved blocks gid|Mount options|RAID stride|RAID stripe width|Filesystem UUID):/p'
}

# tune: all at once, and one after the other.  The UUID only where it is no seed of checksums.
tune() {
	local image=$1

	case $features in
	*^metadata_csum,^uninit_bg*|*ext2*) tune2fs -U 01234567-89ab-cdef-0123-456789abcdef "$image" ;;
	esac
	# with a label tune2fs only uses the ioctl
	tune2fs -L tuned "$image"
	tune2fs -m 20 -c 33 -i 5d -e remount-ro -o nodelalloc,bsdgroups -u 77 -g 78 \
		-E stride=16,stripe_width=64,mount_opts=minixdf -M /some/where "$image"
}

available() {
	stat -f -c %a "$MNT"
}

n=0
for features in "-t ext4 -b 1024" "-t ext4 -b 4096" "-t ext4 -b 4096 -O ^metadata_csum,uninit_bg" \
	"-t ext4 -b 4096 -O ^metadata_csum,^uninit_bg" "-t ext2 -b 1024 -O ^metadata_csum" \
	"-t ext2 -b 4096" "-t ext4 -b 1024 -O bigalloc -C 4096"; do
	for when in idle busy; do
		# shellcheck disable=SC2086
		make_image "$TMP/image" 32M $features -L before
		mount_image "$TMP/image"
		mkdir "$MNT/dir"
		sync "$MNT/dir"
		before=$(available)
		tune "$TMP/image" >"$TMP/tune.log" 2>&1 || fail "$features: $(cat "$TMP/tune.log")"
		printf 'boot loader' | dd of="$TMP/image" conv=notrunc status=none
		# the label may be in the journal only
		fields "$TMP/image" | sed "s/\(volume name: *\).*/\1tuned/" >"$TMP/want"
		if [ $when = idle ]; then
			# the reserved blocks count at once
			for _ in $(seq 50); do
				[ "$(available)" -lt "$before" ] && break
				sleep 0.1
			done
			[ "$(available)" -lt "$before" ] ||
				fail "$features: still $before blocks available"
		fi
		if [ $when = busy ]; then
			for i in $(seq 30); do
				echo "$i" >"$MNT/dir/$i"
			done
			sync "$MNT/dir"
			# the journal knows it: a crash now
			cp "$TMP/image" "$TMP/copy"
			e2fsck -fy "$TMP/copy" >/dev/null 2>&1 || [ $? = 1 ] || fail "e2fsck"
			# e2fsck is a check, too
			fields "$TMP/copy" >"$TMP/got"
			cmp -s "$TMP/want" "$TMP/got" || {
				diff "$TMP/want" "$TMP/got" >&2 || :
				fail "$features: lost in a crash"
			}
		fi
		unmount_image "$TMP/image"
		check_image "$TMP/image"
		fields "$TMP/image" >"$TMP/got"
		cmp -s "$TMP/want" "$TMP/got" || {
			diff "$TMP/want" "$TMP/got" >&2 || :
			fail "$features: $when: lost at the unmount"
		}
		[ "$(head -c 11 "$TMP/image")" = "boot loader" ] ||
			fail "$features: $when: the boot loader is lost"
		n=$((n + 1))
	done
done
[ $n = 14 ] || fail "not all was tested"

# The last one to set a label wins, whichever way.
if command -v python3 >/dev/null; then
	set_label() {
		python3 -c '
import fcntl, os, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x41009432, sys.argv[2].encode().ljust(256, b"\0"))
' "$MNT" "$1"
	}
	write_label() {
		debugfs -w -R "ssv volume_name $1" "$TMP/image" 2>/dev/null
	}
	make_image "$TMP/image" 16M -t ext4 -L first
	mount_image "$TMP/image"
	write_label second
	set_label third
	unmount_image "$TMP/image"
	[ "$(e2label "$TMP/image")" = third ] || fail "not third: $(e2label "$TMP/image")"
	mount_image "$TMP/image"
	set_label fourth
	write_label fifth
	touch "$MNT/file"
	unmount_image "$TMP/image"
	[ "$(e2label "$TMP/image")" = fifth ] || fail "not fifth: $(e2label "$TMP/image")"
fi

# Another superblock is none of this file system.
make_image "$TMP/image" 16M -t ext4 -L mine
make_image "$TMP/other" 8M -t ext4 -L other
mount_image "$TMP/image"
echo x >"$MNT/file"
dd if="$TMP/other" of="$TMP/image" bs=1024 skip=1 seek=1 count=1 conv=notrunc status=none
echo y >"$MNT/more"
sync "$MNT/more"
unmount_image "$TMP/image"
check_image "$TMP/image"
[ "$(e2label "$TMP/image")" = mine ] || fail "another superblock has been taken"

# Mounted only to read, nothing is written.
tune2fs -c 5 "$TMP/image" >/dev/null
mount_image "$TMP/image" ro
tune2fs -c 7 "$TMP/image" >/dev/null
cp "$TMP/image" "$TMP/copy"
stat -f "$MNT" >/dev/null
unmount_image "$TMP/image"
cmp "$TMP/image" "$TMP/copy" || fail "a read-only mount has written"
