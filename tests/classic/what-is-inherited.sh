#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever the server inherits, it mounts, serves, unmounts and leaves a clean image: closed
# standard descriptors, small limits, an empty environment, strange signal settings.
. "$(dirname "$0")/lib.sh"

IMG=$TMP/image
make_image "$IMG" 32M -t ext4
head -c 3000000 /dev/urandom >"$TMP/data"

# serves WHAT COMMAND...: start the server by way of COMMAND
serves() {
	local what=$1 status=0

	shift
	timeout 60 "$@" "$IOMAP4FS" "$IMG" "$MNT" -o iomap=off || status=$?
	[ $status = 0 ] || fail "$what: status $status"
	# 32 MiB is written up to its end
	cp "$TMP/data" "$MNT/data" || fail "$what: can't write"
	sync "$MNT/data" || fail "$what: can't sync"
	mkdir "$MNT/dir" "$MNT/dir/dir" || fail "$what: can't make directories"
	fallocate -l 20M "$MNT/dir/dir/large" || fail "$what: can't allocate"
	tail -c 100000 "$TMP/data" | dd of="$MNT/dir/dir/large" bs=1M seek=19 conv=notrunc,fsync \
		status=none || fail "$what: can't write behind 19 MiB"
	unmount_image "$IMG"
	check_image "$IMG"
	mount_image "$IMG" ro
	cmp "$TMP/data" "$MNT/data" || fail "$what: other data than was written"
	unmount_image "$IMG"
	mount_image "$IMG"
	rm -r "$MNT/data" "$MNT/dir"
	unmount_image "$IMG"
}

# by_shell COMMANDS: they are run, then the server
by_shell() {
	# shellcheck disable=SC2016 # the inner shell's
	printf '%s; exec "$@"' "$1"
}

serves "no stdin" bash -c "$(by_shell 'exec <&-')" -
serves "no stdout" bash -c "$(by_shell 'exec >&-')" -
serves "no stderr" bash -c "$(by_shell 'exec 2>&-')" -
serves "no standard descriptors" bash -c "$(by_shell 'exec <&- >&- 2>&-')" -
serves "a soft file size limit of 8 MiB" bash -c "$(by_shell 'ulimit -Sf 8192')" -
serves "a soft file size limit of 0" bash -c "$(by_shell 'ulimit -Sf 0')" -
serves "an empty environment" env -i PATH=
serves "umask 777" bash -c "$(by_shell 'umask 777')" -
serves "SIGCHLD ignored" env --ignore-signal=CHLD
serves "all signals blocked" env --block-signal
mkdir "$TMP/gone"
serves "no working directory" bash -c "$(by_shell "cd '$TMP/gone'; rmdir '$TMP/gone'")" -

# What ends a mount: SIGTERM, though it was blocked or ignored when the server began.
for how in --block-signal=TERM --ignore-signal=TERM; do
	env $how "$IOMAP4FS" "$IMG" "$MNT" -f -o iomap=off 2>"$TMP/err" &
	server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	kill -TERM $server
	flock -w 60 "$IMG" true || { kill -KILL $server; fail "$how: SIGTERM doesn't end it"; }
	wait $server || fail "$how: status $?"
	check_image "$IMG"
done

# A journal is replayed, too: see that the server is killed when it has one
for how in "env --ignore-signal=CHLD" "env -i PATH=" "bash -c $(printf %q "$(by_shell 'exec <&- >&- 2>&-')") -"; do
	"$IOMAP4FS" "$IMG" "$MNT" -f -o iomap=off 2>"$TMP/err" &
	server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	cp "$TMP/data" "$MNT/replayed"
	sync "$MNT/replayed"
	kill -KILL $server
	wait $server 2>/dev/null && fail "not killed"
	umount "$MNT"
	eval "timeout 60 $how \"\$IOMAP4FS\" \"\$IMG\" \"\$MNT\" -o iomap=off" ||
		fail "$how: the journal is not replayed"
	cmp "$TMP/data" "$MNT/replayed" || fail "$how: lost"
	rm "$MNT/replayed"
	unmount_image "$IMG"
	check_image "$IMG"
done

# Descriptors of the caller are not kept open: whoever reads from a pipe sees its end, and a lock
# is free again.
exec 7>"$TMP/lock"
flock -n 7 || fail "the lock is taken"
"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off
exec 7>&-
flock -n "$TMP/lock" true || fail "the server keeps its caller's lock"
unmount_image "$IMG"

# A hard limit is raised by those who may; others are told, and the image stays as it is.
if bash -c 'ulimit -f 8192; ulimit -f unlimited' 2>/dev/null; then
	serves "a file size limit of 8 MiB" bash -c "$(by_shell 'ulimit -f 8192')" -
fi
command -v runuser >/dev/null || skip "no runuser"
chmod 755 "$TMP"
chmod 666 "$IMG"
chown nobody "$MNT"
sha256sum "$IMG" >"$TMP/sum"
status=0
runuser -u nobody -- bash -c "$(by_shell 'ulimit -f 8192')" - \
	"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off 2>"$TMP/err" || status=$?
[ $status = 32 ] || fail "a file size limit that can't be raised: status $status"
grep 'ulimit -f' "$TMP/err" >/dev/null || fail "says nothing of the limit: $(cat "$TMP/err")"
sha256sum -c --quiet "$TMP/sum" || fail "the image has changed"
# fusermount3 mounts for users; it is found though nobody says where
status=0
runuser -u nobody -- env -i PATH= /bin/bash -c "$(by_shell 'ulimit -f 8192')" - \
	"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off,ro 2>"$TMP/err" || status=$?
if [ $status = 0 ]; then
	grep -F "$MNT" /proc/self/mounts >/dev/null || fail "not mounted for a user without PATH"
	unmount_image "$IMG"
else
	grep '^fusermount3: ' "$TMP/err" >/dev/null || fail "no fusermount3: $(cat "$TMP/err")"
fi
