# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# Reading a file of 100,000 extents, more than the kernel keeps of a file by default,
# costs at most a question to the server for each hundred of them; also backwards and here
# and there, and then there are next to no rests left to ask for.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
extents=100000
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 4096 -O ^metadata_csum,^uninit_bg,^has_journal \
	-E lazy_itable_init=1,nodiscard "$JOB_DISK1"
make_fragmented "$JOB_DISK1" 1 $extents
mount_iomap4fs "$JOB_DISK1" "$m"
dd if="$m/0" of=/dev/null bs=1M iflag=direct status=none
asked=$(request_count "$m" $IOMAP_BEGIN)
echo "$asked questions for $extents extents"
[ "$asked" -gt 0 ] || fail "nothing was asked"
[ "$asked" -le $((extents / 100)) ] || fail "$asked BEGIN requests to read $extents extents"
umount_iomap4fs "$m"

mount_iomap4fs "$JOB_DISK1" "$m"
for ((block = extents - 1; block >= 0; block -= 331)); do
	dd if="$m/0" of=/dev/null bs=4096 skip=$block count=1 iflag=direct status=none
done
asked=$(request_count "$m" $IOMAP_BEGIN)
echo "$asked questions for a block of each 331, backwards"
[ "$asked" -le $((extents / 500)) ] || fail "$asked BEGIN requests to read $extents extents backwards"
dd if="$m/0" of=/dev/null bs=1M iflag=direct status=none
rests=$(($(request_count "$m" $IOMAP_BEGIN) - asked))
# beside the first answers, for which there was little room
[ "$rests" -le 5 ] || fail "$rests BEGIN requests for what is left in between"
umount_iomap4fs "$m"
