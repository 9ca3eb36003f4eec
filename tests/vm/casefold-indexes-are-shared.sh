# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Casefolded directories with an index: kernel ext4 finds what the server has put there,
# and the other way round, by names of another case.
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

make_ext4 "$JOB_DISK1" -b 1024 -N 2048 -O casefold
mount_ext4 "$JOB_DISK1" "$k"
mkdir "$k/d"
chattr +F "$k/d"
make_names "$k/d" 0 60
lsattr -d "$k/d" | cut -c1-25 | grep I >/dev/null || fail "kernel ext4 made no index"
umount "$k"

mount_iomap4fs "$JOB_DISK1" "$m"
find_names "$m/d" 0 60
make_names "$m/d" 60 120
find_names "$m/d" 60 120
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"

mount_ext4 "$JOB_DISK1" "$k"
find_names "$k/d" 0 120
expect_equal 96 "$(find "$k/d" -type f -printf x | wc -c)" "names in the directory"
make_names "$k/d" 120 140
umount "$k"
mount_iomap4fs "$JOB_DISK1" "$m" ro
find_names "$m/d" 120 140
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
