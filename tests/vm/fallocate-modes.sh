# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Each fallocate mode does to the bytes, the size and the blocks what kernel ext4
# does: the same calls go to both, and the results are compared, again after
# umount.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
a=$TEST_TMP/a b=$TEST_TMP/b
make_ext4 "$JOB_DISK1"
make_ext4 "$JOB_DISK2"
mount_iomap4fs "$JOB_DISK1" "$a"
mount_ext4 "$JOB_DISK2" "$b"
n=0
for call in "fallocate 0 100000" "fallocate 500000 100001" "keepsize 100000 300000" \
	"keepsize 0 10" "punch 0 4096" "punch 100 200" "punch 5000 70000" "punch 0 1000000" \
	"punch 250000 100" "zero 0 4096" "zero 300 10" "zero 4000 100000" "zero 200000 200000" \
	"fallocate 0 0" "punch 1000000 100000" "fallocate -1 100" "fallocate 0 99999999999999"; do
	n=$((n + 1))
	read -r op off len <<<"$call"
	for m in "$a" "$b"; do
		head -c 256K /usr/bin/perl >"$m/$n"
		[ $((n % 2)) -eq 0 ] || sync "$m/$n"
		fileop "$op" "$m/$n" "$off" "$len" >"$TEST_TMP/result.${m##*/}"
	done
	expect_equal "$(cat "$TEST_TMP/result.b")" "$(cat "$TEST_TMP/result.a")" "result of $call"
	expect_equal "$(stat -c %s "$b/$n")" "$(stat -c %s "$a/$n")" "size after $call"
	cmp "$b/$n" "$a/$n" || fail "bytes after $call"
	expect_equal "$(filemap seek "$b/$n")" "$(filemap seek "$a/$n")" "holes after $call"
	# Not block for block: the file systems may place things as they like.
	want=$(stat -c %b "$b/$n")
	got=$(stat -c %b "$a/$n")
	apart=$((got - want))
	[ ${apart#-} -le 16 ] ||
		fail "$got blocks after $call, kernel ext4 has $want"
done
manifest "$a" --no-times >"$TEST_TMP/before"
umount_iomap4fs "$a"
umount "$b"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$a" ro
manifest "$a" --no-times >"$TEST_TMP/after"
umount "$a"
expect_same_file "$TEST_TMP/before" "$TEST_TMP/after" "manifest"
