# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the crash tests share, on top of the classic ones' lib.sh.
#
#	IOMAP4FS WORKLOAD RECORD_IO CRASH_POINTS	the programs
. "$(dirname "${BASH_SOURCE[0]}")/../classic/lib.sh"

for program in WORKLOAD RECORD_IO CRASH_POINTS; do
	[ -e "${!program:-}" ] || fail "$program does not name the program"
done

# Old bytes everywhere: blocks that are shown before they are written don't pass for zeroes.
make_old_image() {
	local image=$1 size=$2

	shift 2
	rm -f "$image"
	head -c "$size" /dev/zero | tr '\0' '\356' >"$image"
	mke2fs -q -F "$@" "$image" || fail "mke2fs $*"
}

# start_server IMAGE OPTIONS [VARIABLE=VALUE...]: in the foreground of its own process, $SERVER
start_server() {
	local image=$1 opts=$2

	shift 2
	env "$@" "$IOMAP4FS" "$image" "$MNT" -f -o "iomap=off,$opts" 2>"$TMP/server.err" &
	SERVER=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && return
		kill -0 "$SERVER" 2>/dev/null || break
		sleep 0.1
	done
	cat "$TMP/server.err" >&2
	fail "no mount of $image"
}

# start_workloads NUMBER SEED OPERATIONS [NAMES]: side by side, ledgers $TMP/ledger.N, $WORKERS;
# the first one begins with NAMES names in one directory
start_workloads() {
	local n

	WORKERS=()
	rm -f "$TMP"/ledger.*
	for n in $(seq "$1"); do
		mkdir "$MNT/w$n"
		"$WORKLOAD" "$MNT/w$n" "w$n" "$TMP/ledger.$n" $(($2 * 10 + n)) "$3" ${4:+"$4"} &
		set -- "$1" "$2" "$3"
		WORKERS+=($!)
	done
}
