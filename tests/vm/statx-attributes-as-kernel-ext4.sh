# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# statx(2) shows the same attributes as with kernel ext4, and says the same of which there are:
# whatever was asked for, when the inode comes into memory and after chattr.
# shellcheck disable=SC2016 # perl's variables
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

# attributes FILE...: for each the attributes, and which the file system has
attributes()
{
	perl -e 'for my $file (@ARGV) { for my $mask (0, 0x7ff, 0xfff, 0x2fff) {
			my $buf = "\0" x 256;
			syscall(332, -100, $file, 0x100, $mask, $buf) and die "$file: $!";
			my ($has, $can) = unpack("x8 Q x40 Q", $buf);
			printf("%s %x: %x of %x\n", $file, $mask, $has, $can);
		} }' "$@"
}

steps()
{
	cd "$m"
	attributes . d* plain compressed link fifo
	lsattr -d d plain >/dev/null
	chattr +d plain
	chattr +dai d
	attributes d plain
	chattr -d plain
	chattr -dai d
	attributes d plain
	cd - >/dev/null
}

make_small_ext4 "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m"
cd "$m"
touch plain dumped immutable append compressed
mkdir d dd
ln -s nowhere link
mkfifo fifo
chattr +d dumped dd
cd - >/dev/null
umount "$m"
debugfs -w -R "sif /compressed flags 0x80004" "$JOB_DISK1" 2>/dev/null
mount_ext4 "$JOB_DISK1" "$m"
steps >"$TEST_TMP/want"
umount "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
steps >"$TEST_TMP/got"
umount_iomap4fs "$m"
grep '^dumped.*: 40 of' "$TEST_TMP/want" >/dev/null || fail "kernel ext4 shows nothing: $(cat "$TEST_TMP/want")"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "what statx shows"

# of files that the kernel may not be able to have
debugfs -w -R "sif /plain flags 0x80800" "$JOB_DISK1" 2>/dev/null
debugfs -w -R "feature encrypt" "$JOB_DISK1" >/dev/null 2>&1
mount_iomap4fs "$JOB_DISK1" "$m"
attributes "$m/plain" | grep ' 7ff: 800 of' >/dev/null || fail "an encrypted file isn't shown as one: $(attributes "$m/plain")"
umount_iomap4fs "$m"
