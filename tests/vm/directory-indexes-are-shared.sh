# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Directories with an index, which the server or kernel ext4 made, and to which both add
# and of which both remove in turn: each finds every name and no other.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
k=$TEST_TMP/k
there=$TEST_TMP/there
turn=0

# Few short names, and so many long ones that the index has two levels where blocks are small
names()
{
	seq -f "%.0f-$1-name" 30
	seq -f "%.0f-$1-$(printf 'x%.0s' {1..180})" 250
}

# change DIR: add names; of all that are there then every fifth goes, and some get another
# name, which is in another leaf
change()
{
	local name i=0

	turn=$((turn + 1))
	names "turn$turn" >>"$there"
	names "turn$turn" | (cd "$1" && xargs touch)
	: >"$there.new"
	while read -r name; do
		case $((i++ % 60)) in
		*[05]) echo "$name" >&3 ;;
		3)
			mv "$1/$name" "$1/moved-$turn-$name"
			echo "moved-$turn-$name" >>"$there.new"
			;;
		*) echo "$name" >>"$there.new" ;;
		esac
	done <"$there" 3>"$there.gone"
	(cd "$1" && xargs rm) <"$there.gone"
	mv "$there.new" "$there"
}

# check DIR
check()
{
	local name

	(cd "$1" && find . -type f -printf '%f\n') | LC_ALL=C sort >"$TEST_TMP/listed"
	LC_ALL=C sort "$there" | cmp - "$TEST_TMP/listed" || fail "$1: other names are listed"
	while read -r name; do
		[ -e "$1/$name" ] || fail "$1: $name is not found"
	done <"$there"
	while read -r name; do
		[ ! -e "$1/$name" ] || fail "$1: $name is found"
	done <"$there.gone"
}

by_kernel()
{
	mount_ext4 "$JOB_DISK1" "$k"
	"$@"
	umount "$k"
}

by_server()
{
	mount_iomap4fs "$JOB_DISK1" "$m"
	"$@"
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
}

share()
{
	: >"$there"
	"$1" mkdir "$([ "$1" = by_server ] && echo "$m" || echo "$k")/d"
	for who in "$1" "$2" "$1" "$2"; do
		dir=$([ "$who" = by_server ] && echo "$m" || echo "$k")/d
		[ ! -s "$there" ] || "$who" check "$dir"
		"$who" change "$dir"
	done
	by_server check "$m/d"
	by_kernel check "$k/d"
	debugfs -R 'htree /d' "$JOB_DISK1" 2>/dev/null >"$TEST_TMP/htree"
	expect_equal "$3" "$(sed -n 's/.*Indirect levels: *//p' "$TEST_TMP/htree" | head -n 1)" \
		"levels below the root"
}

make_ext4 "$JOB_DISK1" -b 1024 -N 16384
share by_server by_kernel 1
make_ext4 "$JOB_DISK1" -b 1024 -N 16384 -O ^metadata_csum
share by_kernel by_server 1
make_ext4 "$JOB_DISK1" -b 4096 -N 16384
share by_server by_kernel 0
