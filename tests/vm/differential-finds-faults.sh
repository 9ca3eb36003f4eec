# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The differential test would notice: one byte, one byte of size, a mode bit, one
# block in place of a hole or a missing name, on one of two kernel ext4 mounts.
. "$(dirname "$0")/lib.sh"

a=$TEST_TMP/a b=$TEST_TMP/b
make_ext4 "$JOB_DISK1"
make_ext4 "$JOB_DISK2"
mount_ext4 "$JOB_DISK1" "$a"
mount_ext4 "$JOB_DISK2" "$b"
mkdir "$a/none" "$b/none"
differential --dir-a "$a/none" --dir-b "$b/none" --seed 3 --ops 1000 ||
	fail "kernel ext4 differs from itself"
for kind in byte size mode hole name; do
	mkdir "$a/$kind" "$b/$kind"
	status=0
	differential --dir-a "$a/$kind" --dir-b "$b/$kind" --seed 3 --ops 1000 --inject $kind@999 \
		>"$TEST_TMP/out" || status=$?
	[ $status -eq 1 ] || fail "$kind: status $status: $(tail -n 3 "$TEST_TMP/out")"
	grep -q '^DIFFERENCE' "$TEST_TMP/out" || fail "$kind: no word of a difference"
done
umount "$a" "$b"
