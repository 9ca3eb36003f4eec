# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A stock FUSE file system and one of the module are mounted and used at the same
# time; neither sees the other's requests.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
command -v fuse2fs >/dev/null || skip "no fuse2fs in the guest"
make_ext4 "$JOB_DISK1"
make_ext4 "$JOB_DISK2"
mount_iomap4fs "$JOB_DISK1" "$TEST_TMP/iomap"
mkdir "$TEST_TMP/stock"
at_exit umount_all "$TEST_TMP/stock"
fuse2fs -f -o allow_other "$JOB_DISK2" "$TEST_TMP/stock" >"$TEST_TMP/log" 2>&1 &
server=$!
wait_until 30 mountpoint -q "$TEST_TMP/stock"

expect_equal fuseiomap.iomap4fs "$(findmnt -no FSTYPE "$TEST_TMP/iomap")" "type of the module's mount"
[[ $(findmnt -no FSTYPE "$TEST_TMP/stock") == fuse?(.*) ]] || fail "fuse2fs is not on the stock FUSE"
for i in 1 2 3; do
	cp -a /etc "$TEST_TMP/iomap/$i" &
	one=$!
	cp -a /etc/default "$TEST_TMP/stock/$i"
	wait "$one"
done
sync
echo 3 >/proc/sys/vm/drop_caches
diff -r --no-dereference /etc "$TEST_TMP/iomap/2"
diff -r --no-dereference /etc/default "$TEST_TMP/stock/3"
expect_equal 0 "$(request_count "$TEST_TMP/iomap" $FUSE_WRITE)" "WRITE requests of the module's mount"
umount "$TEST_TMP/stock"
wait "$server"
umount_iomap4fs "$TEST_TMP/iomap"
check_clean "$JOB_DISK1"
