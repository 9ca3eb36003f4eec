# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# A file can be swapped to: pages go out and come back under memory pressure, the file
# can't be changed meanwhile, and the server is told of the end. A file with holes
# can't.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
use_cgroups
limit small $((16 << 20))
grep -q '^SwapTotal' /proc/meminfo || skip "the kernel has no swap"
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"

truncate -s 32M "$m/holes"
chmod 600 "$m/holes"
mkswap "$m/holes" >/dev/null 2>&1
! swapon "$m/holes" 2>/dev/null || fail "a file with holes became swap"
before=$(request_count "$m" $IOMAP_IOEND)

# Nothing has given this one its space yet.
stop_flusher
head -c 1M /dev/zero >"$m/header"
mkswap "$m/header" >/dev/null
cat "$m/header" >"$m/delayed"
chmod 600 "$m/delayed"
swapon "$m/delayed" || fail "a file can't be swapped to before it has been written"
swapoff "$m/delayed"
rm "$m/header" "$m/delayed"

for how in written unwritten; do
	if [ $how = written ]; then
		head -c 64M /dev/zero >"$m/swap"
	else
		fallocate -l 64M "$m/swap2"
		mv "$m/swap2" "$m/swap"
	fi
	chmod 600 "$m/swap"
	mkswap "$m/swap" >/dev/null
	before=$(request_count "$m" $IOMAP_IOEND)
	swapon "$m/swap"
	at_exit eval "swapoff $m/swap 2>/dev/null || :"
	expect_op ETXTBSY write "$m/swap" 0 4096
	expect_op ETXTBSY truncate "$m/swap" 0
	expect_op ETXTBSY punch "$m/swap" 0 4096
	expect_fail rm -f "$m/swap" 2>/dev/null
	out=$(awk '$1 == "pswpout" { print $2 }' /proc/vmstat)
	in=$(awk '$1 == "pswpin" { print $2 }' /proc/vmstat)
	within small swapper 32
	out=$(($(awk '$1 == "pswpout" { print $2 }' /proc/vmstat) - out))
	in=$(($(awk '$1 == "pswpin" { print $2 }' /proc/vmstat) - in))
	[ $out -ge 2048 ] || fail "only $out pages were swapped out"
	[ $in -ge 2048 ] || fail "only $in pages were swapped in"
	swapoff "$m/swap"
	expect_equal $((before + 1)) "$(request_count "$m" $IOMAP_IOEND)" "IOEND requests for swapoff"
	expect_op 4096 write "$m/swap" 0 4096
done
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
