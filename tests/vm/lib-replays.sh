# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Journals that kernel ext4 writes, cut by a crash at many moments: the server, kernel ext4 and
# debugfs make the same of each (replay-alike.pl says what may differ).

# Kinds of journals: bytes of a block, mount options of kernel ext4, arguments of mke2fs
# shellcheck disable=SC2034 # for the tests
kinds_of_journals=(
	# checksums v3, tags of 64 bits
	"1024 rw -t ext4 -O metadata_csum,64bit -J size=1"
	# none, and tags of 32 bits; the data in the journal, too
	"1024 data=journal -t ext3 -J size=1"
	# v1
	"1024 journal_checksum -t ext4 -O ^metadata_csum,64bit -J size=1"
	"4096 data=journal,journal_async_commit -t ext4 -O ^metadata_csum,^64bit -J size=4"
)

# Blocks that begin with the journal's magic number, with and without other names for the blocks
# that they are in: copies are escaped, and revoked when they go.
write_magic()
{
	local n

	for n in 1 2 3 4; do
		perl -e 'print pack("N", 0xc03b3998), "x" x 1020 for 1 .. 24' >"$1/magic.$n"
		sync "$1/magic.$n"
		[ "$n" -lt 3 ] || rm "$1/magic.$((n - 2))"
		mkdir -p "$1/d$n/e/f"
		sync -f "$1"
		rm -rf "$1/d$n"
	done
	rm -f "$1"/magic.*
}

# replay_often EVERY OPERATIONS KIND: look at one of EVERY writes and flushes of a run; adds to
# points
replay_often()
{
	local every=$1 operations=$2 m=$TEST_TMP/m size=8 bs opts args worker

	read -r bs opts args <<<"$3"
	read -ra args <<<"$args"
	[ "$bs" = 1024 ] || size=16
	modprobe -q dm-log-writes || :
	head -c ${size}M /dev/zero | tr '\0' '\356' >"$TEST_TMP/base"
	mke2fs -q -F -b "$bs" "${args[@]}" "$TEST_TMP/base"
	dd if="$TEST_TMP/base" of="$JOB_DISK1" bs=1M conv=fsync status=none
	dd if=/dev/zero of="$JOB_DISK3" bs=1M count=1 conv=fsync status=none
	dmsetup create --noudevsync logged --table \
		"0 $((size * 2048)) log-writes $JOB_DISK1 $JOB_DISK3" ||
		skip "no dm-log-writes in this kernel"
	exit_commands=("${own_commands[@]}" "dmsetup remove --retry logged")
	mount_ext4 "/dev/$(dmsetup info -c --noheadings -o blkdevname logged)" "$m" "$opts"
	mkdir "$m/w"
	workload "$m/w" w "$TEST_TMP/ignored" $((seed * 10)) "$operations" &
	worker=$!
	write_magic "$m"
	wait $worker || fail "the workload failed"
	umount "$m"
	dmsetup remove --retry logged
	exit_commands=("${own_commands[@]}")

	crash_points "$TEST_TMP/base" "$JOB_DISK3" "$TEST_TMP/work" "$TEST_TMP/messages" $((seed++)) \
		"$every" "$bs" "$TEST_TMP/ledger" >"$TEST_TMP/cuts" ||
		fail "$3: $(cat "$TEST_TMP/cuts")"
	points=$((points + $(sed -n 's/^crash points: //p' "$TEST_TMP/cuts")))
	echo "$3: $points crash points so far, after $SECONDS s"
}

# make_logs CHECKSUMS MKE2FS-ARGUMENT...: a log that is nearly full, which debugfs can make with
# checksums v2, too ("-c -v 2"), in $TEST_TMP/log.0; the same with the last commit block torn in
# log.1, and, in log.2, with a torn descriptor behind it, whose tags lead around the log
make_logs()
{
	local sums=$1 journal end n

	shift
	truncate -s 0 "$TEST_TMP/log.0"
	truncate -s 12M "$TEST_TMP/log.0"
	mke2fs -q -F -b 1024 -J size=1 "$@" "$TEST_TMP/log.0"
	perl -e 'print pack("N", $_ % 5 ? $_ : 0xc03b3998), chr(64 + $_ % 64) x 1020 for 1 .. 931' \
		>"$TEST_TMP/data"
	# as many as the blocks in the lists; debugfs 1.47 spoils a transaction of several descriptors
	# if another one follows
	head -c 40K "$TEST_TMP/data" >"$TEST_TMP/data.1"
	tail -c 891K "$TEST_TMP/data" >"$TEST_TMP/data.3"
	debugfs -w "$TEST_TMP/log.0" >/dev/null 2>&1 <<-END
		journal_open $sums
		journal_write -b $(seq -s, 9001 9040) $TEST_TMP/data.1
		journal_write -r $(seq -s, 9001 3 9040)
		journal_write -b $(seq -s, 9030 9920) $TEST_TMP/data.3
		journal_close
	END
	cp "$TEST_TMP/log.0" "$TEST_TMP/log.1"
	cp "$TEST_TMP/log.0" "$TEST_TMP/log.2"
	journal=$(debugfs -R 'bmap <8> 0' "$TEST_TMP/log.0" 2>/dev/null)
	# the last commit block
	end=$(debugfs -R 'logdump -a' "$TEST_TMP/log.0" 2>/dev/null |
		sed -n 's/.*type 2 (commit block) at block \([0-9]*\).*/\1/p' | tail -n 1)
	[ "${end:-0}" -gt 940 ] || fail "$*: the log ends at block $end"
	printf '\0' | dd of="$TEST_TMP/log.1" bs=1 seek=$(((journal + end) * 1024)) conv=notrunc \
		status=none
	perl -e 'print pack("NNN", 0xc03b3998, 1, $ARGV[0]), "\2" x 1012' 4 |
		dd of="$TEST_TMP/log.2" bs=1024 seek=$((journal + end + 1)) conv=notrunc status=none
}

# replay_logs CHECKSUMS MKE2FS-ARGUMENT...
replay_logs()
{
	local n

	make_logs "$@"
	for n in 1 2; do
		replay-alike.pl "$TEST_TMP/log.$n" >"$TEST_TMP/messages" 2>&1 ||
			fail "debugfs's log $n, $*: $(cat "$TEST_TMP/messages")"
		points=$((points + 1))
	done
}

# begin_replays: sets up what replay-alike.pl needs; points and found() count
begin_replays()
{
	[ -x bin/iomap4fs ] || skip "iomap4fs is not built"
	seed=1 points=0
	export CRASH_JUDGED=yes CRASH_RECOVER=replay-alike.pl IOMAP4FS=$PWD/bin/iomap4fs
	export ALIKE_DIR=$TEST_TMP/alike ALIKE_DEVICE=$JOB_DISK2 ALIKE_FOUND=$TEST_TMP/found
	mkdir -p "$ALIKE_DIR/m"
	: >"$ALIKE_FOUND"
	: >"$TEST_TMP/ledger"
	at_exit umount_all "$ALIKE_DIR/m"
	own_commands=("${exit_commands[@]}")
}

# found WHAT: how many of these were in the logs (copies, escaped, revokes, turns)
found()
{
	awk -v what="$1" '{ for (i = 1; i < NF; i++) if ($i == what) n += $(i + 1) } END { print n + 0 }' \
		"$ALIKE_FOUND"
}
