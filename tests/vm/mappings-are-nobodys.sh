# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Mappings are given back when the machine is short of memory, not when a group of
# processes is: so a group is not charged for them, and who reads files of many extents
# within a small limit is not killed for it.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
use_cgroups
limit reader $((24 << 20))
m=$TEST_TMP/m
files=20 extents=50000
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 4096 -O ^metadata_csum,^uninit_bg,^has_journal \
	-E lazy_itable_init=1,nodiscard "$JOB_DISK1"
make_fragmented "$JOB_DISK1" $files $extents
mount_iomap4fs "$JOB_DISK1" "$m"
for ((i = 0; i < files; i++)); do
	within reader read_fragmented --marks "$m/$i" $i 200 || fail "file $i cannot be read"
done
kept=$(sed -n "s/^mappings //p" "$(connection_dir "$m")/mappings")
[ "$kept" -gt $((files * extents / 2)) ] || fail "only $kept mappings are kept"
expect_equal 0 "$(sed -n 's/^oom_kill //p' "$cgroups/reader/memory.events")" "processes killed"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
