# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# While a lookup waits for a device that answers nothing at all, lookups, questions for
# mappings, attributes and directories that are in the server's cache are answered.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
FUSE_LOOKUP=1
m=$TEST_TMP/m
make_slow_device
make_ext4 "$dm"
mount_iomap4fs "$dm" "$m"
mkdir "$m/warm" "$m/cold"
# a file that ends in the middle of a block is one mapping in the inode
for n in $(seq 64); do
	echo "$n" >"$m/warm/f$n"
	setfattr -n user.n -v "$n" "$m/warm/f$n"
done
echo 1 >"$m/cold/f"
umount_iomap4fs "$m"
# no commit, which would wait for the suspended device too
mount_iomap4fs "$dm" "$m" commit=300

# One block of the inode table has 16 inodes. What the kernel knows it doesn't ask for: each
# name is used once.
for n in 1 16 32 48 64; do
	stat "$m/warm/f$n" >/dev/null
done
stat "$m/warm/none" >/dev/null 2>&1 && fail "there is no such file"

# Nobody can be killed who waits for a reply: so the device goes on in any case.
resume_in_time()
{
	local i

	for ((i = 0; i < 120; i++)); do
		sleep 1
		[ -e "$TEST_TMP/suspended" ] || return 0
	done
	touch "$TEST_TMP/late"
	dmsetup resume --noudevsync slow
}

lookups=$(request_count "$m" $FUSE_LOOKUP)
touch "$TEST_TMP/suspended"
resume_in_time &
watchdog=$!
at_exit dmsetup resume --noudevsync slow
dmsetup suspend --nolockfs --noflush slow
stat -c %s "$m/cold/f" >"$TEST_TMP/cold" 2>&1 &
cold=$!
asked()
{
	[ "$(request_count "$m" $FUSE_LOOKUP)" -gt "$lookups" ]
}
wait_until 20 asked || fail "nobody asks for the name"

begins=$(request_count "$m" $IOMAP_BEGIN)
for n in 2 3 4 5; do
	expect_equal 2 "$(stat -c %s "$m/warm/f$n")" "size of file $n"
	[ ! -e "$m/warm/none$n" ] || fail "there is no such file"
	expect_equal "$n" "$(getfattr --absolute-names --only-values -n user.n "$m/warm/f$n")" "attribute"
	# by FIEMAP; the file is not written to
	filefrag -v "$m/warm/f$n" | grep "0: *0\.\. *0:" >/dev/null || fail "no mapping of file $n"
done
[ "$(request_count "$m" $IOMAP_BEGIN)" -ge $((begins + 4)) ] || fail "the kernel asked for no mappings"
expect_equal 64 "$(find "$m/warm" -mindepth 1 | wc -l)" "entries"
[ ! -e "$TEST_TMP/late" ] || fail "what is in the cache waited for the device"
kill -0 $cold || fail "the lookup didn't wait for the device: $(cat "$TEST_TMP/cold")"

rm "$TEST_TMP/suspended"
dmsetup resume --noudevsync slow
wait $cold || fail "$(cat "$TEST_TMP/cold")"
expect_equal 2 "$(cat "$TEST_TMP/cold")" "size of the cold file"
wait $watchdog
umount_iomap4fs "$m"
check_clean "$dm"
