# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A directory whose entries fit into one answer is listed by one request and never opened in
# the server; a larger one is. Whoever reads slowly, goes back or removes what he reads
# sees each name once either way. New files are not closed in the server either.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -x bin/slow_list ] || skip "slow_list is not built"
m=$TEST_TMP/m
make_small_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
for d in small large; do
	mkdir "$m/$d"
done
for i in $(seq 9); do
	: >"$m/small/file $i"
done
for i in $(seq 70); do
	: >"$m/large/a file with a longer name $i"
done
expect_equal 0 "$(request_count "$m" 18)" "RELEASEs of new files"

# asked OPCODE...: how often, of these
asked()
{
	local n=0

	for opcode; do
		n=$((n + $(request_count "$m" "$opcode")))
	done
	echo $n
}

# again: nothing is known of names
again()
{
	umount_iomap4fs "$m"
	mount_iomap4fs "$JOB_DISK1" "$m"
	ls -d "$m/small" "$m/large" >/dev/null
}

again
opened=$(asked 27 29) listed=$(asked 28 44)
for _ in 1 2; do
	expect_equal 9 "$(find "$m/small" -mindepth 1 | wc -l)" "files in the small directory"
done
expect_equal 0 "$(($(asked 27 29) - opened))" "OPENDIRs and RELEASEDIRs of the small directory"
expect_equal 2 "$(($(asked 28 44) - listed))" "requests for two listings of it"
find "$m/small" >/dev/null
expect_equal 2 "$(($(asked 28 44) - listed))" "requests for three listings of it"
expect_equal 70 "$(find "$m/large" -mindepth 1 | wc -l)" "files in the large directory"
wait_until 10 eval '[ $(($(asked 27 29) - opened)) -eq 2 ]' || fail "the large directory: $(asked 27 29) opened and closed"

for d in small large; do
	for bytes in 64 32768; do
		again
		# once new, once from the page cache
		for _ in 1 2 3; do
			slow_list "$m/$d" $bytes | sort >"$TEST_TMP/listed"
			ls -a "$m/$d" | sort | diff - "$TEST_TMP/listed" || fail "$d with $bytes bytes at a time"
		done
	done
done

# rm -r with a small buffer, of what has been listed before and of what has not
for bytes in 64 4096; do
	for known in no yes; do
		for d in small large; do
			n=$(find "$m/$d" -mindepth 1 | wc -l)
			cp -r "$m/$d" "$m/$d.copy"
			again
			[ $known = no ] || find "$m/$d.copy" >/dev/null
			slow_list -r "$m/$d.copy" $bytes | sort >"$TEST_TMP/listed"
			expect_equal "$((n + 2))" "$(uniq "$TEST_TMP/listed" | wc -l)" "names that were seen"
			rmdir "$m/$d.copy" || fail "$d with $bytes bytes at a time: not all names were seen"
		done
	done
done

# A directory that is removed while it is open
mkdir "$m/gone"
exec 5<"$m/gone"
rmdir "$m/gone"
exec 5<&-

# One that no answer has room for, later one that has
for i in $(seq 3 70); do
	rm "$m/large/a file with a longer name $i"
done
expect_equal 2 "$(find "$m/large" -mindepth 1 | wc -l)" "what is left"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
