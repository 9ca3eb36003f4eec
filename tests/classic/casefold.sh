#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Casefolded directories: names are found whatever their case, by everything that
# takes a name; the kernel remembers nothing wrong about them; e2fsck agrees with the
# index, where there is one.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
IMG=$TMP/image

# many FIRST LAST: names in directory d, with letters that fold in all kinds of ways
many() {
	python3 - "$MNT/d" "$@" <<-'PY'
		import os, sys
		os.chdir(sys.argv[1])
		letters = 'aÄßſKéЖşİǅﬁΣ'
		for i in range(int(sys.argv[2]), int(sys.argv[3])):
		    name = 'Name-%05d-%s' % (i, (letters * 3)[i % 12:i % 12 + i % 20])
		    os.close(os.open(name, os.O_CREAT | os.O_EXCL))
		    if i % 4 == 0:
		        os.unlink(name.swapcase())
	PY
}

# find_many FIRST LAST: the others are all there, by another name
find_many() {
	python3 - "$MNT/d" "$@" <<-'PY'
		import os, sys, unicodedata
		os.chdir(sys.argv[1])
		letters = 'aÄßſKéЖşİǅﬁΣ'
		there = set(os.listdir('.'))
		for i in range(int(sys.argv[2]), int(sys.argv[3])):
		    name = 'Name-%05d-%s' % (i, (letters * 3)[i % 12:i % 12 + i % 20])
		    other = unicodedata.normalize('NFD', name.casefold())
		    for n in name, other, name.upper():
		        assert os.path.exists(n) == (i % 4 != 0), (i, n)
		    assert (name in there) == (i % 4 != 0), i
		    assert other not in there, i
	PY
}

features() {
	python3 - "$MNT" "$1" <<-'PY' || fail "$NAME"
		import errno, fcntl, os, struct, sys
		os.chdir(sys.argv[1])
		strict = sys.argv[2] == 'strict'

		def fails(want, call, *args):
		    try:
		        call(*args)
		    except OSError as e:
		        assert e.errno == want, (call.__name__, args, errno.errorcode[e.errno])
		        return
		    raise AssertionError((call.__name__, args, 'succeeded'))

		def flags(path):
		    fd = os.open(path, os.O_RDONLY)
		    value = struct.unpack('i', fcntl.ioctl(fd, 0x80086601, b'\0' * 4))[0]
		    os.close(fd)
		    return value

		def set_flags(path, value):
		    fd = os.open(path, os.O_RDONLY)
		    try:
		        fcntl.ioctl(fd, 0x40086602, struct.pack('i', value))
		    finally:
		        os.close(fd)

		F = 0x40000000

		def put(path, text):
		    with open(path, 'w') as f:
		        f.write(text)

		def get(path):
		    with open(path) as f:
		        return f.read()

		# other directories stay as they are
		put('Root', 'r')
		fails(errno.ENOENT, os.stat, 'root')
		put('root', 's')
		os.mkdir('full')
		put('full/x', '')
		fails(errno.ENOTEMPTY, set_flags, 'full', flags('full') | F)
		fails(errno.EOPNOTSUPP, set_flags, 'Root', flags('Root') | F)

		os.mkdir('c')
		# what there is not must not be remembered
		fails(errno.ENOENT, os.stat, 'c/file')
		set_flags('c', flags('c') | F)
		assert flags('c') & F
		put('c/File', 'one')
		assert get('c/file') == get('c/FILE') == 'one'
		fails(errno.ENOENT, os.stat, 'c/new')
		put('c/NEW', 'new')
		assert get('c/new') == 'new'
		assert sorted(os.listdir('c')) == ['File', 'NEW']
		put('c/fILE', 'two')
		assert get('c/File') == 'two'
		fails(errno.EEXIST, os.open, 'c/FILE', os.O_CREAT | os.O_EXCL)
		fails(errno.EEXIST, os.mkdir, 'c/file')
		fails(errno.EEXIST, os.link, 'Root', 'c/file')
		fails(errno.EEXIST, os.symlink, 'x', 'c/file')
		# the entry keeps its name
		os.rename('c/new', 'c/FILE')
		assert os.listdir('c') == ['File'] and get('c/File') == 'new'
		fails(errno.ENOENT, os.stat, 'c/NEW')
		os.rename('c/FILE', 'c/file')
		assert os.listdir('c') == ['File']
		os.rename('c/fIlE', 'c/Other')
		assert os.listdir('c') == ['Other']
		for name in 'c/File', 'c/FILE', 'c/file':
		    fails(errno.ENOENT, os.stat, name)
		for name in 'c/OTHER', 'c/other':
		    os.stat(name)
		os.unlink('c/oTHER')
		for name in 'c/OTHER', 'c/other', 'c/Other':
		    fails(errno.ENOENT, os.stat, name)
		assert os.listdir('c') == []

		# Unicode: what folds to the same is the same
		same = [('Straße', 'STRASSE', 'ſtrasse'), ('\u00e9', 'e\u0301', 'E\u0301', '\u00c9'),
		        ('\u212a', 'k', 'K'), ('a\u00adb', 'AB', 'a\u200bb'),
		        ('\ufb01n', 'FIN'), ('\u0130x', 'i\u0307X'),
		        ('\uac00', '\u1100\u1161'), ('\u03c3', '\u03c2', '\u03a3')]
		for names in same:
		    put('c/' + names[0], names[0])
		    for n in names:
		        assert get('c/' + n) == names[0], (names[0], n)
		for n in '\u0131', 'I\u0307y', 'ss\u0301':
		    fails(errno.ENOENT, os.stat, 'c/' + n)
		assert len(os.listdir('c')) == len(same)

		# no UTF-8
		for bad in b'c/\xff', b'c/A\xc3', b'c/\xed\xa0\x80':
		    if strict:
		        fails(errno.EINVAL, os.open, bad, os.O_CREAT)
		        fails(errno.EINVAL, os.rename, 'Root', bad)
		    else:
		        os.close(os.open(bad, os.O_CREAT))
		        os.stat(bad)
		if not strict:
		    fails(errno.ENOENT, os.stat, b'c/a\xc3')
		os.close(os.open(b'full/\xff', os.O_CREAT))

		# directories hand it on, files don't get it
		os.mkdir('c/Sub')
		assert flags('c/Sub') & F and not flags('c/Sub') & 0
		put('c/Sub/f', '')
		assert not flags('c/Sub/f') & F
		os.mkdir('c/sub/Deep')
		put('C'.lower() + '/SUB/DEEP/File', 'deep')
		assert get('c/Sub/deep/file') == 'deep'
		fails(errno.ENOTEMPTY, os.rmdir, 'c/SUB')
		fails(errno.ENOTEMPTY, set_flags, 'c/Sub', flags('c/Sub') & ~F)
		os.rename('c/sub/deep', 'moved')
		assert get('moved/FILE') == 'deep'
		fails(errno.ENOENT, os.stat, 'c/sub/deep')
		os.mkdir('empty')
		set_flags('empty', flags('empty') | F)
		set_flags('empty', flags('empty') & ~F)
		put('empty/a', 'a')
		put('empty/A', 'A')
		assert get('empty/a') == 'a'
		# deleted while it is open
		with open('c/Open', 'w+') as f:
		    os.unlink('c/OPEN')
		    put('c/open', 'next')
		    f.write('x')
		assert get('c/OPEN') == 'next'
	PY
}

