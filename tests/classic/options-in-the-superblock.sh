#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Default mount options that are stored in the superblock count, as under kernel ext4; the
# command line has the last word; what can't be honoured is said and keeps nobody from mounting.
. "$(dirname "$0")/lib.sh"
command -v tune2fs >/dev/null || skip "no tune2fs"

# group_of_new_file OPTIONS: in a directory of group 33
group_of_new_file() {
	mount_image "$TMP/image" "${1:-}" 2>"$TMP/err"
	rm -rf "$MNT/dir"
	mkdir "$MNT/dir"
	chgrp 33 "$MNT/dir"
	touch "$MNT/dir/file"
	stat -c %g "$MNT/dir/file"
	unmount_image "$TMP/image"
}

# expect WANT GOT WHAT
expect() {
	[ "$1" = "$2" ] || fail "$3: $2 instead of $1"
}

make_image "$TMP/image" 16M -t ext4
expect 0 "$(group_of_new_file)" "without options"
tune2fs -o bsdgroups "$TMP/image" >/dev/null
expect 33 "$(group_of_new_file)" "-o bsdgroups"
expect 0 "$(group_of_new_file sysvgroups)" "-o bsdgroups against sysvgroups"
expect 0 "$(group_of_new_file noatime,nogrpid)" "-o bsdgroups against nogrpid"
tune2fs -E mount_opts=nogrpid "$TMP/image" >/dev/null
expect 0 "$(group_of_new_file)" "the string comes behind the bits"
tune2fs -o ^bsdgroups "$TMP/image" >/dev/null
# tune2fs takes no list
debugfs -w -R "ssv mount_opts grpid,commit=11,nonsense" "$TMP/image" 2>/dev/null
expect 33 "$(group_of_new_file)" "mount_opts=grpid"
grep '"nonsense" in the superblock is ignored' "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
expect 0 "$(group_of_new_file nogrpid)" "mount_opts=grpid against nogrpid"

blocks() {
	mount_image "$TMP/image" "${1:-}"
	stat -f -c %b "$MNT"
	unmount_image "$TMP/image"
}
bsd=$(blocks bsddf)
minix=$(blocks minixdf)
[ "$bsd" != "$minix" ] || fail "minixdf makes no difference"
tune2fs -E mount_opts=minixdf "$TMP/image" >/dev/null
expect "$minix" "$(blocks)" "mount_opts=minixdf"
expect "$bsd" "$(blocks bsddf)" "mount_opts=minixdf against bsddf"
if have_kernel_ext4; then
	mount_kernel "$TMP/image" ro
	expect "$minix" "$(stat -f -c %b "$KMNT")" "kernel ext4 with mount_opts=minixdf"
	unmount_kernel
fi

# refused on the command line, only ignored here
tune2fs -o journal_data "$TMP/image" >/dev/null
mount_image "$TMP/image" 2>"$TMP/err"
unmount_image "$TMP/image"
grep '"data=journal" in the superblock is ignored' "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
check_image "$TMP/image"

# errors= counts from the mount on: a damaged directory block
make_image "$TMP/image" 16M -t ext4 -O ^metadata_csum -e continue
mount_image "$TMP/image"
mkdir "$MNT/dir" "$MNT/other"
unmount_image "$TMP/image"
blk=$(debugfs -R "bmap dir 0" "$TMP/image" 2>/dev/null)
bs=$(dumpe2fs -h "$TMP/image" 2>/dev/null | sed -n 's/^Block size: *//p')
cp "$TMP/image" "$TMP/copy"
# after_damage OPTIONS: can it still be written to?
after_damage() {
	cp "$TMP/copy" "$TMP/image"
	tune2fs -E mount_opts="$1" "$TMP/image" >/dev/null
	dd if=/dev/zero bs=1 count=64 conv=notrunc status=none of="$TMP/image" seek=$((blk * bs))
	mount_image "$TMP/image" "${2:-}" 2>/dev/null
	touch "$MNT/dir/file" 2>/dev/null
	touch "$MNT/other/file" 2>/dev/null && echo writable || echo read-only
	unmount_image "$TMP/image"
}
expect writable "$(after_damage "")" "-e continue"
expect read-only "$(after_damage errors=remount-ro)" "mount_opts=errors=remount-ro"
expect writable "$(after_damage errors=remount-ro errors=continue)" \
	"mount_opts=errors=remount-ro against errors=continue"
