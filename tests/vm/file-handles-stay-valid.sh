# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A file handle opens its file as long as that is there: when the kernel has forgotten it, after
# a remount, in both modes. Handles of what has been deleted, of another generation, and forged
# ones are stale, and do no harm.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
h=$TEST_TMP/h
mkdir "$m"
at_exit umount_all "$m"
stale=116
expect_status()
{
	local want=$1 status=0

	shift
	"$@" >/dev/null 2>&1 || status=$?
	expect_equal "$want" "$status" "exit status of $*"
}
start()
{
	mount -t iomap4fs -o "iomap=$1" "$JOB_DISK1" "$m"
}

for mode in require off; do
	make_ext4 "$JOB_DISK1" -O orphan_file
	start $mode
	mkdir -p "$m/a/b/c"
	echo contents >"$m/a/b/f"
	echo gone >"$m/a/gone"
	by_handle get "$m/a/b/f" "$h.file"
	by_handle get "$m/a/b/c" "$h.dir"
	by_handle get "$m/a/gone" "$h.gone"
	by_handle get "$m" "$h.root"
	rm "$m/a/gone"
	sync
	echo 2 >/proc/sys/vm/drop_caches
	for when in "after eviction" "after a remount"; do
		expect_equal contents "$(by_handle cat "$m" "$h.file")" "$mode: the file $when"
		expect_equal "$m/a/b/c" "$(by_handle path "$m" "$h.dir")" "$mode: the directory $when"
		expect_equal "$m" "$(by_handle path "$m" "$h.root")" "$mode: the root $when"
		expect_status $stale by_handle cat "$m" "$h.gone"
		umount_iomap4fs "$m"
		start $mode
	done

	# the file by a wrong generation; inodes that are none, reserved, the orphan file, beyond the
	# end; all that is no damage, which check_clean would see
	for forged in "$(stat -c %i "$m/a/b/f") 1" "7 0" "8 0" "3 0" "12 0" "60000 0" \
		"4294967295 0"; do
		cp "$h.file" "$h.forged"
		# shellcheck disable=SC2086 # two arguments
		by_handle forge "$h.forged" $forged
		expect_status $stale by_handle cat "$m" "$h.forged"
	done
	expect_equal contents "$(<"$m/a/b/f")" "$mode: the file after forged handles"
	touch "$m/still-writable"
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
done
