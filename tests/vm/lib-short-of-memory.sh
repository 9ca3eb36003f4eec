# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server whose memory is limited to less than it needs, and dirty pages of many times
# that: writeback waits for the server, and the server's memory must not wait for
# writeback. Two tests do this: one for a round, one for an hour.
#
# The limit binds because what the server needs can be taken from it and has to be brought
# back: its programs' pages, of files that nobody else uses, and its heap and stacks, which
# are swapped out. The image's blocks are no part of it: the server reads and writes them
# past the page cache. How much it needs depends on the kernel, so that the limit is a part
# of what it had before.

# counted FILE KEY: a number of the server's group
counted()
{
	# shellcheck disable=SC2154 # of use_cgroups
	sed -n "s/^$2 //p" "$cgroups/server/$1"
}

# one_round NUMBER MIB: fio writes two files of MIB and verifies what it has written,
# with the page's place in each page
one_round()
{
	local engine pids=() pid i

	for engine in psync mmap; do
		within writer fio --name=$engine --filename="$m/$engine" --size="$2M" --bs=16k --rw=randwrite \
			--ioengine=$engine --verify=crc32c --verify_fatal=1 --end_fsync=1 \
			--randseed=$(($1 + 1)) --thread --output="$TEST_TMP/$engine" &
		pids+=($!)
	done
	# shellcheck disable=SC2016 # the inner shell's
	within writer bash -c 'for i in 1 2 3; do cp -a /etc "$0.$i"; done' "$m/tree" &
	pids+=($!)
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "round $1: $(cat "$TEST_TMP"/psync "$TEST_TMP"/mmap)"
	done
	for i in 1 2 3; do
		diff -r --no-dereference /etc "$m/tree.$i" || fail "tree $i of round $1 differs"
	done
	rm -r "$m"/tree.*
}

# short_of_memory SECONDS MIB PART...: rounds with files of MIB until that time is over, at
# least one; in each the server may have PART in 100 of the memory that it had without a
# limit, these in turn. Sets rounds, and reached: how often the server's group wanted more than it may have.
short_of_memory()
{
	local m=$TEST_TMP/m private=$TEST_TMP/private seconds=$1 size=$2 start file used parts last

	shift 2
	parts=("$@")
	use_cgroups
	grep -q '^SwapTotal' /proc/meminfo || skip "the kernel has no swap"
	wipefs -qa "$JOB_DISK3"
	mkswap "$JOB_DISK3" >/dev/null
	swapon "$JOB_DISK3"
	at_exit swapoff "$JOB_DISK3"
	limit server max
	limit writer $((64 << 20))
	# its pages are not what this is about
	echo 0 >"$cgroups/writer/memory.swap.max"

	# who reads a page of a file first pays for it
	mkdir "$private"
	cp "$(command -v iomap4fs)" "$private/"
	while read -r file; do
		cp "$file" "$private/"
	done < <(ldd "$private/iomap4fs" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p')
	sync -f "$private"
	for file in "$private"/*; do
		dd if="$file" iflag=nocache count=0 status=none
	done

	wipefs -qa "$JOB_DISK1"
	mke2fs -q -F -t ext4 -b 4096 -E lazy_itable_init=0,nodiscard "$JOB_DISK1" 1G
	mkdir "$m"
	at_exit umount_all "$m"
	LD_LIBRARY_PATH=$private within server "$private/iomap4fs" \
		-o iomap=require,cache_size=8M "$JOB_DISK1" "$m"
	wait_until 30 mountpoint -q "$m"
	expect_equal "server" "$(sed -n 's,^0::/,,p' "/proc/$(server_pids)/cgroup")" "the server's group"
	cp -a /etc "$m/etc"
	sync -f "$m"
	used=$(<"$cgroups/server/memory.current")
	echo "the server uses $used bytes without a limit"

	start=$EPOCHSECONDS rounds=0 reached=0
	while :; do
		echo $((used * parts[rounds % ${#parts[@]}] / 100)) >"$cgroups/server/memory.max"
		one_round $rounds "$size"
		rounds=$((rounds + 1)) last=$reached
		reached=$(counted memory.events max)
		echo "$((EPOCHSECONDS - start)) s: round $rounds, limit $(<"$cgroups/server/memory.max")" \
			"reached $((reached - last)) times, $(counted memory.stat pgmajfault) major faults so far"
		[ "$reached" -gt "$last" ] || fail "the server's limit was not reached in round $rounds"
		expect_equal 0 "$(counted memory.events oom_kill)" "processes of the server's group killed"
		[ $((EPOCHSECONDS - start)) -lt "$seconds" ] || break
	done
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
}
