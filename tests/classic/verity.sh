#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Files with verity: everything but their bytes.  That is also what a kernel ext4
# without verity does, where there is one to compare with.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
IMG=$TMP/image

mkdir "$TMP/tree"
echo sealed >"$TMP/tree/file"
echo sealed too >"$TMP/tree/file2"
echo plain >"$TMP/tree/plain"

# look DIR: what can't be done
look() {
	python3 - "$1" <<-'PY'
		import errno, os, sys
		os.chdir(sys.argv[1])

		def attempt(what, call, *args):
		    try:
		        call(*args)
		        print(what, 'works')
		    except OSError as e:
		        print(what, errno.errorcode[e.errno])

		print(os.stat('file').st_size, oct(os.stat('file').st_mode))
		attempt('open', os.open, 'file', os.O_RDONLY)
		attempt('plain', os.open, 'plain', os.O_RDONLY)
	PY
}

make_image "$IMG" 32M -t ext4 -O verity -d "$TMP/tree"
for file in file file2; do
	debugfs -w -R "sif /$file flags 0x180000" "$IMG" >/dev/null 2>&1
done
mount_image "$IMG"
look "$MNT" >"$TMP/ours"
for mode in 'r+' 'w' 'a'; do
	python3 -c "open('$MNT/file', '$mode')" 2>"$TMP/err" && fail "opened with $mode"
	grep -i "not supported" "$TMP/err" >/dev/null || fail "$mode: $(cat "$TMP/err")"
done
truncate -s 0 "$MNT/file" 2>/dev/null && fail "truncated"
python3 -c "import os; os.truncate('$MNT/file', 3)" 2>/dev/null && fail "truncated by name"
[ "$(stat -c %s "$MNT/file")" = 7 ] || fail "the size changed"
chmod 600 "$MNT/file"
ln "$MNT/file" "$MNT/link"
mv "$MNT/file" "$MNT/moved"
setfattr -n user.a -v a "$MNT/moved"
rm "$MNT/file2"
cp "$MNT/plain" "$MNT/plain2"
unmount_image "$IMG"
check_image "$IMG"
[ "$(debugfs -R 'cat /moved' "$IMG" 2>/dev/null)" = sealed ] || fail "the contents changed"
debugfs -R 'stat /moved' "$IMG" 2>/dev/null | grep 'Flags: 0x180000' >/dev/null ||
	fail "the flag is gone"

printf '7 0o100644\nopen ENOTSUP\nplain works\n' >"$TMP/want"
diff "$TMP/want" "$TMP/ours" || fail "not as it should be"
if have_kernel_ext4 && [ ! -e /sys/fs/ext4/features/verity ]; then
	make_image "$IMG" 32M -t ext4 -O verity -d "$TMP/tree"
	debugfs -w -R "sif /file flags 0x180000" "$IMG" >/dev/null 2>&1
	mount_kernel "$IMG"
	look "$KMNT" >"$TMP/theirs"
	unmount_kernel
	diff "$TMP/theirs" "$TMP/ours" || fail "not as on kernel ext4"
fi
