# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Images with fast commits that no kernel has written, on top of lib.sh.
command -v python3 >/dev/null || skip "no python3"

TAGS=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/fast_commit.py
GOOD=$TMP/good IMG=$TMP/image SIZE=9216

# inode NAME: its number in $GOOD
inode() {
	debugfs -R "stat $1" "$GOOD" 2>/dev/null | sed -n 's/^Inode: \([0-9]*\).*/\1/p'
}

# One transaction, which is complete, and nothing behind it
make_good() {
	make_image "$GOOD" ${SIZE}K -t ext4 -b 1024 -O fast_commit,^metadata_csum,^64bit -J size=2 -N 256
	head -c 10240 /dev/urandom >"$TMP/data"
	debugfs -w "$GOOD" >/dev/null 2>&1 <<-END
		mkdir dir
		write $TMP/data dir/file
		write $TMP/data other
		journal_open
		journal_write -b 6501,6502 $TMP/data
		journal_close
	END
	JOURNAL=$(debugfs -R 'bmap <8> 0' "$GOOD" 2>/dev/null)
	LENGTH=$(dumpe2fs -h "$GOOD" 2>/dev/null | sed -n 's/^Total journal blocks: *//p')
	[ "$(debugfs -R "bmap <8> $((LENGTH - 1))" "$GOOD" 2>/dev/null)" = $((JOURNAL + LENGTH - 1)) ] ||
		fail "the journal is in pieces"
	# shellcheck disable=SC2034 # for the tests
	DIR=$(inode dir) FILE=$(inode dir/file) OTHER=$(inode other)
	# shellcheck disable=SC2034
	NEW=$((OTHER + 1)) FREE=7000
	# shellcheck disable=SC2034
	TID=$(python3 - "$GOOD" "$JOURNAL" <<-'PY'
		import struct, sys
		with open(sys.argv[1], 'rb') as f:
		    f.seek(int(sys.argv[2]) * 1024)
		    print(struct.unpack_from('>I', f.read(64), 24)[0] + 1)
		PY
	)
	# shellcheck disable=SC2034
	OTHER_BLOCK=$(debugfs -R 'bmap other 0' "$GOOD" 2>/dev/null)
	debugfs -R "testb $FREE 100" "$GOOD" 2>/dev/null | grep -v "not in use" >/dev/null &&
		fail "block $FREE is in use"
	# what a new file at $FREE will have
	dd if="$TMP/data" of="$GOOD" bs=1024 seek=$FREE conv=notrunc status=none
}

# tags TAG...: in $IMG
tags() {
	cp "$GOOD" "$IMG"
	python3 "$TAGS" "$IMG" "$JOURNAL" 1 "$@"
}
