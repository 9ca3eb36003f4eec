# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of fast commits share: a file system that kernel ext4 has in use on JOB_DISK1, and
# copies of it while it is in use, which are what a crash leaves.

need_iomap4fs
m=$TEST_TMP/m a=$TEST_TMP/a b=$TEST_TMP/b
size=32
points=0

# begin MKE2FS-ARGUMENT...: a new file system, in use
begin()
{
	wipefs -qa "$JOB_DISK1"
	mke2fs -q -F -t ext4 -O fast_commit -E lazy_itable_init=0,nodiscard "$@" "$JOB_DISK1" ${size}M
	mount_ext4 "$JOB_DISK1" "$m" "commit=300,noatime${options:+,$options}"
	info=/proc/fs/ext4/$(basename "$JOB_DISK1")/fc_info
	[ -e "$info" ] || skip "this kernel tells nothing about fast commits"
}

fast_commits()
{
	awk '$2 == "commits" { print $1 }' "$info"
}

# A transaction: fast commits are about what comes behind it.
settle()
{
	sync -f "$m"
	before=$(fast_commits)
}

# fsync of every file that has a name: then all that there is has been promised.
promise()
{
	find "$m" -type f -exec sync {} +
}

# What has to be the same.  Directories have no times and links in a fast commit.
tree()
{
	manifest "$1" | awk -F '\t' -v OFS='\t' '$2 == "d" || $2 == "dir" { $7 = $8 = "-" } { print }'
}

# recovered WHAT: from a crash now, by the server, and by kernel ext4 if $kernel says so
recovered()
{
	local device

	[ "$(fast_commits)" -gt "$before" ] || fail "$1: the kernel wrote no fast commit: $(cat "$info")"
	tree "$m" >"$TEST_TMP/want"
	for device in "$JOB_DISK3" ${kernel:+"$JOB_DISK2"}; do
		dd if="$JOB_DISK1" of="$device" bs=1M count=$size iflag=direct oflag=direct status=none
	done
	mount_iomap4fs "$JOB_DISK3" "$b" "${mount:-}"
	tree "$b" >"$TEST_TMP/got"
	umount_iomap4fs "$b"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "$1: what the server has replayed"
	check_clean "$JOB_DISK3"
	if [ -n "${kernel:-}" ]; then
		mount_ext4 "$JOB_DISK2" "$a" "${mount:-rw}"
		tree "$a" >"$TEST_TMP/kernel"
		umount "$a"
		expect_same_file "$TEST_TMP/kernel" "$TEST_TMP/got" \
			"$1: what kernel ext4 has replayed"
	fi
	points=$((points + 1))
}

end()
{
	umount "$m"
}

data()
{
	head -c "$1" /usr/bin/perl
}
