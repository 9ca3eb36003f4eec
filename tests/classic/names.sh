#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Names: their limits and errors, links, renames, files that are open when they
# are deleted, directories that are read while they are emptied.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

for features in "-t ext4" "-t ext2 -b 1024"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 100M -N 20000 $features
	mount_image "$TMP/image"
	cd "$MNT"

	python3 - <<'PY' || fail "$features: names"
import errno, os

def fails(want, f, *args, **kw):
    try:
        f(*args, **kw)
    except OSError as e:
        assert e.errno == want, (f.__name__, args, errno.errorcode[e.errno])
        return
    raise AssertionError((f.__name__, args, "succeeded"))

def make(name, text="x"):
    with open(name, "w") as f:
        f.write(text)

make("n" * 255)
fails(errno.ENAMETOOLONG, make, "n" * 256)
os.unlink("n" * 255)
os.mkdir("d")
make("d/f")
make("f")
fails(errno.EEXIST, os.mkdir, "d")
fails(errno.EEXIST, os.link, "f", "d/f")
fails(errno.EEXIST, os.symlink, "x", "f")
fails(errno.ENOTEMPTY, os.rmdir, "d")
fails(errno.ENOTDIR, os.rmdir, "f")
fails(errno.EISDIR, os.unlink, "d")
fails(errno.ENOTDIR, os.stat, "f/x")
fails(errno.ENOENT, os.stat, "none")
fails(errno.EPERM, os.link, "d", "dlink")
fails(errno.ENOTEMPTY, os.rename, "lost+found", "d")
fails(errno.EISDIR, os.rename, "f", "d")
fails(errno.ENOTDIR, os.rename, "d", "f")
fails(errno.EINVAL, os.rename, "d", "d/sub")

# links are counted
os.link("f", "d/g")
assert os.stat("f").st_nlink == 2
os.rename("f", "d/g")               # the same file: nothing happens
assert os.path.exists("f")
os.unlink("f")
assert os.stat("d/g").st_nlink == 1
links = os.stat(".").st_nlink
os.mkdir("sub")
assert os.stat(".").st_nlink == links + 1
os.rename("sub", "d/sub")
assert os.stat(".").st_nlink == links
assert os.stat("d/sub/..").st_ino == os.stat("d").st_ino
os.mkdir("sub")
os.rename("d/sub", "sub")           # replaces an empty directory
assert os.stat("d").st_nlink == 2

# still there while it is open
make("open", "still here")
f = open("open")
os.unlink("open")
assert f.read() == "still here"
assert os.fstat(f.fileno()).st_nlink == 0
f.close()

# symbolic links of all lengths
for n in (1, 59, 60, 61, 500, 1023):
    os.symlink("y" * n, "s%d" % n)
    assert os.readlink("s%d" % n) == "y" * n
    assert os.lstat("s%d" % n).st_size == n

# empty a large directory while reading it
os.mkdir("large")
for i in range(5000):
    os.close(os.open("large/name-%d" % i, os.O_CREAT | os.O_WRONLY))
n = 0
with os.scandir("large") as it:
    for e in it:
        os.unlink("large/" + e.name)
        n += 1
assert n == 5000, n
os.rmdir("large")
assert not os.path.exists("large")

# a directory's set-group-id bit
os.mkdir("sgid")
os.chown("sgid", 0, 1234)
os.chmod("sgid", 0o2755)
os.mkdir("sgid/d")
make("sgid/f")
assert os.stat("sgid/d").st_gid == 1234 and os.stat("sgid/d").st_mode & 0o2000
assert os.stat("sgid/f").st_gid == 1234
PY
	# renameat2(2)'s flags, where mv knows them
	if mv --help | grep -e --exchange >/dev/null; then
		mkdir a b
		touch a/file
		mv --exchange a/file b
		[ -f b ] && [ -d a/file ] || fail "exchange"
	fi
	cd /
	remember_tree
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	kernel_sees_remembered "$TMP/image"
done
