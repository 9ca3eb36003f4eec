#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A tree of 2,000 levels, deeper than a path can name: made, moved as a whole and in part,
# read by another mount and by kernel ext4, and removed.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

# tree make|move|check|remove DIR
tree() {
	python3 - "$@" <<-'PY' || fail "$FEATURES: $1"
		import errno, os, sys
		what, top = sys.argv[1:]
		LEVELS = 2000
		NAME = 'a-directory'

		def walk(fd, levels):
		    """The directory so many levels below fd, which gets closed."""
		    for _ in range(levels):
		        below = os.open(NAME, os.O_DIRECTORY, dir_fd=fd)
		        os.close(fd)
		        fd = below
		    return fd

		def start():
		    return os.open(top, os.O_DIRECTORY)

		def make():
		    fd = start()
		    for i in range(LEVELS):
		        os.mkdir(NAME, dir_fd=fd)
		        fd = walk(fd, 1)
		        os.close(os.open('level', os.O_CREAT | os.O_WRONLY | os.O_EXCL, dir_fd=fd))
		        f = os.open('level', os.O_WRONLY, dir_fd=fd)
		        os.write(f, b'%d' % i)
		        os.close(f)
		    try:
		        os.rename(os.path.join(top, NAME), NAME, dst_dir_fd=fd)
		        sys.exit('it is below itself')
		    except OSError as e:
		        assert e.errno == errno.EINVAL, e

		def move():
		    os.mkdir(top + '/other')
		    half = walk(start(), LEVELS // 2)
		    # the lower half to the top, the upper one below its end
		    os.rename(NAME, top + '/other/' + NAME, src_dir_fd=half)
		    os.close(half)
		    end = walk(os.open(top + '/other', os.O_DIRECTORY), LEVELS // 2)
		    os.rename(top + '/' + NAME, NAME, dst_dir_fd=end)
		    os.close(end)
		    os.rename(top + '/other', top + '/' + NAME)

		def check():
		    fd = walk(start(), 1)
		    for i in [*range(LEVELS // 2, LEVELS), *range(LEVELS // 2)]:
		        above = os.fstat(fd).st_ino
		        fd = walk(fd, 1)
		        up = os.open('..', os.O_DIRECTORY, dir_fd=fd)
		        assert os.fstat(up).st_ino == above, i
		        os.close(up)
		        f = os.open('level', os.O_RDONLY, dir_fd=fd)
		        assert os.read(f, 10) == b'%d' % i, i
		        os.close(f)
		    assert os.listdir(fd) == ['level'], os.listdir(fd)

		{'make': make, 'move': move, 'check': check}[what]()
	PY
}

for FEATURES in "-t ext4" "-t ext2 -b 1024"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 64M -N 8000 $FEATURES
	mount_image "$TMP/image"
	free=$(stat -f -c '%f %d' "$MNT")
	tree make "$MNT"
	tree move "$MNT"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	if have_kernel_ext4; then
		mount_kernel "$TMP/image"
		tree check "$KMNT"
		unmount_kernel
	else
		LEFT_OUT="the comparison with kernel ext4"
	fi
	mount_image "$TMP/image"
	tree check "$MNT"
	rm -r "$MNT/a-directory" || fail "$FEATURES: it can't be removed"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	mount_image "$TMP/image"
	[ "$(stat -f -c '%f %d' "$MNT")" = "$free" ] || fail "$FEATURES: something is left"
	unmount_image "$TMP/image"
done
