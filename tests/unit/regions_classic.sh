#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# regions_classic.sh PROGRAM: iomap_regions on a regular file, so without the kernel module:
# read() and write() of the path-based server find their bytes, files keep working when they
# are renamed or removed while they are open, what is wrong on the command line is refused,
# and a signal unmounts.

set -eu -o pipefail

fail()
{
	echo "FAIL: $*" >&2
	exit 1
}

skip()
{
	echo "skipped: $*" >&2
	exit 77
}

program=$1
[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/fuse ] || skip "no /dev/fuse"

tmp=$(mktemp -d)
m=$tmp/m
image=$tmp/image
server=
mkdir "$m"

cleanup()
{
	local status=$?

	set +e
	exec 5>&-
	mountpoint -q "$m" && umount -l "$m"
	[ -n "$server" ] && wait "$server"
	rm -rf --one-file-system "$tmp"
	exit $status
}
trap cleanup EXIT

head -c 8M /dev/urandom >"$image"

for wrong in a a=1 a=1+512 a=0+513 a=0+0 a=8M+512 a=0x+512 =0+512 a/=0+512 a/../b=0+512 \
	"a=0+1K b=512+512" "a=0+512 a=1K+512" "a=0+512 a/b=1K+512"; do
	status=0
	# shellcheck disable=SC2086 # several arguments
	"$program" "$image" "$m" $wrong 2>/dev/null || status=$?
	[ $status = 2 ] || fail "\"$wrong\" on the command line: status $status"
done

"$program" "$image" "$m" d/e/f=1M+1M g=3M+1536 >"$tmp/log" 2>&1 &
server=$!
for ((i = 0; i < 100; i++)); do
	mountpoint -q "$m" && break
	kill -0 $server 2>/dev/null || break
	sleep 0.1
done
if ! mountpoint -q "$m"; then
	grep "not permitted" "$tmp/log" >/dev/null && skip "may not mount"
	fail "does not mount: $(cat "$tmp/log")"
fi
ls "$m" >/dev/null
grep 'this server moves the data' "$tmp/log" >/dev/null || fail "$(cat "$tmp/log")"

same()
{
	cmp -n "$3" -i 0:"$2" "$1" "$image" || fail "$1 is not what is at $2"
}

[ "$(cd "$m" && find . | sort | tr '\n' ' ')" = ". ./d ./d/e ./d/e/f ./g " ] || fail "names"
[ "$(stat -c %s "$m/g")" = 1536 ] || fail "size"
same "$m/d/e/f" 1048576 1048576
same "$m/g" 3145728 1536

exec 5<>"$m/d/e/f"
mv "$m/d/e/f" "$m/d/h"
mv "$m/d" "$m/k"
printf abcdef >&5
same "$m/k/h" 1048576 1048576
[ "$(head -c 6 "$m/k/h")" = abcdef ] || fail "what was written before a rename is not there"
before=$(stat -f -c %c "$m")
mv -f "$m/g" "$m/k/h"
printf ghijkl >&5
[ "$(dd if=/proc/self/fd/5 bs=12 count=1 status=none)" = abcdefghijkl ] || fail "a removed file"
[ "$(stat -f -c %c "$m")" = "$before" ] || fail "the removed file has gone while it is open"
same "$m/k/h" 3145728 1536
exec 5>&-
for ((i = 0; i < 100; i++)); do
	[ "$(stat -f -c %c "$m")" = $((before - 1)) ] && break
	sleep 0.1
done
[ "$(stat -f -c %c "$m")" = $((before - 1)) ] || fail "the removed file has never been forgotten"
[ "$(dd if="$image" bs=1 skip=1M count=12 status=none)" = abcdefghijkl ] || fail "the image"
! truncate -s 1 "$m/k/h" 2>/dev/null || fail "truncated"
! rmdir "$m/k" 2>/dev/null || fail "removed a directory that is not empty"
rmdir "$m/k/e"

kill -TERM $server
status=0
wait $server || status=$?
server=
[ $status = 0 ] || fail "ends with status $status: $(cat "$tmp/log")"
! mountpoint -q "$m" || fail "still mounted"
