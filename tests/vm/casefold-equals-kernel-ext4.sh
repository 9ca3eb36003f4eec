# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Casefolded directories: kernel ext4 and the server find and refuse the same names,
# and each finds in its index what the other has put there.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -e /sys/fs/ext4/features/casefold ] || skip "kernel ext4 without casefold"
m=$TEST_TMP/m
k=$TEST_TMP/k

# Letters that fold to others, to several, or to nothing, and their other forms, as UTF-8
# shellcheck disable=SC2034 # used by name
upper=(A '\xc3\x84' SS '\xe2\x84\xaa' 'E\xcc\x81' '\xd0\x96' '\xc7\x84' FI '\xce\xa3' '\xc4\xb0')
# shellcheck disable=SC2034
lower=(a 'a\xcc\x88' '\xc3\x9f' k '\xc3\xa9' '\xd0\xb6' '\xc7\x86' '\xef\xac\x81' '\xcf\x82' 'i\xcc\x87')
# No UTF-8, ends of ranges, a surrogate, unassigned, ignorable, composed and not
odd=('\xff' '\xc3' '\xed\xa0\x80' '\xf4\x8f\xbf\xbf' '\xf4\x90\x80\x80' '\xcd\xb8' 'x\xc2\xad' X
	'\xea\xb0\x80' '\xe1\x84\x80\xe1\x85\xa1' '\xe2\x84\xab' '\xc3\xa5' '\xc4\xb1' I i '\xc5\xbf'
	's\xcc\x81\xcc\xa3' 'S\xcc\xa3\xcc\x81' '\xe1\xba\x9e' '\xf0\x90\x90\x80' '\xf0\x90\x90\xa8')

# names upper|lower FIRST LAST: a line each
names()
{
	local -n letters=$1
	local i j text

	for ((i = $2; i < $3; i++)); do
		text=
		for ((j = 0; j < i % 7; j++)); do
			text+=${letters[(i + j) % ${#letters[@]}]}
		done
		if [ "$1" = upper ]; then
			printf 'NAME-%d-%b\n' "$i" "$text"
		else
			printf 'name-%d-%b\n' "$i" "$text"
		fi
	done
}

# make_names DIR FIRST LAST, of which every fifth goes again by its other name
make_names()
{
	local name i=0 gone=()

	while read -r name; do
		: >"$1/$name"
	done < <(names upper "$2" "$3")
	while read -r name; do
		[ $((i++ % 5)) -ne 0 ] || gone+=("$1/$name")
	done < <(names lower "$2" "$3")
	rm "${gone[@]}"
}

# find_names DIR FIRST LAST
find_names()
{
	local name i=0

	while read -r name; do
		if [ $((i % 5)) -eq 0 ]; then
			[ ! -e "$1/$name" ] || fail "$1: $name is still there"
		else
			[ -e "$1/$name" ] || fail "$1: $name is lost"
		fi
		i=$((i + 1))
	done < <(names lower "$2" "$3")
}

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

for strict in "" -Eencoding_flags=strict; do
	make_ext4 "$JOB_DISK1" -b 1024 -O casefold $strict
	mount_ext4 "$JOB_DISK1" "$k"
	mkdir "$k/d"
	chattr +F "$k/d"
	make_names "$k/d" 0 120
	lsattr -d "$k/d" | cut -c1-25 | grep I >/dev/null || fail "kernel ext4 made no index"
	probe "$k/theirs" >"$TEST_TMP/theirs"
	umount "$k"

	mount_iomap4fs "$JOB_DISK1" "$m"
	find_names "$m/d" 0 120
	make_names "$m/d" 120 240
	find_names "$m/d" 120 240
	probe "$m/ours" >"$TEST_TMP/ours"
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
	expect_same_file "$TEST_TMP/theirs" "$TEST_TMP/ours" "${strict:-plain}: what names mean"
	[ "$(wc -l <"$TEST_TMP/ours")" -gt 30 ] || fail "next to nothing was tried"

	mount_ext4 "$JOB_DISK1" "$k"
	find_names "$k/d" 0 120
	find_names "$k/d" 120 240
	expect_equal 192 "$(find "$k/d" -type f -printf x | wc -c)" "names in the directory"
	make_names "$k/d" 240 280
	umount "$k"
	mount_iomap4fs "$JOB_DISK1" "$m" ro
	find_names "$m/d" 240 280
	find_names "$m/d" 0 120
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
done
