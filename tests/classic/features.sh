#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# features.sh GROUP [NAME]: every feature that mke2fs can make works for reading and
# writing.  One load on an image of each line of the table; then e2fsck finds nothing,
# and a second mount and kernel ext4 read the same tree back.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
LOAD=$(dirname "$(readlink -f "$0")")/load.py

# wants FLAG: is it in the last column of the table?
wants() {
	case " $FLAGS " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

load() {
	# shellcheck disable=SC2086
	python3 "$LOAD" "$1" "$MNT" $FLAGS || fail "$NAME: $1"
}

remembered_is() {
	manifest "$1" >"$TMP/now"
	cmp -s "$TMP/remembered" "$TMP/now" || {
		diff "$TMP/remembered" "$TMP/now" | head -20 >&2
		fail "$NAME: $2 sees something else"
	}
}

space_of() {
	stat -f -c 'size %s blocks %b free %f available %a inodes %c free %d name %l' "$1"
}

has_feature() {
	dumpe2fs -h "$TMP/image" 2>/dev/null | grep "^Filesystem features:.*[: ]$1\( \|$\)" >/dev/null
}

# The tools don't account for the files that mke2fs copies and the blocks that e2fsck -D frees.
count_again() {
	! has_feature quota || e2fsck -fy "$TMP/image" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] ||
		fail "$NAME: e2fsck can't count quotas"
}

try() {
	echo "== $NAME: mke2fs $ARGS"
	# shellcheck disable=SC2086
	make_image "$TMP/image" "$(wants blocks=65536 && echo 400M || echo 48M)" \
		-d "$TMP/seed" $ARGS 2>"$TMP/mke2fs.log" || fail "$NAME: $(cat "$TMP/mke2fs.log")"
	if [ -n "$FEATURE" ] && ! has_feature "$FEATURE"; then
		fail "$NAME: mke2fs made an image without $FEATURE"
	fi
	count_again
	wants new-uuid && tune2fs -f -U random "$TMP/image" >/dev/null
	mount_image "$TMP/image"
	load fill
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	# the directories get an index
	e2fsck -fyD "$TMP/image" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || {
		cat "$TMP/fsck.log"
		fail "$NAME: e2fsck -D"
	}
	count_again
	mount_image "$TMP/image"
	load change
	load fill-up
	remember_tree
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	has_feature large_file || fail "$NAME: a file of 2 GiB, but no large_file"
	mount_image "$TMP/image" ro
	remembered_is "$MNT" "a second mount"
	space_of "$MNT" >"$TMP/ours"
	unmount_image "$TMP/image"
	if ! have_kernel_ext4; then
		LEFT_OUT="the comparison with kernel ext4"
	elif ! wants no-kernel; then
		mount_kernel "$TMP/image"
		remembered_is "$KMNT" "kernel ext4"
		space_of "$KMNT" >"$TMP/theirs"
		diff "$TMP/theirs" "$TMP/ours" >&2 || fail "$NAME: statfs not as of kernel ext4"
		unmount_kernel
	fi
}

