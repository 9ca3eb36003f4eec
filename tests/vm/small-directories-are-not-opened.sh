# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# A directory whose entries fit into one answer is listed by one request and never opened in
# the server; a larger one neither, once its entries have been used; one that is larger still is
# opened each time. Nobody asks again for what was listed by one request until a name comes or goes. Whoever reads slowly, goes back or removes what he reads sees each name
# once in any case. New files are not closed in the server either.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -x bin/slow_list ] || skip "slow_list is not built"
m=$TEST_TMP/m
make_small_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
names="small medium large"
for d in $names; do
	mkdir "$m/$d"
done
for i in $(seq 9); do
	: >"$m/small/file $i"
done
for i in $(seq 70); do
	: >"$m/medium/a file with a longer name $i"
done
for i in $(seq 210); do
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
	ls -d "$m/small" "$m/medium" "$m/large" >/dev/null
}

# costs N OPENINGS DIRECTORY: a listing takes N requests, and so many OPENDIRs and RELEASEDIRs
costs()
{
	local opened listed

	opened=$(asked 27 29) listed=$(asked 28 44)
	find "$m/$3" >/dev/null
	[ "$2" -eq 0 ] || wait_until 10 eval "[ \$((\$(asked 27 29) - $opened)) -eq $2 ]" || :
	expect_equal "$1 $2" "$(($(asked 28 44) - listed)) $(($(asked 27 29) - opened))" "listing and opening $3"
}

again
costs 1 0 small
costs 0 0 small
ls -l "$m/medium" >/dev/null
costs 1 0 medium
costs 0 0 medium
: >"$m/medium/new"
ls -l "$m/medium" >/dev/null
rm "$m/medium/new"
costs 1 0 medium
costs 0 0 medium
expect_equal 9 "$(find "$m/small" -mindepth 1 | wc -l)" "files in the small directory"
expect_equal 70 "$(find "$m/medium" -mindepth 1 | wc -l)" "files in the medium directory"
opened=$(asked 27 29)
expect_equal 210 "$(find "$m/large" -mindepth 1 | wc -l)" "files in the large directory"
wait_until 10 eval '[ $(($(asked 27 29) - opened)) -eq 2 ]' || fail "the large directory: $(asked 27 29) opened and closed"

for d in $names; do
	# in a handle's listing each call is a request
	few=64
	[ $d != large ] || few=1500
	for bytes in $few 32768; do
		again
		# once new, once known
		for _ in 1 2; do
			slow_list "$m/$d" $bytes | sort >"$TEST_TMP/listed"
			ls -a "$m/$d" | sort | diff - "$TEST_TMP/listed" || fail "$d with $bytes bytes at a time"
		done
	done
done

# rm -r with a small buffer, of what has been listed before and of what has not
for known in no yes; do
	for d in $names; do
		n=$(find "$m/$d" -mindepth 1 | wc -l)
		cp -r "$m/$d" "$m/$d.copy"
		again
		[ $known = no ] || find "$m/$d.copy" >/dev/null
		slow_list -r "$m/$d.copy" 64 | sort >"$TEST_TMP/listed"
		expect_equal "$((n + 2))" "$(uniq "$TEST_TMP/listed" | wc -l)" "names that were seen"
		rmdir "$m/$d.copy" || fail "$d: not all names were seen"
	done
done

# A directory that is removed while it is open
mkdir "$m/gone"
exec 5<"$m/gone"
rmdir "$m/gone"
exec 5<&-

# One that no answer has room for, later one that has
for i in $(seq 3 210); do
	rm "$m/large/a file with a longer name $i"
done
expect_equal 2 "$(find "$m/large" -mindepth 1 | wc -l)" "what is left"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
