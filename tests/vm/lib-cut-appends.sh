# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of files share that are cut while they are written.

need_iomap4fs
[ -x bin/cut_appends ] || skip "cut_appends is not built"
m=$TEST_TMP/m

# end_process PID
end_process()
{
	kill "$1" 2>/dev/null || :
	wait "$1" 2>/dev/null || :
}

# as many as leave room on the disk, 64 KiB each, whatever the machine's speed
max_files=2000

# cut_and_look SECONDS BUSY: one file system. Adds to $made, takes the seconds that it wrote from
# $left.
cut_and_look()
{
	local nr wrong start i busy=()

	make_ext4 "$JOB_DISK1"
	mount_iomap4fs "$JOB_DISK1" "$m"
	mkdir "$m/d"
	for ((i = 0; i < $2; i++)); do
		(while :; do :; done) &
		busy+=($!)
		at_exit end_process $!
	done
	start=$EPOCHSECONDS
	nr=$(cut_appends "$m/d" "$1" $max_files) || fail "cut_appends: status $?"
	left=$((left - (EPOCHSECONDS - start)))
	for i in "${busy[@]}"; do
		end_process "$i"
	done
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
	mount_ext4 "$JOB_DISK1" "$m" ro
	expect_equal "$nr" "$(find "$m/d" -type f | wc -l)" "number of files"
	wrong=$(find "$m/d" -type f ! -size 64096c | wc -l)
	[ "$wrong" = 0 ] || fail "$wrong of $nr files are not 64096 bytes long, but fsync said so"
	# the same bytes in all of them
	head -c 4096 /dev/zero | tr '\0' a >"$TEST_TMP/want"
	head -c 60000 /dev/zero | tr '\0' b >>"$TEST_TMP/want"
	find "$m/d" -type f -exec sha256sum {} + | cut -d ' ' -f 1 | sort -u >"$TEST_TMP/sums"
	expect_equal "$(sha256sum <"$TEST_TMP/want" | cut -d ' ' -f 1)" "$(<"$TEST_TMP/sums")" \
		"what is in the files"
	umount "$m"
	made=$((made + nr))
}

# cut_appends_for SECONDS [BUSY]: make files for that long, beside so many busy processes, and
# look at them after each unmounting.
cut_appends_for()
{
	local left=$1 made=0

	while [ "$left" -gt 0 ]; do
		cut_and_look "$left" "${2:-3}"
	done
	figure "files cut, made longer and synced" "$made"
}
