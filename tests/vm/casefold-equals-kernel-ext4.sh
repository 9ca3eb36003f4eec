# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Casefolded directories: kernel ext4 and the server find and refuse the same names.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -e /sys/fs/ext4/features/casefold ] || skip "kernel ext4 without casefold"
m=$TEST_TMP/m
k=$TEST_TMP/k

# No UTF-8, a surrogate, unassigned, ignorable, composed and not, marks in another order
odd=('\xff' '\xed\xa0\x80' '\xcd\xb8' 'x\xc2\xad' X '\xea\xb0\x80' '\xe1\x84\x80\xe1\x85\xa1'
	'\xe2\x84\xab' '\xc3\xa5' '\xc4\xb1' I 's\xcc\x81\xcc\xa3' 'S\xcc\xa3\xcc\x81')

# probe DIR: what becomes of odd names, and what they are the same as
probe()
(
	set +e +o pipefail
	mkdir "$1"
	chattr +F "$1"
	cd "$1"
	for a in "${odd[@]}"; do
		printf -v at %b "$a"
		if ! true >"$at"; then
			echo "$a: can't be made"
			continue
		fi
		for b in "${odd[@]}"; do
			printf -v other %b "$b"
			[ ! -e "$other" ] || echo "$a is $b"
		done
		rm "$at"
	done 2>/dev/null
	: >File
	for a in FILE file fILE; do
		[ -f "$a" ] && echo "$a"
		mkdir "$a" 2>&1 | sed 's/.*: //'
	done
	mkdir Sub
	lsattr -d Sub | cut -c1-25 | tr -cd 'F\n'
	chattr -F . 2>&1 | sed 's/ while.*//'
	mv -T FILE SUB 2>&1
	mv FILE Other
	ls
	exit 0
)

# same_probes [MKE2FS-ARG]: both make the same of the same names
same_probes()
{
	make_ext4 "$JOB_DISK1" -b 1024 -N 2048 -J size=1 -O casefold "$@"
	mount_ext4 "$JOB_DISK1" "$k"
	probe "$k/theirs" >"$TEST_TMP/theirs"
	umount "$k"
	mount_iomap4fs "$JOB_DISK1" "$m"
	probe "$m/ours" >"$TEST_TMP/ours"
	umount_iomap4fs "$m"
	expect_same_file "$TEST_TMP/theirs" "$TEST_TMP/ours" "${*:-plain}: what names mean"
	[ "$(wc -l <"$TEST_TMP/ours")" -gt 20 ] || fail "next to nothing was tried"
}

same_probes -Eencoding_flags=strict
check_clean "$JOB_DISK1"
same_probes
check_clean "$JOB_DISK1"
