# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# A server with little memory of its own, and dirty pages of many times that, goes on:
# writeback waits for the server, and the server's memory does not wait for writeback.
# ROUNDS in the environment: more than one, for hours.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
use_cgroups
limit server $((24 << 20))
limit writer $((64 << 20))
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 4096 -E lazy_itable_init=0,nodiscard "$JOB_DISK1" 1G
mkdir "$m"
at_exit umount_all "$m"
within server iomap4fs -o iomap=require,cache_size=8M "$JOB_DISK1" "$m"
wait_until 30 mountpoint -q "$m"
expect_equal "server" "$(sed -n 's,^0::/,,p' "/proc/$(server_pids)/cgroup")" "the server's group"

# fio verifies what it has written, with the page's place in each page
for ((round = 0; round < ${ROUNDS:-1}; round++)); do
	pids=()
	for engine in psync mmap; do
		within writer fio --name=$engine --filename="$m/$engine" --size=80M --bs=16k --rw=randwrite \
			--ioengine=$engine --verify=crc32c --verify_fatal=1 --end_fsync=1 \
			--randseed=$((round + 1)) --thread --output="$TEST_TMP/$engine" &
		pids+=($!)
	done
	# shellcheck disable=SC2016 # the inner shell's
	within writer bash -c 'for i in 1 2 3; do cp -a /etc "$0.$i"; done' "$m/tree" &
	pids+=($!)
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "round $round: $(cat "$TEST_TMP"/psync "$TEST_TMP"/mmap)"
	done
	for i in 1 2 3; do
		diff -r --no-dereference /etc "$m/tree.$i" || fail "tree $i of round $round differs"
	done
	rm -r "$m"/tree.*
done
peak=$(<"$cgroups/server/memory.peak")
echo "the server had at most $peak bytes"
grep -q '^oom_kill 0' "$cgroups/server/memory.events" || fail "the server was short of memory for good"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
