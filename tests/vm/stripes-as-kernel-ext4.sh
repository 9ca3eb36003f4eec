# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# On a RAID whose stripes the superblock names, large files begin with a stripe wherever kernel ext4's
# do: written at once, grown side by side, allocated ahead, beside small files.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

# load DIR
load()
{
	local i

	for i in 1 2 3; do
		echo small >"$1/small$i"
		head -c $((i * 1234567)) /dev/zero >"$1/written$i"
		fallocate -l $((i * 1048576)) "$1/ahead$i"
	done
	sync
	for i in 1 2; do
		exec {fd}>>"$1/grown$i"
		fds[i]=$fd
	done
	for _ in 1 2 3 4; do
		for i in 1 2; do
			head -c 700000 /dev/zero >&"${fds[i]}"
		done
	done
	for i in 1 2; do
		exec {fds[i]}>&-
	done
	sync
}

# starts DIR: of each file, its first block modulo the stripe
starts()
{
	local f

	for f in "$1"/written* "$1"/ahead* "$1"/grown*; do
		filefrag -v "$f" | awk -v f="${f##*/}" '$1 == "0:" { sub(/\.\./, "", $4); print f, $4 % 64 }'
	done
}

mke2fs -q -F -t ext4 -b 4096 -E stride=16,stripe_width=64 "$JOB_DISK1" 64M
mount_ext4 "$JOB_DISK1" "$m"
load "$m"
starts "$m" >"$TEST_TMP/kernel"
umount "$m"
mke2fs -q -F -t ext4 -b 4096 -E stride=16,stripe_width=64 "$JOB_DISK1" 64M
mount_iomap4fs "$JOB_DISK1" "$m"
load "$m"
starts "$m" >"$TEST_TMP/here"
umount_iomap4fs "$m"
expect_equal 8 "$(wc -l <"$TEST_TMP/here")" "files with a first block"
while read -r file start <&3 && read -r _ here <&4; do
	echo "# $file: kernel ext4 $start, here $here"
	[ "$start" != 0 ] || [ "$here" = 0 ] ||
		fail "$file begins in block $here of a stripe, kernel ext4's with the stripe"
done 3<"$TEST_TMP/kernel" 4<"$TEST_TMP/here"
grep -q ' 0$' "$TEST_TMP/kernel" || fail "kernel ext4 knows no stripes"
