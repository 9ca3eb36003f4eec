# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The server stamps what it creates by the same clock as the kernel what it writes: no file is
# born after it was written, and the first read of what was written moves the access time.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m" relatime

# times FILE: birth, last change, last access, in nanoseconds
times()
{
	stat -c '%.9W %.9Y %.9X' "$1" | tr -d .
}

for i in $(seq 6); do
	echo contents >"$m/$i"
	read -r born written accessed < <(times "$m/$i")
	[ "$born" -gt 0 ] || fail "no time of birth"
	[ "$born" -le "$written" ] || fail "file $i was written $((born - written)) ns before it was born"
	# a tick of the kernel's clock
	sleep 0.02
	cat "$m/$i" >/dev/null
	read -r _ _ now < <(times "$m/$i")
	[ "$now" -gt "$accessed" ] || fail "the first read of file $i moves no access time"
done
umount_iomap4fs "$m"
