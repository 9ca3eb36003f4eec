# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 900
# memory: 512
# disks: 90G 4G 1G
#
# 20 million mappings, whose memory is more than the guest can have: 200 files of 100,000
# extents each. A hot file keeps its mappings, the other files' are given back, and
# nothing is killed.
#
# A file may have 2 MiB of mappings, and those that come back in pieces need up to 28 bytes
# each. So that this limit has no part in it, what is hot is half of a file.
# shellcheck source=../lib.sh
. "$(dirname "$0")/lib.sh"

need_iomap4fs
# A task of the checking kernel has a stack of 64 KiB, in one piece. The kernel doesn't try
# hard to find one, so a fork can fail where memory is in pieces: keep more of it free.
sysctl -qw vm.min_free_kbytes=49152
m=$TEST_TMP/m
files=200 extents=100000
kept()
{
	sed -n "s/^$1 //p" "$(connection_dir "$m")/mappings"
}

# count_begins READ_FRAGMENTED-ARG...: read, and set begins: how often the server was asked
count_begins()
{
	local before

	before=$(request_count "$m" $IOMAP_BEGIN)
	read_fragmented "$@"
	begins=$(($(request_count "$m" $IOMAP_BEGIN) - before))
}

# Comes by each leaf, of 26 extents, of the kernel's tree.
read_hot()
{
	count_begins "$@" "$m/0" 0 20 $((extents / 2))
}

# Comes by each answer's mappings, some 900. What lies between the end of an answer and the
# next block that is read is not asked for.
read_cold()
{
	count_begins "${@:2}" "$m/$1" "$1" 100
}

wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 4096 -N 4096 -O ^metadata_csum,^uninit_bg,^has_journal \
	-E lazy_itable_init=1,nodiscard "$JOB_DISK1"
make_fragmented "$JOB_DISK1" $files $extents
mount_iomap4fs "$JOB_DISK1" "$m" cache_size=8M
killed=$(sed -n 's/^oom_kill //p' /proc/vmstat)

read_hot --marks
read_hot --marks
expect_equal 0 "$begins" "BEGIN requests for reading the hot file again"
hot_kept=$(kept mappings)
read_cold 1
per_file=$(($(kept mappings) - hot_kept)) cold=$begins
[ "$per_file" -ge $((extents * 9 / 10)) ] || fail "only $per_file mappings of a file are kept"
hot=0 most=0 missed=0
for ((i = 2; i < files; i++)); do
	read_cold $i
	cold=$((cold + begins))
	[ "$(kept mappings)" -le "$most" ] || most=$(kept mappings)
	read_hot
	hot=$((hot + begins))
	[ "$begins" -eq 0 ] || missed=$((missed + 1))
	[ $((i % 10)) -ne 0 ] || echo "after $i files: $(kept mappings) mappings," \
		"$(kept bytes) bytes, $(kept evicted) given back, hot file $hot BEGINs in $missed readings," \
		"$(sed -n 's/^MemAvailable: *//p' /proc/meminfo) available"
done
now=$(kept mappings)
figure "mappings told" $((hot_kept + per_file * (files - 1)))
figure "mappings kept" "$now"
figure "mappings kept at most" "$most"
figure "bytes of mappings given back" "$(kept evicted)"
figure "cold file BEGINs" "$cold"
figure "hot file BEGINs" "$hot"
[ "$(kept evicted)" -gt 0 ] || fail "no memory was given back"
[ "$now" -lt $((per_file * files / 2)) ] || fail "there is room for half of the mappings"
# asking anew in each reading would be half of what all others together cost
[ $((hot * 20)) -lt "$cold" ] || fail "the hot file had to ask $hot times, the cold ones $cold"
read_cold 1 --marks
[ "$begins" -gt 0 ] || fail "a cold file kept its mappings"
read_hot --marks
expect_equal "$killed" "$(sed -n 's/^oom_kill //p' /proc/vmstat)" "processes killed"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
