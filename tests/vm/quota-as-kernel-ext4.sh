# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# The accounts of users, groups and projects: the same load on kernel ext4 gives the same,
# and then each goes on with the accounts of the other.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
a=$TEST_TMP/a b=$TEST_TMP/b
for disk in "$JOB_DISK1" "$JOB_DISK2"; do
	make_ext4 "$disk" -I 256 -O quota,project
done
mkdir "$b"
[ -d /proc/sys/fs/quota ] || skip "this kernel has no quotas"
mount -t ext4 "$JOB_DISK2" "$b"
at_exit umount_all "$b"

load()
{
	local dir=$1 first=$2 n

	mkdir "$dir/$first"
	mkdir "$dir/$first/project"
	chattr -p $((first + 1)) +P "$dir/$first/project"
	for n in $(seq "$first" $((first + 12))); do
		head -c $((n * 900 + 1)) /dev/zero >"$dir/$first/$n"
		chown $((n * 70001)):$((n % 5)) "$dir/$first/$n"
		echo "$n" >"$dir/$first/project/$n"
	done
	sync -f "$dir"
	for n in $(seq "$first" 4 $((first + 8))); do
		truncate -s 100 "$dir/$first/$n"
		chown 5:70000 "$dir/$first/project/$n"
		rm "$dir/$first/project/$((n + 1))"
		fallocate -l 100k "$dir/$first/$((n + 2))"
	done
	chattr -p 0 "$dir/$first/project/$first"
	chattr -p 4000000000 "$dir/$first/$first"
}

# Only of those who have something: here the others stay in the file.
usage()
{
	local type

	for type in user group project; do
		debugfs -R "list_quota $type" "$1" 2>/dev/null |
			awk -v type=$type '$1 ~ /^[0-9]+$/ && $2 + $5 { print type, $1, $2, $5 }'
	done | LC_ALL=C sort
}

compare()
{
	umount_iomap4fs "$a"
	umount "$b"
	check_clean "$JOB_DISK1"
	check_clean "$JOB_DISK2"
	usage "$JOB_DISK1" >"$TEST_TMP/got.$1"
	usage "$JOB_DISK2" >"$TEST_TMP/want.$1"
	[ "$(wc -l <"$TEST_TMP/want.$1")" -gt "$2" ] || fail "no accounts"
	expect_same_file "$TEST_TMP/want.$1" "$TEST_TMP/got.$1" "accounts, $1"
}

mount_iomap4fs "$JOB_DISK1" "$a"
load "$a" 1
load "$b" 1
compare first 15
mount_iomap4fs "$JOB_DISK2" "$a"
mount_ext4 "$JOB_DISK1" "$b"
for m in "$a" "$b"; do
	load "$m" 100
	rm -r "$m/1"
done
compare second 15