for mode in plain strict; do
	for features in "-b 1024" "-b 4096 -O inline_data" "-b 1024 -O ^metadata_csum" "-O ^dir_index"; do
		NAME="$mode $features"
		flags=
		[ $mode = strict ] && flags=-Eencoding_flags=strict
		# shellcheck disable=SC2086
		make_image "$IMG" 48M -t ext4 $features -O casefold $flags
		mount_image "$IMG"
		features $mode
		mkdir "$MNT/d"
		chattr +F "$MNT/d" || fail "$NAME: chattr +F"
		many 0 300
		remember_tree
		unmount_image "$IMG"
		check_image "$IMG"
		mount_image "$IMG"
		manifest "$MNT" >"$TMP/now"
		cmp "$TMP/remembered" "$TMP/now" || fail "$NAME: a second mount sees something else"
		find_many 0 300
		unmount_image "$IMG"
		# an index, and much to add to it
		e2fsck -fyD "$IMG" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || fail "e2fsck -D"
		mount_image "$IMG"
		many 300 1500
		find_many 0 1500
		unmount_image "$IMG"
		check_image "$IMG"
		case $features in
		*^dir_index*) ;;
		*)
			got=$(debugfs -R 'stat /d' "$IMG" 2>/dev/null | grep -o 'Flags: 0x[0-9a-f]*')
			[ $((${got#Flags: } & 0x1000)) != 0 ] || fail "$NAME: no index"
			;;
		esac
		e2fsck -fyD "$IMG" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || fail "e2fsck -D"
		mount_image "$IMG" ro
		find_many 0 1500
		unmount_image "$IMG"
	done
done

# without the feature there is nothing to switch on
make_image "$IMG" 32M -t ext4
mount_image "$IMG"
mkdir "$MNT/d"
chattr +F "$MNT/d" 2>/dev/null && fail "chattr +F without the feature"
unmount_image "$IMG"

# an encoding that nobody knows
make_image "$IMG" 32M -t ext4 -O casefold,^metadata_csum
debugfs -w -R "ssv encoding 77" "$IMG" >/dev/null 2>&1
"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off,ro 2>"$TMP/err" && fail "encoding 77"
grep 'casefold with encoding 77' "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
