# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The memory of mappings has a limit for each file, is given back under pressure and
# when inodes go, and the file reads the same after that.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
kept()
{
	sed -n "s/^$1 //p" "$(connection_dir "$m")/mappings"
}

mount_ext4 "$JOB_DISK1" "$m"
make_extents "$m/many" 10000
umount "$m"
# 20,000 mappings; 64 KiB have room for some 3,600 of them.
mount_iomap4fs "$JOB_DISK1" "$m" map_cache=64K
before=$(sha256sum <"$m/many")
[ "$(kept bytes)" -le $((64 << 10)) ] || fail "one file keeps $(kept bytes) bytes of mappings"
[ "$(kept mappings)" -ge 1500 ] || fail "only $(kept mappings) mappings are kept"
[ "$(kept evicted)" = 0 ] || fail "the limit of a file counts as memory pressure"
umount_iomap4fs "$m"

mount_iomap4fs "$JOB_DISK1" "$m"
expect_equal "$before" "$(sha256sum <"$m/many")" "checksum with room for all mappings"
[ "$(kept mappings)" = 20000 ] || [ "$(kept mappings)" = 19999 ] ||
	fail "$(kept mappings) of 20,000 mappings are kept"

# Slab shrinkers, while the file is open: its inode stays.
exec 7<"$m/many"
bytes=$(kept bytes)
gave_way()
{
	echo 2 >/proc/sys/vm/drop_caches
	[ "$(kept bytes)" -lt $((bytes / 2)) ]
}
wait_until 20 gave_way || fail "$(kept bytes) bytes of mappings stay under pressure"
[ "$(kept evicted)" -gt 0 ] || fail "nothing was evicted"
echo 1 >/proc/sys/vm/drop_caches
expect_equal "$before" "$(sha256sum <&7)" "checksum after the mappings have gone"
exec 7<&-

gone()
{
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(kept mappings)" = 0 ] && [ "$(kept bytes)" = 0 ]
}
wait_until 20 gone || fail "mappings are left without inodes: $(cat "$(connection_dir "$m")/mappings")"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
