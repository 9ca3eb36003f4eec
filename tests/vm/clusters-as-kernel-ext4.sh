# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# Images with bigalloc, where space comes in clusters: random operations make no difference
# to kernel ext4; ranges are collapsed and inserted in whole clusters only, and df and the
# blocks of files are the same.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-differential.sh"

need_iomap4fs
operations=1500
[ "$FUSEIOMAP_RIG" = uml ] || operations=800
compare_with_ext4 0xb16a11 4096 $operations -O bigalloc -C 65536
compare_with_ext4 0xc1057e 1024 $operations -O bigalloc -C 8192

a=$TEST_TMP/a b=$TEST_TMP/b
for disk in "$JOB_DISK1" "$JOB_DISK2"; do
	make_ext4 "$disk" -b 1024 -O bigalloc -C 16384
done
mount_iomap4fs "$JOB_DISK1" "$a"
mount_ext4 "$JOB_DISK2" "$b"
expect_equal "$(stat -f -c '%s %b %f %a %c %d' "$b")" "$(stat -f -c '%s %b %f %a %c %d' "$a")" "df"
n=0
for call in "-c -o 16k -l 16k" "-c -o 1k -l 1k" "-c -o 16k -l 1k" "-i -o 32k -l 48k" \
	"-i -o 2k -l 2k" "-i -o 32k -l 1k" "-p -o 1k -l 1k" "-p -o 3k -l 40k" "-p -o 17k -l 15k" \
	"-p -o 16k -l 16k" "-z -o 5k -l 30k" "-o 250k -l 50k" "-n -o 300k -l 7k"; do
	n=$((n + 1))
	for m in "$a" "$b"; do
		head -c 256K /usr/bin/perl >"$m/$n"
		sync "$m/$n"
		# shellcheck disable=SC2086
		fallocate $call "$m/$n" 2>/dev/null && status=0 || status=$?
		echo "$status" >"$TEST_TMP/result.${m##*/}"
		sync "$m/$n"
	done
	expect_equal "$(cat "$TEST_TMP/result.b")" "$(cat "$TEST_TMP/result.a")" "result of $call"
	cmp "$b/$n" "$a/$n" || fail "bytes after $call"
	expect_equal "$(stat -c %s "$b/$n")" "$(stat -c %s "$a/$n")" "size after $call"
	# One block of an extent tree more or less, which has a cluster
	apart=$(($(stat -c %b "$a/$n") - $(stat -c %b "$b/$n")))
	[ ${apart#-} -le 32 ] || fail "$apart more blocks than kernel ext4 after $call"
	expect_equal "$(filemap seek "$b/$n")" "$(filemap seek "$a/$n")" "holes after $call"
done
# whole clusters moved, and nothing else
for n in 1 4; do
	[ "$(stat -c %s "$a/$n")" -ne 262144 ] || fail "no range of whole clusters was moved"
done
for n in 2 3 5 6; do
	expect_equal 262144 "$(stat -c %s "$a/$n")" "size without whole clusters"
done
umount_iomap4fs "$a"
umount "$b"
check_clean "$JOB_DISK1"
