# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# What is done with -o sync, -o dirsync, chattr +S or +D is durable when the call returns, also
# what the kernel otherwise tells the server later (permissions, times, sizes): the server is
# killed with -9, and after the replay kernel ext4 finds all of it.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
stop_flusher

# fresh OPTIONS ATTRIBUTE
fresh()
{
	make_small_ext4 "$JOB_DISK1"
	# nobody else makes anything durable
	mount_iomap4fs "$JOB_DISK1" "$m" "commit=900$1"
	mkdir "$m/dir"
	(umask 077 && seq 1000 >"$m/dir/file")
	[ -z "$2" ] || chattr "+$2" "$m/dir"
	[ "$2" != S ] || chattr +S "$m/dir/file"
	sync -f "$m"
}

crash()
{
	local status=0

	kill -KILL "$(server_pids)"
	wait_until 20 no_server
	umount "$m"
	e2fsck -fy "$JOB_DISK1" >"$TEST_TMP/e2fsck" 2>&1 || status=$?
	[ $status -le 1 ] || fail "e2fsck -fy: $(cat "$TEST_TMP/e2fsck")"
	mount_ext4 "$JOB_DISK1" "$m" ro
}

f=$m/dir/file

do_it()
{
	case $1 in
	# perl: one open(2) with O_EXCL, which asks no LOOKUP before
	create) perl -e 'use Fcntl; sysopen(F, $ARGV[0], O_CREAT | O_EXCL | O_WRONLY) or die' "$m/dir/new" ;;
	unlink) rm "$f" ;;
	rename) mv "$f" "$m/dir/new" ;;
	allow) chmod go+r "$f" ;;
	times) touch -d 2001-02-03T04:05:06 "$f" ;;
	cut) truncate -s 5 "$f" ;;
	append) printf appended >>"$f" ;;
	new) printf contents >"$m/dir/new" ;;
	attribute) chattr +d "$f" ;;
	esac
}

is_there()
{
	case $1 in
	create) [ -f "$m/dir/new" ] ;;
	unlink) [ ! -e "$f" ] ;;
	rename) [ -f "$m/dir/new" ] && [ ! -e "$f" ] ;;
	allow) [ "$(stat -c %a "$f")" = 644 ] ;;
	times) [ "$(date -r "$f" +%Y)" = 2001 ] ;;
	cut) [ "$(stat -c %s "$f")" = 5 ] ;;
	append) [ "$(tail -c 8 "$f")" = appended ] ;;
	new) [ "$(cat "$m/dir/new")" = contents ] ;;
	attribute) lsattr "$f" | grep '^[^ ]*d' >/dev/null ;;
	esac
}

# kept OPTIONS ATTRIBUTE OPERATION...: one crash for each, as a commit covers what was before
kept()
{
	local op

	for op in "${@:3}"; do
		fresh "$1" "$2"
		do_it "$op"
		crash
		is_there "$op" || fail "options '$1', attribute '$2': $op is lost"
		umount "$m"
	done
}

# without any of it a crash takes them: the rest of this test can fail
fresh "" ""
do_it create
do_it allow
crash
for op in create allow; do
	! is_there $op || fail "$op is durable without reason"
done
umount "$m"

# what other names need is the server's business: tests/classic/sync.sh
kept ,sync "" create unlink allow times cut append new attribute
kept ,dirsync "" create
kept "" S allow append
kept "" D rename
