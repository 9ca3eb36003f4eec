# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# When the kernel tells that processes wait for memory, the server gives back half of
# its metadata cache, while files go on being written, and nothing is lost.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -e /proc/pressure/memory ] || skip "the kernel doesn't tell of memory pressure"
cat /proc/pressure/memory >/dev/null 2>&1 || skip "telling of memory pressure is switched off"
use_cgroups
m=$TEST_TMP/m
# an inode fills a block: so few files make a large cache
make_ext4 "$JOB_DISK1" -I 4096 -N 4000
mount_ext4 "$JOB_DISK1" "$m"
mkdir "$m/old"
seq -f "$m/old/%g" 2500 | xargs touch
umount "$m"
bin/iomap4fs "$JOB_DISK1" "$m" -f -o iomap=require,cache_size=64M,commit=300 2>"$TEST_TMP/log" &
server=$!
wait_until 20 mountpoint -q "$m" || fail "not mounted"
find "$m" -printf '%s %n\n' >/dev/null
mkdir "$m/new"
seq -f "$m/new/%g" 200 | xargs touch

cuts()
{
	grep -c 'metadata cache cut' "$TEST_TMP/log" || :
}

been_cut()
{
	[ "$(cuts)" -gt 0 ]
}

stop_thrasher()
{
	[ "$thrasher" ] || return 0
	kill "$thrasher"
	wait "$thrasher" || :
	thrasher=
}

nobody_thrashes()
{
	[ -z "$(cat "$cgroups/thrasher/cgroup.procs")" ]
}

expect_equal 0 "$(cuts)" "cuts before there is pressure"
# a group that rereads more than it may keep waits for memory most of the time
limit thrasher 16M
head -c 64M /dev/zero >"$TEST_TMP/file"
sync "$TEST_TMP/file"
echo 1 >/proc/sys/vm/drop_caches
# not by within(): $! is to be the loop itself
# shellcheck disable=SC2016 # the inner shell's
bash -c 'echo $$ >"$0"; while :; do cat "$1" >/dev/null; done' \
	"$cgroups/thrasher/cgroup.procs" "$TEST_TMP/file" &
thrasher=$!
at_exit stop_thrasher
wait_until 120 been_cut || {
	cat /proc/pressure/memory "$cgroups/thrasher/memory.pressure"
	fail "the cache stays as it is"
}
seq -f "$m/new/%g" 150 300 | xargs touch
stop_thrasher
wait_until 30 nobody_thrashes || fail "the group isn't empty"
cat "$TEST_TMP/log"
manifest "$m" >"$TEST_TMP/want"
umount "$m"
wait $server || fail "the server's status: $?"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
manifest "$m" >"$TEST_TMP/got"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "what kernel ext4 sees"
