# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# tune2fs on the mounted device, through the device's page cache, while the server writes the
# superblock past it: the changes count at once, are in the journal with the next commit, and
# are kept at the unmount, while files are written too, as by kernel ext4.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
mkdir -p "$m"

fields()
{
	dumpe2fs -h "$1" 2>/dev/null | sed -n -E '/^(Default mount options|Errors behavior|Reserved block count|Maximum mount count|Check interval|Reserved blocks uid|Mount options|RAID stride|RAID stripe width):/p'
}

tune()
{
	tune2fs -m "$2" -c "$3" -i 5d -e remount-ro -o nodelalloc -u 77 \
		-E stride=16,stripe_width=64,mount_opts=minixdf "$1" >/dev/null
}

available()
{
	stat -f -c %a "$m"
}

less_than()
{
	[ "$(available)" -lt "$1" ]
}

# kernel ext4, where it lets anybody write to a device that it has mounted
make_ext4 "$JOB_DISK1" -b 4096
mount -t ext4 "$JOB_DISK1" "$m"
at_exit eval "umount -q $m || :"
echo x >"$m/file"
sync "$m/file"
before=$(available)
if tune "$JOB_DISK1" 20 33 2>/dev/null; then
	less_than "$before" || fail "kernel ext4 doesn't mind the reserved blocks"
	umount "$m"
else
	umount "$m"
	tune "$JOB_DISK1" 20 33
fi
fields "$JOB_DISK1" >"$TEST_TMP/kernel"

make_ext4 "$JOB_DISK1" -b 4096
mount_iomap4fs "$JOB_DISK1" "$m"
echo x >"$m/file"
sync "$m/file"
before=$(available)
tune "$JOB_DISK1" 20 33
wait_until 10 less_than "$before" || fail "the reserved blocks don't count"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
fields "$JOB_DISK1" >"$TEST_TMP/got"
expect_same_file "$TEST_TMP/kernel" "$TEST_TMP/got" "the superblock after tune2fs on an idle mount"

# while there are commits and checkpoints all the time
mount_iomap4fs "$JOB_DISK1" "$m"
while :; do
	head -c 20000 /dev/zero >"$m/busy"
	sync "$m/busy"
	rm "$m/busy"
done &
writer=$!
at_exit eval "kill $writer 2>/dev/null || :"
for i in $(seq 10); do
	tune "$JOB_DISK1" $((10 + i)) $((40 + i))
	sleep 0.1
done
fields "$JOB_DISK1" >"$TEST_TMP/want"
sleep 0.5
kill $writer
wait $writer 2>/dev/null || :
# what the journal has is what counts after a crash
touch "$m/last"
sync "$m/last"
dd if="$JOB_DISK1" of="$JOB_DISK2" bs=1M count=256 iflag=direct oflag=direct status=none
e2fsck -fy "$JOB_DISK2" >/dev/null 2>&1 || :
fields "$JOB_DISK2" >"$TEST_TMP/got"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "the superblock after a crash"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
fields "$JOB_DISK1" >"$TEST_TMP/got"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "the superblock after tune2fs on a busy mount"
grep "Maximum mount count: *50" "$TEST_TMP/got" >/dev/null || fail "the last change is lost"
