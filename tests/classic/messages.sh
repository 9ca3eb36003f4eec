#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is logged has level, image and inode as fields when it goes to the journal, and
# is a sentence on a terminal.  A corrupt file makes the mount read-only, as errors= says.
. "$(dirname "$0")/lib.sh"

# an image with a name that needs quotes, and a file whose extent header is wrong
IMG="$TMP/an image"
make_image "$IMG" 32M -t ext4 -O ^metadata_csum -e remount-ro
mount_image "$IMG"
cp /etc/passwd "$MNT/good"
cp /etc/passwd "$MNT/bad"
ino=$(stat -c %i "$MNT/bad")
unmount_image "$IMG"
debugfs -w -R "sif <$ino> block[0] 0x1234" "$IMG" 2>/dev/null
cp "$IMG" "$TMP/pristine"

# provoke OPTIONS: mount it, with stderr going to $TMP/err, and read the file
provoke() {
	cp "$TMP/pristine" "$IMG"
	: >"$TMP/err"
	"$IOMAP4FS" "$IMG" "$MNT" -f -o "iomap=off$1" 2>>"$TMP/err" &
	server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	cat "$MNT/bad" >/dev/null 2>&1 && fail "the corrupt file can be read"
	cmp /etc/passwd "$MNT/good" || fail "another file can't be read any more"
}

end() {
	umount "$MNT"
	wait $server || fail "status $?"
}

# expect PATTERN
expect() {
	grep -E "$1" "$TMP/err" >/dev/null || {
		cat "$TMP/err" >&2
		fail "no message like $1"
	}
}

provoke ""
expect "^iomap4fs: $IMG: inode $ino: corrupt: "
expect "^iomap4fs: $IMG: going read-only"
status=0
touch "$MNT/new" 2>"$TMP/touch" || status=$?
[ $status != 0 ] || fail "writable after an error"
grep 'Read-only' "$TMP/touch" >/dev/null || fail "$(cat "$TMP/touch")"
end
dumpe2fs -h "$IMG" 2>/dev/null | grep '^FS Error count: *1' >/dev/null || fail "no error count"
dumpe2fs -h "$IMG" 2>/dev/null | grep "^First error inode #: *$ino" >/dev/null ||
	fail "the superblock doesn't name the inode"

provoke ,errors=continue,log=fields
expect "^level=err image=\"$IMG\" inode=$ino msg=\"corrupt: .*\"\$"
touch "$MNT/new" || fail "errors=continue, but it's read-only"
end

# stderr is the journal if $JOURNAL_STREAM names it: then the level is for sd-daemon(3)
: >"$TMP/err"
JOURNAL_STREAM=$(stat -c %d:%i "$TMP/err")
export JOURNAL_STREAM
provoke ""
expect "^<3>level=err image=\"$IMG\" inode=$ino msg="
end
provoke ,log=plain
expect "^<3>iomap4fs: $IMG: inode $ino: corrupt: "
end
JOURNAL_STREAM=1:1
provoke ""
expect "^iomap4fs: $IMG: inode $ino: corrupt: "
end

# what can't be mounted is said once, and with the name of the image once
"$IOMAP4FS" "$TMP/touch" "$MNT" -o iomap=off 2>"$TMP/err" && fail "mounted a text"
[ "$(grep -o "$TMP/touch" "$TMP/err" | wc -l)" = 1 ] || fail "$(cat "$TMP/err")"
# a name can't forge a line
printf 'x' >"$TMP/"$'a\nlevel=err b'
"$IOMAP4FS" "$TMP/"$'a\nlevel=err b' "$MNT" -o iomap=off 2>"$TMP/err" && fail "mounted"
[ "$(wc -l <"$TMP/err")" = 1 ] || fail "two lines: $(cat "$TMP/err")"
