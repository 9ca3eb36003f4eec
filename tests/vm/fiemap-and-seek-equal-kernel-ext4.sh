# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# FIEMAP, and SEEK_DATA and SEEK_HOLE, report the same of an image through iomap4fs
# as through kernel ext4.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
files=(perl sparse extents unwritten many/size-0 many/size-1 many/size-4097 beyond tail)

maps()
{
	local f

	for f in "${files[@]}"; do
		echo "--- $f"
		filemap fiemap "$m/$f"
		filemap seek "$m/$f"
		fileop seekdata "$m/$f" 5000
		fileop seekhole "$m/$f" 5000
		fileop seekdata "$m/$f" 99999999
		fileop fiemap "$m/$f" 8192 8192
	done
}

make_ext4 "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m"
fill_tree "$m"
echo x >"$m/beyond"
fallocate -n -l 1M "$m/beyond"
head -c 10000 /usr/bin/perl >"$m/tail"
truncate -s 300001 "$m/tail"
umount "$m"
mount_ext4 "$JOB_DISK1" "$m" ro
maps >"$TEST_TMP/want"
umount "$m"
mount_iomap4fs "$JOB_DISK1" "$m" ro
maps >"$TEST_TMP/got"
umount_iomap4fs "$m"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "map"
