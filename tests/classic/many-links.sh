#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# More than 65,000 links: a file can't have them; a directory with an index and
# dir_nlink stops counting, any other can't either.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
have_kernel_ext4 || skip "no kernel ext4"
IMG=$TMP/image

# subdirectories DIR: as many as there can be before counting ends
make_subdirectories() {
	python3 - "$1" <<-'PY'
		import os, sys
		os.chdir(sys.argv[1])
		os.mkdir('d')
		os.chdir('d')
		for i in range(64998):
		    os.mkdir('%d' % i)
	PY
	[ "$(stat -c %h "$1/d")" = 65000 ] || fail "kernel ext4 counts $(stat -c %h "$1/d")"
}

make_image "$IMG" 200M -t ext4 -b 1024 -N 70000 -O ^has_journal,dir_nlink
mount_kernel "$IMG" rw
make_subdirectories "$KMNT"
unmount_kernel
cp --sparse=always "$IMG" "$TMP/copy"

mount_image "$IMG"
[ "$(stat -c %h "$MNT/d")" = 65000 ] || fail "counts $(stat -c %h "$MNT/d")"
mkdir "$MNT/d/one-more" "$MNT/d/two-more"
[ "$(stat -c %h "$MNT/d")" = 1 ] || fail "it still counts: $(stat -c %h "$MNT/d")"
rmdir "$MNT/d/one-more" "$MNT/d/17"
[ "$(stat -c %h "$MNT/d")" = 1 ] || fail "it counts again: $(stat -c %h "$MNT/d")"
mv "$MNT/d/18" "$MNT/moved"
mv "$MNT/moved" "$MNT/d/18-again"
unmount_image "$IMG"
check_image "$IMG"
mount_kernel "$IMG"
{ [ -d "$KMNT/d/two-more" ] && [ -d "$KMNT/d/18-again" ]; } || fail "kernel ext4 doesn't find it"
unmount_kernel

# the same without the feature
tune2fs -O ^dir_nlink "$TMP/copy" >/dev/null
mount_image "$TMP/copy"
mkdir "$MNT/d/one-more" 2>"$TMP/err" && fail "65001 links"
grep -i 'too many links' "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
mkdir "$MNT/other"
mv "$MNT/other" "$MNT/d" 2>"$TMP/err" && fail "65001 links by rename"
grep -i 'too many links' "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
rmdir "$MNT/d/17"
mv "$MNT/other" "$MNT/d"
[ "$(stat -c %h "$MNT/d")" = 65000 ] || fail "counts $(stat -c %h "$MNT/d")"
unmount_image "$TMP/copy"
check_image "$TMP/copy"

# names of one file
make_image "$IMG" 64M -t ext4 -b 1024
mount_image "$IMG"
python3 - "$MNT" <<'PY' || fail "links of a file"
import errno, os, sys
os.chdir(sys.argv[1])
open('f', 'w').close()
n = 1
for d in range(131):
    os.mkdir('d%d' % d)
    for i in range(500):
        try:
            os.link('f', 'd%d/%d' % (d, i))
        except OSError as e:
            assert e.errno == errno.EMLINK, e
            assert n == 65000, n
            assert os.stat('f').st_nlink == 65000
            os.unlink('d0/0')
            os.link('f', 'again')
            sys.exit(0)
        n += 1
sys.exit('%d links' % n)
PY
unmount_image "$IMG"
check_image "$IMG"
