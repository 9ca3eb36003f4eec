# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 180
#
# What was there when sync -f returned is there after the server was killed with -9 and
# the image was recovered, with a journal and without.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

# survives MKE2FS-ARGUMENT...
survives()
{
	local status=0

	make_ext4 "$JOB_DISK1" "$@"
	# nobody else makes it durable
	mount_iomap4fs "$JOB_DISK1" "$m" commit=300
	fill_tree "$m/tree"
	seq -f "$m/tree/many/%g" 500 | xargs touch
	sync -f "$m"
	manifest "$m" >"$TEST_TMP/want"
	mkdir "$m/later"
	kill -KILL "$(server_pids)"
	wait_until 20 no_server
	umount "$m"
	e2fsck -fy "$JOB_DISK1" >"$TEST_TMP/e2fsck" 2>&1 || status=$?
	[ $status -le 1 ] || fail "mke2fs $*: e2fsck -fy: $(cat "$TEST_TMP/e2fsck")"
	mount_ext4 "$JOB_DISK1" "$m" ro
	manifest "$m" >"$TEST_TMP/got"
	umount "$m"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "mke2fs $*: what is left"
}

survives -J size=4
survives -O ^has_journal
