#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Processes look at names, attributes, directories and files which others make, change and delete
# at the same time, while the cache is small and is told to be smaller all the time: no operation
# fails that can't, and what is left is in order and the same after another mount.
#
# The server may have been built with ThreadSanitizer; then nothing that it reports goes through:
#
#	meson setup build/tsan -Db_sanitize=thread -Db_lundef=false
#	meson test -C build/tsan classic-readers-and-writers
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
command -v mkfifo >/dev/null || skip "no mkfifo"

LOAD=$(dirname "$(readlink -f "$0")")/readers_and_writers.py
OPERATIONS=${OPERATIONS:-1000}

export TSAN_OPTIONS="log_path=$TMP/tsan history_size=4"
mkfifo "$TMP/pressure"
export MEMORY_PRESSURE_WATCH=$TMP/pressure

# As long as it is there: to write without a reader would wait for ever.
squeeze() {
	while sleep 0.5; do
		echo short 1<>"$TMP/pressure" >"$TMP/pressure"
	done
}

check_reports() {
	local report

	for report in "$TMP"/tsan.*; do
		[ ! -e "$report" ] || fail "$1: $(cat "$report")"
	done
}

squeeze &
squeezer=$!
at_end() {
	kill $squeezer
}

# mount_small IMAGE
mount_small() {
	mount_image "$1" threads=8,cache_size=1M
}

seed=0
while read -r features; do
	seed=$((seed + 1))
	# shellcheck disable=SC2086
	make_image "$TMP/image" 128M $features
	mount_small "$TMP/image"
	python3 "$LOAD" "$MNT" $seed "$OPERATIONS" || fail "$features"
	remember_tree
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	mount_small "$TMP/image"
	manifest "$MNT" | diff "$TMP/remembered" - >&2 || fail "$features: the tree is another one"
	unmount_image "$TMP/image"
	check_reports "$features"
done <<-END
	-t ext4 -N 32768
	-t ext4 -b 1024 -I 512 -N 32768 -O inline_data,quota
	-t ext2 -N 32768
END

# Different names of the same files, of which the server knows nothing yet
make_image "$TMP/image" 128M -t ext4 -N 32768
mount_small "$TMP/image"
python3 "$LOAD" --links "$MNT"
unmount_image "$TMP/image"
mount_small "$TMP/image"
python3 "$LOAD" --look "$MNT" || fail "links"
unmount_image "$TMP/image"
check_image "$TMP/image"
check_reports "links"
