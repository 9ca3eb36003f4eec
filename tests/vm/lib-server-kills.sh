# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Kills of iomap4fs with the module, for two tests: a few, and many.
#
# kill -9 of the server at a random moment while the kernel writes data that has not been
# given a place yet, and the server metadata: the kernel lets the mount go, the journal is
# replayed, by kernel ext4, e2fsck and iomap4fs in turn, e2fsck finds nothing, what fsync
# promised is there, and no file has foreign bytes. Then the next kill, with the same image.

# A program for crash_points, called with what the kill has left
write_replayer()
{
	cat >"$TEST_TMP/replay-by-iomap4fs" <<-END
		#!/bin/bash
		set -e
		. tests/lib.sh
		mount_iomap4fs "\$1" "$TEST_TMP/replay"
		umount_iomap4fs "$TEST_TMP/replay"
	END
	chmod +x "$TEST_TMP/replay-by-iomap4fs"
}

# new_image BLOCKSIZE MKE2FS-ARGUMENT...: on JOB_DISK1, $size MiB
new_image()
{
	# old bytes: what is shown before it is written doesn't pass for zeroes
	head -c "${size}M" /dev/zero | tr '\0' '\356' >"$TEST_TMP/image"
	mke2fs -q -F -b "$@" "$TEST_TMP/image"
	dd if="$TEST_TMP/image" of="$JOB_DISK1" bs=1M conv=fsync status=none
}

# run_and_kill N: mount, work, and the end of the server. Sets ioends.
run_and_kill()
{
	local n worker workers=() server alive=1

	mount_iomap4fs "$JOB_DISK1" "$m" commit=$((1 + RANDOM % 3))
	rm -rf "$m"/w*
	for n in 1 2 3; do
		mkdir "$m/w$n"
		# they end when the server does
		workload "$m/w$n" "w$n" "$TEST_TMP/ledger.$n" $(((seed + $1) * 10 + n)) 100000000 \
			2>"$TEST_TMP/workload.$n" &
		workers+=($!)
	done
	sleep "$((RANDOM % 3)).$((RANDOM % 10))$((RANDOM % 10))"
	expect_equal 0 "$(request_count "$m" "$FUSE_WRITE")" "writes of data that the server was asked for"
	ioends=$((ioends + $(request_count "$m" "$IOMAP_IOEND")))
	server=$(server_pids)
	for worker in "${workers[@]}"; do
		kill -0 "$worker" 2>/dev/null || alive=
	done
	kill -KILL "$server"
	for worker in "${workers[@]}"; do
		! wait "$worker" || alive=
	done
	[ "$alive" ] || fail "the workload ended before: $(cat "$TEST_TMP"/workload.?)"
	wait_until 60 no_server || fail "the server doesn't die"
	umount "$m"
}

# look_at N REPLAYER BLOCKSIZE: is what the kill has left good? It stays as it is.
look_at()
{
	local replay='' recover=''

	case $2 in
	ext4) replay=$TEST_TMP/replay ;;
	iomap4fs) recover=$TEST_TMP/replay-by-iomap4fs ;;
	esac
	# not by the block device's page cache, which may have what was there before
	dd if="$JOB_DISK1" of="$TEST_TMP/image" bs=1M count="$size" iflag=direct status=none ||
		fail "can't read the image"
	CRASH_MOUNT=$replay CRASH_RECOVER=$recover crash_points "$TEST_TMP/image" - "$JOB_DISK2" \
		"$TEST_TMP/messages" "$1" 0 "$3" "$TEST_TMP"/ledger.? >"$TEST_TMP/result" || {
		cat "$TEST_TMP/result"
		echo "kill $1, replayed by $2: something is wrong"
		return 1
	}
	kept=$((kept + $(sed -n 's/^files compared: //p' "$TEST_TMP/result")))
}

# replay_journal REPLAYER: on the image itself; iomap4fs does it when it mounts.
replay_journal()
{
	local status=0

	case $1 in
	ext4)
		mount_ext4 "$JOB_DISK1" "$m"
		umount "$m"
		;;
	e2fsck)
		e2fsck -p "$JOB_DISK1" >/dev/null || status=$?
		[ $status -le 1 ] || fail "e2fsck -p: status $status"
		;;
	esac
}

# kill_often KILLS SEED "REPLAYER[,REPLAYER]... BLOCKSIZE MKE2FS-ARGUMENT..."...: so many kills,
# divided among images of these kinds, whose journals these replay in turn. Sets looked, bad and kept: kills, those that left something wrong, and files
# that were there as promised.
kill_often()
{
	local kills=$1 seed=$2 size=24 m=$TEST_TMP/m n kind=-1 kinds own_commands ioends=0 # MiB
	local replayers replayer block args

	shift 2
	kinds=("$@")
	mkdir "$TEST_TMP/replay"
	at_exit umount_all "$TEST_TMP/replay"
	at_exit umount_all "$m"
	own_commands=("${exit_commands[@]}")
	looked=0 bad=0 kept=0
	write_replayer
	echo "CRASH_SEED=$seed"
	RANDOM=$seed
	for ((n = 1; n <= kills; n++)); do
		# also after a failure
		if [ $(((n - 1) * ${#kinds[@]} / kills)) -ne $kind ]; then
			kind=$(((n - 1) * ${#kinds[@]} / kills))
			read -r replayers block args <<<"${kinds[kind]}"
			IFS=, read -ra replayers <<<"$replayers"
			# shellcheck disable=SC2086 # several words
			new_image "$block" $args
		fi
		replayer=${replayers[n % ${#replayers[@]}]}
		run_and_kill $n
		exit_commands=("${own_commands[@]}")
		looked=$n
		if look_at $n "$replayer" "$block"; then
			replay_journal "$replayer"
		else
			bad=$((bad + 1)) kind=-1
		fi
	done
	[ "$ioends" -gt 0 ] || fail "the kernel has written nothing"
}
