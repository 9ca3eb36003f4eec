#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Encrypted files without the key are what kernel ext4 without the key makes of them:
# the same names, link targets and attributes; they can be deleted, but neither read
# nor made.  Kernel ext4 encrypts them here, with a key that it gets for that.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
have_kernel_ext4 || skip "no kernel ext4"
grep supported /sys/fs/ext4/features/encryption >/dev/null 2>&1 ||
	skip "kernel ext4 without encryption"
IMG=$TMP/image

# Make directory $KMNT/secret, encrypted, and much in it.
encrypt() {
	python3 - "$KMNT" <<-'PY' || fail "can't encrypt"
		import ctypes, fcntl, os, struct, sys

		os.chdir(sys.argv[1])
		os.mkdir('secret')
		root = os.open('.', os.O_RDONLY)
		# FS_IOC_ADD_ENCRYPTION_KEY: an identifier comes back
		key = bytes(range(64))
		arg = bytearray(struct.pack('<II32sII8I', 2, 0, b'', len(key), 0, *[0] * 8) + key)
		fcntl.ioctl(root, 0xc0506617, arg)
		identifier = bytes(arg[8:24])
		# FS_IOC_SET_ENCRYPTION_POLICY: version 2, AES-256-XTS and -CTS, names padded to 4
		fd = os.open('secret', os.O_RDONLY)
		fcntl.ioctl(fd, 0x800c6613, struct.pack('<BBBB4s16s', 2, 1, 4, 0, b'', identifier))
		os.close(fd)

		os.chdir('secret')
		for n in list(range(1, 40)) + [140, 145, 149, 150, 153, 160, 200, 255]:
		    with open('n' * n, 'w') as f:
		        f.write('content' * n)
		    if n != 255:
		        os.symlink('t' * n, 'l%d' % n)
		os.symlink('t' * 500, 'long-link')
		os.mkdir('dir')
		os.mkdir('many')
		for i in range(600):
		    os.close(os.open('many/file number %d' % i, os.O_CREAT))
		os.mkdir('empty')
		os.mkdir('dir/deep')
		os.mkfifo('dir/fifo')
		with open('dir/attr', 'w') as f:
		    f.write('x' * 10000)
		os.setxattr('dir/attr', 'user.a', b'value')
		with open('dir/deep/sparse', 'w') as f:
		    f.truncate(10 ** 7)
		os.link('dir/attr', 'dir/attr2')
		os.close(root)
	PY
}

# tree DIR: as far as it can be seen without a key
tree() {
	(
		cd "$1"
		# "." is there for the mode and links of the root
		find . -path ./lost+found -prune -o \
			-printf '%p %y %m %U %G %n %T@ %C@ %l %i' \
			\( -type d -printf '\n' -o -printf ' %s %b\n' \) | LC_ALL=C sort
		find . -type d -print0 | LC_ALL=C sort -z |
			xargs -0r getfattr -h -d -m - -e hex 2>/dev/null
		find . -path ./lost+found -prune -o -type d -print0 | LC_ALL=C sort -z |
			xargs -0r lsattr -d
	)
}

