# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# When umount returns, the device is free: the next program can have it for itself
# at once, 200 times in a row.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
wipefs -qa "$JOB_DISK3"
# Bytes that the shell itself can write: starting processes is what takes long in these rigs.
data=$(printf '%300000s' x)
for i in $(seq 200); do
	# Without -F: mke2fs refuses a device that is in use, and opens it exclusively. (What was
	# on it before it doesn't mind, since nobody is there to ask.)
	mke2fs -q -t ext4 -E nodiscard "$JOB_DISK3" 8M 2>"$TEST_TMP/err" </dev/null ||
		fail "mke2fs after $((i - 1)) mounts: $(<"$TEST_TMP/err")"
	mount -t iomap4fs -o iomap=require "$JOB_DISK3" "$m"
	# written back, closed late and deleted in use
	printf %s "$data" >"$m/f"
	: >"$m/g"
	exec 7<"$m/g"
	rm "$m/g"
	exec 7<&-
	umount "$m"
	if ((i % 50 == 0)); then
		check_clean "$JOB_DISK3"
	fi
done
wait_until 30 no_server
