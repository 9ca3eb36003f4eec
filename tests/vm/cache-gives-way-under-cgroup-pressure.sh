# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# When it is the server's own cgroup that is short of memory, the kernel tells by that
# group's memory.pressure, and the server gives back half of its metadata cache. What the
# machine tells is hidden from it here.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -e /proc/pressure/memory ] || skip "the kernel doesn't tell of memory pressure"
cat /proc/pressure/memory >/dev/null 2>&1 || skip "telling of memory pressure is switched off"
# where the server looks
use_cgroups /sys/fs/cgroup
mount --bind /dev/null /proc/pressure/memory
at_exit umount /proc/pressure/memory
m=$TEST_TMP/m
# an inode fills a block: so few files make a large cache
make_ext4 "$JOB_DISK1" -I 4096 -N 4000
mount_ext4 "$JOB_DISK1" "$m"
mkdir "$m/old"
seq -f "$m/old/%g" 2500 | xargs touch
umount "$m"
limit service max
# not by within(): $! is to be the server itself
# shellcheck disable=SC2016 # the inner shell's
bash -c 'echo $$ >"$0"; exec iomap4fs "$@"' "$cgroups/service/cgroup.procs" "$JOB_DISK1" "$m" \
	-f -o iomap=require,cache_size=64M,commit=300 2>"$TEST_TMP/log" &
server=$!
wait_until 20 mountpoint -q "$m" || fail "not mounted"
expect_equal /service "$(sed -n 's/^0:://p' "/proc/$server/cgroup")" "the server's group"
find "$m" -printf '%s %n\n' >/dev/null

been_cut()
{
	grep 'memory is short: metadata cache cut' "$TEST_TMP/log" >/dev/null
}

stop_thrasher()
{
	[ "$thrasher" ] || return 0
	kill "$thrasher"
	wait "$thrasher" || :
	thrasher=
}

only_the_server()
{
	[ "$(cat "$cgroups/service/cgroup.procs")" = "$server" ]
}

head -c 64M /dev/zero >"$TEST_TMP/file"
sync "$TEST_TMP/file"
echo 1 >/proc/sys/vm/drop_caches
! been_cut || fail "cut before there is pressure: $(cat "$TEST_TMP/log")"
# another process of the group, as of one service, that rereads more than the group can keep
echo $(($(<"$cgroups/service/memory.current") + (16 << 20))) >"$cgroups/service/memory.max"
# shellcheck disable=SC2016 # the inner shell's
bash -c 'echo $$ >"$0"; while :; do cat "$1" >/dev/null; done' \
	"$cgroups/service/cgroup.procs" "$TEST_TMP/file" &
thrasher=$!
at_exit stop_thrasher
wait_until 120 been_cut || {
	cat "$cgroups/service/memory.pressure" "$cgroups/service/memory.stat"
	fail "the cache stays as it is"
}
stop_thrasher
wait_until 30 only_the_server || fail "others are in the group"
echo max >"$cgroups/service/memory.max"
umount "$m"
wait $server || fail "the server's status: $?"
cat "$TEST_TMP/log"
check_clean "$JOB_DISK1"
