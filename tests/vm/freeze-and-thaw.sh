# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A frozen mount has a clean file system on its device and writes nothing to it until
# it is thawed, whoever writes to files meanwhile. A mount without iomap can't be
# frozen; a server that dies lets the writers go.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_small_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
at_exit touch "$TEST_TMP/stop"

# A task that waits for a thaw can't be killed.
thaw()
{
	! mountpoint -q "$m" || fsfreeze -u "$m" 2>/dev/null || :
}

# noise NAME: write, cut, create and delete until told to stop
noise()
{
	local i=0

	while [ ! -e "$TEST_TMP/stop" ]; do
		i=$((i + 1))
		dd if=/usr/bin/perl of="$m/noise$1" bs=64K count=4 seek=$((i % 7)) conv=notrunc status=none
		head -c 10000 /usr/bin/perl >"$m/new$1.$((i % 5))"
		rm -f "$m/new$1.$(((i + 2) % 5))"
		truncate -s $((i % 3 * 70000)) "$m/noise$1"
	done
}
noise 1 &
writers=($!)
noise 2 &
writers+=($!)

at_exit thaw
for round in 1 2 3; do
	sleep 1
	fsfreeze -f "$m"
	before=$(small_checksum "$JOB_DISK1")
	check_clean "$JOB_DISK1"
	touch "$m/while-frozen" &
	writers+=($!)
	cat "$m"/noise? >/dev/null
	sleep 1
	expect_equal "$before" "$(small_checksum "$JOB_DISK1")" "the frozen device, round $round"
	[ ! -e "$m/while-frozen" ] || fail "a file was made in a frozen file system"
	fsfreeze -u "$m"
	wait "${writers[-1]}"
	rm "$m/while-frozen"
done
touch "$TEST_TMP/stop"
wait "${writers[@]}"

# The last user of a deleted file goes while it is frozen: its space waits.
FREEZE_FS=4089
echo "gone" >"$m/deleted"
exec 8<"$m/deleted"
rm "$m/deleted"
fsfreeze -f "$m"
before=$(small_checksum "$JOB_DISK1")
exec 8<&-
echo 2 >/proc/sys/vm/drop_caches
sleep 1
expect_equal "$before" "$(small_checksum "$JOB_DISK1")" "the frozen device after a last close"
fsfreeze -u "$m"
expect_equal 4 "$(request_count "$m" $FREEZE_FS)" "freeze requests"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"

# A mount whose server has died is thawed, for the mount point can't be opened.
mount_iomap4fs "$JOB_DISK1" "$m"
fsfreeze -f "$m"
(echo x >"$m/never") 2>/dev/null &
writer=$!
sleep 0.5
pid=$(server_pids)
kill -KILL "$pid"
wait_until 10 no_server
wait $writer && fail "a write without a server succeeded"
umount "$m"

# Without iomap there is nobody to answer for the device.
make_small_ext4 "$JOB_DISK1"
mount -t iomap4fs -o iomap=off "$JOB_DISK1" "$m"
expect_fail fsfreeze -f "$m" 2>"$TEST_TMP/err"
grep -qi "not supported" "$TEST_TMP/err" || fail "freezing without iomap: $(<"$TEST_TMP/err")"
umount_iomap4fs "$m"