# name | feature that dumpe2fs must show | arguments of mke2fs | flags of the load
table() {
	case $1 in
	layout) cat <<-'END' ;;
		default | extent | -t ext4
		small-blocks | extent | -t ext4 -b 1024
		large-blocks | extent | -t ext4 -b 65536 | no-kernel blocks=65536
		meta_bg | meta_bg | -t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode
		meta_bg-32bit | meta_bg | -t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode,^64bit
		flex_bg | flex_bg | -t ext4 -b 1024 -g 1024 -G 8
		^flex_bg | | -t ext4 -b 1024 -g 2048 -O ^flex_bg
		64bit | 64bit | -t ext4 -O 64bit
		^64bit | | -t ext4 -O ^64bit
		sparse_super2 | sparse_super2 | -t ext4 -b 1024 -g 1024 -O sparse_super2,^sparse_super,^resize_inode
		^sparse_super | | -t ext4 -b 1024 -g 1024 -O ^sparse_super,^resize_inode
		^resize_inode | | -t ext4 -O ^resize_inode
		packed | | -t ext4 -E packed_meta_blocks=1
		lazy | | -t ext4 -E lazy_itable_init=1,lazy_journal_init=1
		^lazy | | -t ext4 -E lazy_itable_init=0,lazy_journal_init=0
	END
	checksums) cat <<-'END' ;;
		uninit_bg | uninit_bg | -t ext4 -b 1024 -g 2048 -O ^metadata_csum,uninit_bg
		^uninit_bg | | -t ext4 -O ^metadata_csum,^uninit_bg
		metadata_csum | metadata_csum | -t ext4 -b 1024 -O metadata_csum
		metadata_csum-ext2 | metadata_csum | -t ext2 -O metadata_csum
		metadata_csum_seed | metadata_csum_seed | -t ext4 -O metadata_csum_seed | new-uuid
		stable_inodes | stable_inodes | -t ext4 -O stable_inodes
		fast_commit | fast_commit | -t ext4 -O fast_commit
		orphan_file | orphan_file | -t ext4 -O orphan_file
		^has_journal | | -t ext4 -O ^has_journal
		^has_journal-orphan_file | | -t ext4 -O ^has_journal,^orphan_file,^metadata_csum
	END
	files) cat <<-'END' ;;
		^extent | | -t ext4 -O ^extent,^64bit
		^extent-small-blocks | | -t ext4 -b 1024 -O ^extent,^64bit
		huge_file | huge_file | -t ext4 -O huge_file
		^huge_file | | -t ext4 -O ^huge_file
		^large_file | | -t ext4 -O ^large_file
		inline_data | inline_data | -t ext4 -O inline_data
		inline_data-large-inodes | inline_data | -t ext4 -I 1024 -O inline_data
		inline_data-small-blocks | inline_data | -t ext4 -b 1024 -O inline_data
		ea_inode | ea_inode | -t ext4 -O ea_inode | ea_inode
		ea_inode-small-blocks | ea_inode | -t ext4 -b 1024 -O ea_inode,inline_data | ea_inode
		^ext_attr | | -t ext4 -O ^ext_attr
		verity | verity | -t ext4 -O verity
		project | project | -t ext4 -O project
	END
	inodes) cat <<-'END' ;;
		^extra_isize | | -t ext4 -O ^extra_isize
		extra_isize | extra_isize | -t ext4 -O extra_isize
		inodes-of-128 | | -t ext4 -I 128
		inodes-of-512 | | -t ext4 -I 512
		inodes-of-4096 | | -t ext4 -I 4096 -b 4096 -N 4000
		^filetype | | -t ext4 -O ^filetype
		^dir_index | | -t ext4 -O ^dir_index
		dir_nlink | dir_nlink | -t ext4 -O dir_nlink
		^dir_nlink | | -t ext4 -O ^dir_nlink
		large_dir | large_dir | -t ext4 -b 1024 -O large_dir
		ext2 | | -t ext2
		ext3 | has_journal | -t ext3
		revision-0 | | -t ext2 -r 0 -O none
		everything | | -t ext4 -b 1024 -O inline_data,ea_inode,large_dir,metadata_csum_seed,orphan_file,stable_inodes,sparse_super2,^resize_inode,verity,project,fast_commit | ea_inode
	END
	others) cat <<-'END' ;;
		bigalloc | bigalloc | -t ext4 -O bigalloc
		bigalloc-small-blocks | bigalloc | -t ext4 -b 1024 -C 8192 -O bigalloc
		quota | quota | -t ext4 -O quota
		quota-project | project | -t ext4 -O quota,project
		quota-small-blocks | quota | -t ext3 -b 1024 -O quota
		mmp | mmp | -t ext4 -O mmp
		casefold | casefold | -t ext4 -O casefold | no-kernel
		encrypt | encrypt | -t ext4 -O encrypt
	END
	*) fail "no group $1" ;;
	esac
}

mkdir "$TMP/seed"
python3 "$LOAD" seed "$TMP/seed" || fail "seed"
table "${1:-layout}" >"$TMP/table"
while IFS='|' read -r NAME FEATURE ARGS FLAGS <&3; do
	NAME=${NAME// /} FEATURE=${FEATURE// /}
	[ -z "${2:-}" ] || [ "$2" = "$NAME" ] || continue
	try
done 3<"$TMP/table"
