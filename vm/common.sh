# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the scripts of this directory share: messages, the cache directory and
# the rule by which things get into it.
#
# Everything expensive (kernel packages, kernel builds, the guest root) lives
# outside the checkout, in $XDG_CACHE_HOME/fuse-iomap. An entry is built in a
# temporary directory beside its final name and renamed when it is complete, so
# an entry that exists is whole, and an interrupted run leaves only a "tmp.*"
# directory that the next run removes. A lock per entry keeps two runs from
# building the same thing.
#
# Scripts print their result, a path, on stdout; all talk goes to stderr.

set -euo pipefail

# shellcheck disable=SC2034 # for the scripts that source this file
kernel_series=6.12
cache_dir="${XDG_CACHE_HOME:-$HOME/.cache}/fuse-iomap"
work_dir=
# Scripts call scripts: the clock is the outermost one's.
export FUSEIOMAP_START=${FUSEIOMAP_START-$EPOCHSECONDS}

say()
{
	printf '[%4ds] %s: %s\n' $((EPOCHSECONDS - FUSEIOMAP_START)) "${0##*/}" "$*" >&2
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need COMMAND PACKAGE: stop with a sentence when COMMAND is missing.
need()
{
	command -v "$1" >/dev/null ||
		die "the command $1 is missing; install the package $2 (make check does that as root)"
}

# need_room MIB WHAT: stop when the cache's file system has less than MIB free.
need_room()
{
	local free

	mkdir -p "$cache_dir"
	free=$(df -Pm "$cache_dir" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "no room for $2: it takes $1 MiB in $cache_dir, and $free MiB are free"
}

# tick FILE: say every 30 s where the log FILE is, until killed.
tick()
{
	local never

	# A timeout on a pipe nobody writes to: no process is left behind.
	exec {never}<> <(:)
	while kill -0 $$ 2>/dev/null; do
		read -r -t 30 -u "$never" || :
		say "$(wc -l <"$1") lines of log; now: $(tail -n 1 "$1" | cut -c 1-60)"
	done
}

# run_logged FILE COMMAND...: run quietly; on failure show the end of the log.
run_logged()
{
	local log=$1 status=0 ticker

	shift
	: >>"$log"
	tick "$log" >&2 </dev/null &
	ticker=$!
	"$@" >>"$log" 2>&1 </dev/null || status=$?
	kill "$ticker"
	wait "$ticker" 2>/dev/null || :
	if [ $status -ne 0 ]; then
		printf '%s\n' "--- the end of $log:" >&2
		tail -n 25 "$log" >&2
		die "failed: $*"
	fi
}

drop_work_dir()
{
	[ -z "$work_dir" ] || rm -rf --one-file-system "$work_dir"
}

# begin_entry NAME: take the entry's lock. Returns 1 when the entry is already
# complete; else makes $work_dir, which end_entry renames to the final name.
begin_entry()
{
	mkdir -p "$cache_dir"
	exec 9>"$cache_dir/.lock-${1%%/*}"
	if ! flock -n 9; then
		say "waiting for another run that is making $1"
		flock 9
	fi
	if [ -e "$cache_dir/$1/complete" ]; then
		exec 9>&-
		return 1
	fi
	rm -rf --one-file-system "${cache_dir:?}/$1" "$cache_dir/tmp.$1"
	work_dir=$cache_dir/tmp.$1
	mkdir "$work_dir"
	trap drop_work_dir EXIT
	trap 'exit 130' INT TERM
}

end_entry()
{
	touch "$work_dir/complete"
	mv -T "$work_dir" "$cache_dir/$1"
	work_dir=
	exec 9>&-
}
