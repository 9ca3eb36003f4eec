# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# On an image with encrypt and verity only files that are neither go through iomap.  The
# others can't be opened, so that nobody takes ciphertext or unchecked bytes for contents.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1" -O encrypt,verity
mount_iomap4fs "$JOB_DISK1" "$m"
for name in plain encrypted verity; do
	echo "$name" >"$m/$name"
done
umount_iomap4fs "$m"
debugfs -w -R "sif /encrypted flags 0x80800" "$JOB_DISK1" 2>/dev/null
debugfs -w -R "sif /verity flags 0x180000" "$JOB_DISK1" 2>/dev/null

mount_iomap4fs "$JOB_DISK1" "$m"
before=$(request_count "$m" $FUSE_READ)
expect_equal plain "$(cat "$m/plain")" "the plain file"
echo more >>"$m/plain"
sync "$m/plain"
expect_equal "$before" "$(request_count "$m" $FUSE_READ)" "READ requests"
for name in encrypted:ENOKEY verity:EOPNOTSUPP; do
	file=$m/${name%:*} errno=${name#*:}
	expect_op "$errno" read "$file" 0 4
	expect_op "$errno" write "$file" 0 4
	expect_op "$errno" dread "$file" 0 4096
	expect_op "$errno" truncate "$file" 0
	expect_equal $((${#name} - ${#errno})) "$(stat -c %s "$file")" "the size of $file"
done
chmod 600 "$m/encrypted" "$m/verity"
rm "$m/verity"
umount_iomap4fs "$m"
expect_equal encrypted "$(debugfs -R 'cat /encrypted' "$JOB_DISK1" 2>/dev/null)" "what is there"
