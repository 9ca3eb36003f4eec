# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# Blocks of up to 64 KiB, which kernel ext4 does not mount here: random operations
# give the same as on kernel ext4 with blocks of 4 KiB, and the image is clean. Left
# out is what depends on the block size: where holes are, and moving ranges.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -d /sys/kernel/mm/transparent_hugepage ] || skip "this kernel has no large folios"
a=$TEST_TMP/a b=$TEST_TMP/b
for block in 65536 16384; do
	wipefs -qa "$JOB_DISK1"
	mke2fs -q -F -t ext4 -b $block -E lazy_itable_init=0,nodiscard "$JOB_DISK1" 512M 2>/dev/null
	expect_fail mount -t ext4 "$JOB_DISK1" "$TEST_TMP" 2>/dev/null
	make_ext4 "$JOB_DISK2"
	mount_iomap4fs "$JOB_DISK1" "$a"
	mount_ext4 "$JOB_DISK2" "$b"
	expect_equal $block "$(stat -f -c %S "$a")" "the block size"

	# two parts of one block of fallocated space, direct and through a mapping
	: >"$a/f"
	expect_op 0 fallocate "$a/f" 0 $((4 * block))
	expect_op 4096 dwrite "$a/f" $((block + 4096)) 4096
	expect_op 1 mwrite "$a/f" $((2 * block + 5000)) 1
	sync -d "$a/f"
	{
		head -c $((block + 4096)) /dev/zero
		head -c 4096 /dev/zero | tr '\0' w
		head -c $((block - 8192 + 5000)) /dev/zero
		printf w
		head -c $((2 * block - 5001)) /dev/zero
	} >"$b/f"
	cmp "$a/f" "$b/f" || fail "wrong bytes in memory"
	dd if="$a/f" of="$TEST_TMP/direct" bs=1M iflag=direct status=none
	cmp "$TEST_TMP/direct" "$b/f" || fail "wrong bytes on the device"
	rm "$a/f" "$b/f"

	mkdir "$a/r" "$b/r"
	differential --dir-a "$a/r" --dir-b "$b/r" --seed $block --ops 1500 --max-len 200000 \
		--no-holes --skip collapse --skip insert --keep ||
		fail "blocks of $block bytes make a difference"
	cp -a /etc/pam.d "$a/tree"
	diff -r --no-dereference /etc/pam.d "$a/tree"
	# more than a block of names
	mkdir "$a/names"
	(cd "$a/names" && seq -f "$(printf '%0200d' 0)-%g" 500 | xargs touch && rm ./*7)
	manifest "$a" >"$TEST_TMP/want"
	umount_iomap4fs "$a"
	umount "$b"
	check_clean "$JOB_DISK1"
	mount_iomap4fs "$JOB_DISK1" "$a" ro
	manifest "$a" >"$TEST_TMP/got"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest after remounting"
	umount_iomap4fs "$a"
done