# What works without the key, and what doesn't, with the errnos
try() {
	python3 - "$1" <<-'PY'
		import errno, os, stat, sys
		os.chdir(sys.argv[1])

		def attempt(what, call, *args):
		    try:
		        call(*args)
		        print(what, 'works')
		    except OSError as e:
		        print(what, errno.errorcode[e.errno])

		names = sorted(os.listdir('secret'))
		kind = {n: stat.S_IFMT(os.lstat('secret/' + n).st_mode) for n in names}
		files = ['secret/' + n for n in names if kind[n] == stat.S_IFREG]
		links = ['secret/' + n for n in names if kind[n] == stat.S_IFLNK]
		dirs = ['secret/' + n for n in names if kind[n] == stat.S_IFDIR]
		big = max(dirs, key=lambda d: len(os.listdir(d)))
		empty = [d for d in dirs if not os.listdir(d)][0]
		other = [d for d in dirs if d not in (big, empty)][0]

		os.mkdir('plain')
		open('plain/file', 'w').close()
		attempt('open', os.open, files[0], os.O_RDONLY)
		attempt('open to write', os.open, files[0], os.O_WRONLY)
		attempt('truncate', os.truncate, files[0], 0)
		attempt('create', os.open, 'secret/new', os.O_CREAT | os.O_WRONLY)
		attempt('mkdir', os.mkdir, 'secret/new')
		attempt('mkdir there', os.mkdir, empty)
		attempt('symlink', os.symlink, 'x', 'secret/new')
		attempt('mknod', os.mknod, 'secret/new')
		attempt('stat', os.stat, 'secret/new')
		attempt('stat of no-key nonsense', os.stat, 'secret/' + 'A' * 40)
		attempt('stat of a changed name', os.stat, files[0][:-1])
		attempt('link in', os.link, 'plain/file', 'secret/new')
		attempt('link inside', os.link, files[0], 'secret/new')
		attempt('link out', os.link, files[0], 'plain/link')
		attempt('rename in', os.rename, 'plain/file', 'secret/new')
		attempt('rename out', os.rename, files[1], 'plain/new')
		attempt('rename inside', os.rename, files[1], 'secret/new')
		attempt('rename over', os.rename, files[1], files[2])
		attempt('rename of the directory', os.rename, 'secret', 'renamed')
		attempt('and back', os.rename, 'renamed', 'secret')
		attempt('chmod', os.chmod, files[3], 0o600)
		attempt('chown', os.chown, files[3], 1234, 1235)
		attempt('utime', os.utime, files[3], (5, 6))
		attempt('setxattr', os.setxattr, files[3], 'user.b', b'b' * 30)
		attempt('large setxattr', os.setxattr, files[4], 'user.b', b'b' * 500)
		attempt('setxattr of a directory', os.setxattr, 'secret', 'user.b', b'b' * 50)
		attempt('large setxattr of a directory', os.setxattr, 'secret', 'user.c', b'c' * 300)
		attempt('getxattr', os.getxattr, files[3], 'user.b')
		attempt('rmdir, full', os.rmdir, other)
		attempt('rmdir', os.rmdir, empty)
		attempt('rmdir again', os.rmdir, empty)
		for f in files[5:15] + links[5:10]:
		    attempt('unlink', os.unlink, f)
		for n in sorted(os.listdir(big))[::3]:
		    os.unlink(big + '/' + n)
		print(len(os.listdir(big)), len(os.listdir('secret')))
		os.unlink('plain/link')
		os.unlink('plain/file')
		os.rmdir('plain')
	PY
}

# unlock: with the key again, is what is left as it was?
unlock() {
	python3 - "$KMNT" <<-'PY'
		import fcntl, os, struct, sys
		os.chdir(sys.argv[1])
		root = os.open('.', os.O_RDONLY)
		key = bytes(range(64))
		arg = bytearray(struct.pack('<II32sII8I', 2, 0, b'', len(key), 0, *[0] * 8) + key)
		fcntl.ioctl(root, 0xc0506617, arg)
		names = os.listdir('secret')
		files = [n for n in names if set(n) == {'n'}]
		assert len(files) > 20, names
		for n in files:
		    with open('secret/' + n) as f:
		        assert f.read() == 'content' * len(n), n
		for n in names:
		    if n.startswith('l') and n[1:].isdigit():
		        assert os.readlink('secret/' + n) == 't' * int(n[1:]), n
		many = [n for n in os.listdir('secret/many') if n.startswith('file number ')]
		assert len(many) == 400, len(many)
		assert os.getxattr('secret', 'user.c') == b'c' * 300
	PY
}

for features in "-b 4096" "-b 4096 -O inline_data,ea_inode" "-b 4096 -O ^dir_index" \
	"-b 4096 -I 128" "-b 1024"; do
	# shellcheck disable=SC2086
	make_image "$IMG" 64M -t ext4 $features -O encrypt 2>/dev/null
	mount_kernel "$IMG" rw
	encrypt
	unmount_kernel
	cp --sparse=always "$IMG" "$TMP/copy"

	mount_kernel "$IMG"
	tree "$KMNT" >"$TMP/theirs"
	unmount_kernel
	[ "$(wc -l <"$TMP/theirs")" -gt 700 ] || fail "$features: not much of a tree"
	mount_image "$IMG" ro
	tree "$MNT" >"$TMP/ours"
	unmount_image "$IMG"
	cmp -s "$TMP/theirs" "$TMP/ours" || {
		diff "$TMP/theirs" "$TMP/ours" | head -20 >&2
		fail "$features: not as kernel ext4 shows it"
	}

	mount_image "$IMG"
	try "$MNT" >"$TMP/ours" || fail "$features: here"
	tree "$MNT" | sed 's/ [0-9.]* [0-9.]* / /' >"$TMP/ours.tree"
	unmount_image "$IMG"
	check_image "$IMG"
	mount_kernel "$TMP/copy" rw
	try "$KMNT" >"$TMP/theirs" || fail "$features: kernel ext4"
	unmount_kernel
	diff "$TMP/theirs" "$TMP/ours" || fail "$features: not as on kernel ext4"
	mount_kernel "$IMG"
	tree "$KMNT" | sed 's/ [0-9.]* [0-9.]* / /' >"$TMP/theirs.tree"
	unmount_kernel
	diff "$TMP/ours.tree" "$TMP/theirs.tree" || fail "$features: kernel ext4 sees something else"
	mount_kernel "$IMG" rw
	unlock || fail "$features: with the key it is not as it was"
	unmount_kernel
done
