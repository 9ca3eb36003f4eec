# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# fstrim on a mount with iomap: through the loop device the image file gets its holes, as
# many bytes are reported as by kernel ext4, and files stay as they are. It takes
# CAP_SYS_ADMIN, as setting the label does; without discards in the device it says so.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
type -P fstrim >/dev/null || skip "no fstrim"
m=$TEST_TMP/m
image=$TEST_TMP/image

# trimmed DIR: bytes
trimmed()
{
	fstrim -v "$1" | sed -n 's/.*(\([0-9]*\) bytes) trimmed.*/\1/p'
}

truncate -s 128M "$image"
fallocate -p -o 0 -l 4096 "$image" 2>/dev/null || skip "the disk's file system makes no holes"
mke2fs -q -F -t ext4 -b 4096 -g 8192 "$image"
mount_iomap4fs "$image" "$m"
mkdir "$m/d"
for i in $(seq 60); do
	head -c $((i * 5000)) /dev/urandom >"$m/d/f$i"
done
head -c 30M /dev/urandom >"$m/big"
sync -f "$m"
rm "$m"/d/f*[0369]
was=$(du -k "$image" | cut -f1)
rm "$m/big"
sync -f "$m"
manifest "$m" >"$TEST_TMP/before"

without_admin()
{
	setpriv --bounding-set -sys_admin "$@"
}

expect_fail without_admin fstrim "$m" 2>"$TEST_TMP/err"
grep "not permitted" "$TEST_TMP/err" >/dev/null || fail "without CAP_SYS_ADMIN: $(cat "$TEST_TMP/err")"
expect_equal EPERM "$(without_admin fileop setlabel "$m" 1)" "setting the label without CAP_SYS_ADMIN"
got=$(trimmed "$m")
[ "$got" -gt $((80 << 20)) ] || fail "only $got bytes were trimmed"
expect_equal 0 "$(trimmed "$m")" "bytes trimmed once more"
now=$(du -k "$image" | cut -f1)
[ $((was - now)) -gt $((29 << 10)) ] || fail "the image took $was KiB and takes $now"
expect_op 0 setlabel "$m" 2
manifest "$m" >"$TEST_TMP/after"
expect_same_file "$TEST_TMP/before" "$TEST_TMP/after" "the tree after trimming"

# while files are written
writers=()
for i in 1 2 3; do
	(
		for _ in $(seq 6); do
			head -c 3M /dev/urandom >"$TEST_TMP/want.$i"
			cat "$TEST_TMP/want.$i" >"$m/w$i"
			sync "$m/w$i"
			fileop dread "$m/w$i" 0 $((3 << 20)) >"$TEST_TMP/sum.$i"
			fileop read "$TEST_TMP/want.$i" 0 $((3 << 20)) >"$TEST_TMP/wantsum.$i"
			cmp "$TEST_TMP/sum.$i" "$TEST_TMP/wantsum.$i" || exit 1
			rm "$m/w$i"
		done
	) &
	writers+=($!)
done
for i in $(seq 12); do
	trimmed "$m" >/dev/null
done
for i in "${writers[@]}"; do
	wait "$i" || fail "other data in a file that was written while fstrim ran"
done
manifest "$m" >"$TEST_TMP/after"
umount_iomap4fs "$m"
check_clean "$image"
expect_equal label-2 "$(e2label "$image")" "the label"

# the same image, with kernel ext4 and here
cp --sparse=always "$image" "$TEST_TMP/copy"
# mount(8) keeps a loop device of its own open, which this kernel may not like
loop=$(losetup -f --show "$TEST_TMP/copy")
at_exit losetup -d "$loop"
mount_ext4 "$loop" "$TEST_TMP/k"
want=$(trimmed "$TEST_TMP/k")
umount "$TEST_TMP/k"
mount_iomap4fs "$image" "$m"
expect_equal "$want" "$(trimmed "$m")" "bytes trimmed"
umount_iomap4fs "$m"
mount_iomap4fs "$image" "$m" ro
expect_fail fstrim "$m" 2>"$TEST_TMP/err"
grep "Read-only" "$TEST_TMP/err" >/dev/null || fail "read-only: $(cat "$TEST_TMP/err")"
umount_iomap4fs "$m"

# a device without discards
disk=$(readlink -f "$JOB_DISK1")
if [ "$(cat "/sys/class/block/${disk#/dev/}/queue/discard_max_bytes")" = 0 ]; then
	make_ext4 "$disk"
	mount_iomap4fs "$disk" "$m"
	expect_fail fstrim "$m" 2>"$TEST_TMP/err"
	grep "not supported" "$TEST_TMP/err" >/dev/null || fail "no discards: $(cat "$TEST_TMP/err")"
	umount_iomap4fs "$m"
fi
