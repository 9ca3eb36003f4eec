# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# Files lie in at most 1.2 times as many pieces as kernel ext4 makes of the same load, a part of
# a piece counted as one: what is written at once, grows side by side, with fsync and without,
# directly, by mapped stores, at random offsets, is small, allocated ahead, or finds a file
# system in fragments, the same for both. Kernel ext4 counts both.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
loads=(large side_by_side synced_side_by_side log direct direct_side_by_side small random
	random_and_synced mapped mapped_at_random ahead again)

# Each gets a directory of its own, $d.
large()
{
	head -c 48M /dev/zero >"$d/f"
}

# grow ROUNDS BYTES: four files, 1 to 4 times so many bytes at a time
grow()
{
	local i n

	exec 11>>"$d/1" 12>>"$d/2" 13>>"$d/3" 14>>"$d/4"
	for ((i = 0; i < $1; i++)); do
		for n in 1 2 3 4; do
			printf '%0*d' $((n * $2)) "$i" >&$((10 + n))
		done
	done
	exec 11>&- 12>&- 13>&- 14>&-
}

side_by_side()
{
	grow 200 5000
}

synced_side_by_side()
{
	local i

	for ((i = 0; i < 12; i++)); do
		grow 16 5000
		sync "$d/1" "$d/2" "$d/3" "$d/4"
	done
}

# as databases' logs: fsync after each record
log()
{
	local i

	for ((i = 0; i < 40; i++)); do
		grow 1 1500
		sync "$d/1" "$d/2" "$d/3" "$d/4"
	done
}

direct()
{
	dd if=/dev/zero of="$d/f" bs=64k count=128 oflag=direct status=none
}

direct_side_by_side()
{
	local i n

	for ((i = 0; i < 24; i++)); do
		for n in 1 2 3; do
			dd if=/dev/zero of="$d/$n" bs=64k count=1 oflag=direct,append conv=notrunc status=none
		done
	done
}

small()
{
	local i

	for ((i = 0; i < 300; i++)); do
		printf '%0*d' $((i * 97 % 30000 + 100)) 0 >"$d/$i"
	done
	sync -f "$d"
	for ((i = 0; i < 300; i += 3)); do
		rm "$d/$i"
	done
	for ((i = 0; i < 200; i++)); do
		printf '%0*d' $((i * 89 % 40000 + 100)) 0 >"$d/more-$i"
	done
}

# 256 pieces of 8 KiB, all of the file, in no order
random()
{
	local i

	: >"$d/f"
	for ((i = 0; i < 256; i++)); do
		expect_op 8192 write "$d/f" $((i * 149 % 256 * 8192)) 8192
		[ ! "${1-}" ] || [ $((i % 16)) -ne 15 ] || sync "$d/f"
	done
}

random_and_synced()
{
	random sync
}

mapped()
{
	truncate -s 8M "$d/f"
	expect_op 8388608 mwrite "$d/f" 0 8388608
}

# each is on the disk before the next one
mapped_at_random()
{
	local i

	truncate -s 1M "$d/f"
	for ((i = 0; i < 128; i++)); do
		expect_op 8192 mwrite "$d/f" $((i * 83 % 128 * 8192)) 8192
	done
}

ahead()
{
	local i

	fallocate -l 8M "$d/f"
	for ((i = 0; i < 64; i++)); do
		expect_op 16384 write "$d/f" $((i * 37 % 64 * 131072)) 16384
	done
	sync "$d/f"
}

# cut and written anew, like a file that is edited
again()
{
	local i n

	for ((i = 0; i < 4; i++)); do
		for ((n = 0; n < 12; n++)); do
			printf '%0*d' $(((i + n) * 40000 + 1000)) 0 >"$d/$n"
		done
		sync -f "$d"
	done
}

# Not in the list above: on a file system of its own, see below
fragments()
{
	local i

	for i in 1 2 3; do
		head -c ${i}M /dev/zero >"$d/f$i"
	done
	grow 10 5000
}

# Half of its files go.
make_fragments()
{
	local i

	wipefs -qa "$1"
	mke2fs -q -F -t ext4 -b 4096 -J size=4 -E lazy_itable_init=0,nodiscard "$1" 32M
	mount_ext4 "$1" "$m"
	mkdir "$m/small"
	for ((i = 0; i < 580; i++)); do
		printf '%0*d' $((i % 7 * 8000 + 20000)) 0 >"$m/small/$i"
	done
	sync -f "$m"
	for ((i = 0; i < 580; i++)); do
		[ $((i * 31 % 7)) -gt 3 ] || rm "$m/small/$i"
	done
	umount "$m"
}

# run_loads MOUNT DEVICE LOAD...: each in its directory
run_loads()
{
	local load device=$2 mount=$1 d

	shift 2
	"$mount" "$device" "$m"
	for load; do
		d=$m/$load
		mkdir "$d"
		"$load"
		sync -f "$m"
	done
	"u$mount" "$m"
	check_clean "$device"
}

umount_ext4()
{
	umount "$1"
}

# count FILE DEVICE LOAD...: lines "LOAD PIECES"
count()
{
	local load file=$1

	mount_ext4 "$2" "$m" ro
	shift 2
	for load; do
		find "$m/$load" -type f -size +0 -exec filefrag {} + >"$TEST_TMP/filefrag"
		echo "$load $(sed -n 's/.*: \([0-9]*\) extents\? found$/\1/p' "$TEST_TMP/filefrag" |
			awk '{ n += $1 } END { print n + 0 }')"
	done >"$file"
	umount "$m"
}

# compare LOAD...: on JOB_DISK1 by iomap4fs, on JOB_DISK2 by kernel ext4
compare()
{
	local load want got

	run_loads mount_ext4 "$JOB_DISK2" "$@"
	run_loads mount_iomap4fs "$JOB_DISK1" "$@"
	count "$TEST_TMP/got" "$JOB_DISK1" "$@"
	count "$TEST_TMP/want" "$JOB_DISK2" "$@"
	while read -r load want <&7 && read -r load got <&8; do
		[ "$want" -gt 0 ] || fail "$load: kernel ext4 has no files"
		figure "pieces of $load, kernel ext4" "$want"
		figure "pieces of $load, iomap4fs" "$got"
		[ "$got" -le $(((want * 12 + 9) / 10)) ] || more+=("$load")
	done 7<"$TEST_TMP/want" 8<"$TEST_TMP/got"
}

more=()
for disk in "$JOB_DISK1" "$JOB_DISK2"; do
	make_ext4 "$disk"
done
compare "${loads[@]}"
make_fragments "$JOB_DISK1"
dd if="$JOB_DISK1" of="$JOB_DISK2" bs=1M count=32 conv=fsync status=none
compare fragments
[ ${#more[@]} -eq 0 ] || fail "in too many pieces: ${more[*]}"
