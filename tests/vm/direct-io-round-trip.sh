# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 180
#
# O_DIRECT: verified random writes from several jobs at once with libaio and
# io_uring, coherence with the page cache, and EINVAL for what is not aligned.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
for engine in libaio io_uring psync; do
	if ! fio --name=probe --ioengine=$engine --filename="$TEST_TMP/probe" --size=4k --rw=write \
		>"$TEST_TMP/fio" 2>&1; then
		[ $engine = io_uring ] || fail "fio cannot use $engine: $(tail -n 3 "$TEST_TMP/fio")"
		echo "no io_uring in this kernel"
		continue
	fi
	fio --name=$engine --directory="$m" --ioengine=$engine --direct=1 --rw=randwrite --bs=4k \
		--size=2m --numjobs=2 --iodepth=8 --verify=crc32c --verify_fatal=1 --randseed=1 \
		--allrandrepeat=1 --group_reporting >"$TEST_TMP/fio" 2>&1 ||
		fail "fio with $engine: $(tail -n 20 "$TEST_TMP/fio")"
done
# A direct write drops what the page cache holds, a direct read sees it.
head -c 1M /usr/bin/perl >"$m/f"
expect_op 8192 --byte=a write "$m/f" 4096 8192
a=$(fileop dread "$m/f" 4096 8192)
expect_equal "$(fileop read "$m/f" 4096 8192)" "$a" "direct read of dirty pages"
expect_op 4096 --byte=b dwrite "$m/f" 8192 4096
expect_equal "$(fileop dread "$m/f" 8192 4096)" "$(fileop read "$m/f" 8192 4096)" "read after a direct write"
expect_op EINVAL dread "$m/f" 100 4096
expect_op EINVAL dwrite "$m/f" 4096 100
# A sector in the middle of a block, in a hole: the rest of the block is zeroes.
truncate -s 64K "$m/g"
expect_op 512 dwrite "$m/g" 33280 512
expect_equal 512 "$(tr -d '\0' <"$m/g" | wc -c)" "bytes in the sparse file"
expect_equal 0 "$(request_count "$m" $FUSE_WRITE)" "WRITE requests"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
