# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# When rm, mv over a file, rmdir or the last close of a deleted file returns, the space is free: df
# shows it, and a full file system can be written to at once. Nothing here sleeps or tries again.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_slow_device
wipefs -qa "$dm"
mke2fs -q -F -t ext4 -E lazy_itable_init=0,nodiscard "$dm" 8M
mount_iomap4fs "$dm" "$m" commit=300
: >"$m/warm-up"
rm "$m/warm-up"

free_blocks() { stat -f -c %f "$m"; }
free_inodes() { stat -f -c %d "$m"; }
# MiB; nearly all of it
most=$(($(free_blocks) * $(stat -f -c %S "$m") / 1048576 - 1))

# expect_free BLOCKS INODES WHAT
expect_free()
{
	expect_equal "$1 $2" "$(free_blocks) $(free_inodes)" "free blocks and inodes after $3"
}

fill()
{
	dd if=/dev/zero of="$1" bs=1M count=$most status=none || fail "there is no room for $1"
}

blocks=$(free_blocks) inodes=$(free_inodes)

# dm-delay counts a write as in flight when its delay is over, so look at the pages
is_writing()
{
	grep -q '^nr_writeback [1-9]' /proc/vmstat
}

# The data is on its way to the device: writeback of what replaces older contents begins at close
: >"$m/f"
delay_writes 1500
dd if=/dev/zero of="$m/f" bs=64K count=16 status=none
wait_until 10 is_writing || fail "writeback does not begin"
rm "$m/f"
expect_free "$blocks" "$inodes" "rm of a file under writeback"
delay_writes 0

# The blocks are in use, or just promised
for sync in yes no; do
	fill "$m/f"
	[ $sync = no ] || sync -f "$m"
	rm "$m/f"
	expect_free "$blocks" "$inodes" "rm, synced: $sync"
done

# A file that another one takes the place of
fill "$m/old"
sync -f "$m"
: >"$m/new"
mv "$m/new" "$m/old"
expect_free "$blocks" $((inodes - 1)) "mv over a file"
rm "$m/old"

# Many files and directories, by one process
mkdir "$m/d"
blocks=$(free_blocks) inodes=$(free_inodes)
mkdir "$m"/d/{1..15}
for ((i = 1; i <= 15; i++)); do
	echo >"$m/d/$i/f"
done
sync -f "$m"
rm -r "$m"/d/*
expect_free "$blocks" "$inodes" "rm -r"

# A deleted file is whole until it is closed
fill "$m/f"
exec 7<"$m/f"
sync -f "$m"
rm "$m/f"
[ "$(free_blocks)" -lt $((blocks / 3)) ] || fail "the space of an open file is free"
expect_equal $((most * 1048576)) "$(stat -L -c %s /dev/fd/7)" "size of a deleted file"
exec 7<&-
expect_free "$blocks" "$inodes" "the close of a deleted file"

# A process that ends closes its files
fill "$m/f"
sync -f "$m"
sh -c 'exec 7<"$1"; rm "$1"; exec sleep 0' sh "$m/f"
expect_free "$blocks" "$inodes" "the end of the last user"

umount_iomap4fs "$m"
check_clean "$dm"
