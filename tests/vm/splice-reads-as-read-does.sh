# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# splice(2) reads past the page cache where the server wants direct I/O, reads inline data, and
# fails once the file system has been shut down, also from a file that is open.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
expect_tell ok set r 0 65536 mapped
expect_op 4096 --byte=a swrite "$m/f" 0 4096
cached=$(fileop read "$m/f" 0 4096)
# behind the page cache, which only a direct read sees
head -c 4096 /dev/zero | tr '\0' z >"$TEST_TMP/block"
dd if="$TEST_TMP/block" of="$JOB_DISK1" oflag=direct bs=4096 seek=256 conv=notrunc status=none
expect_equal "$cached" "$(fileop splice "$m/f" 0 4096)" "what a splice reads from the page cache"
expect_tell ok open direct
direct=$(fileop read "$m/f" 0 4096)
[ "$direct" != "$cached" ] || fail "a read of a file opened for direct I/O is not direct"
expect_equal "$direct" "$(fileop splice "$m/f" 0 4096)" "what a splice reads with FOPEN_DIRECT_IO"
stop_puppet "$m"

make_ext4 "$JOB_DISK1" -O inline_data -I 256
mount_iomap4fs "$JOB_DISK1" "$m"
echo inline >"$m/inline"
head -c 100000 /usr/bin/perl >"$m/file"
sync -f "$m"
echo 1 >/proc/sys/vm/drop_caches
expect_equal "$(fileop read "$m/file" 5000 4096)" "$(fileop splice "$m/file" 5000 4096)" "spliced"
echo 1 >/proc/sys/vm/drop_caches
spliced=$(fileop splice "$m/inline" 0 4096)
expect_equal "$(fileop read "$m/inline" 0 4096)" "$spliced" "spliced inline data"

mkfifo "$TEST_TMP/go"
fileop latesplice "$m/file" 0 4096 <"$TEST_TMP/go" >"$TEST_TMP/result" &
exec 9>"$TEST_TMP/go"
wait_until 20 grep -q open "$TEST_TMP/result" || fail "the file was not opened"
expect_op 0 shutdown "$m" 0
echo >&9
exec 9>&-
wait $!
expect_equal EIO "$(tail -n 1 "$TEST_TMP/result")" "a splice after the shutdown"
umount_iomap4fs "$m"
