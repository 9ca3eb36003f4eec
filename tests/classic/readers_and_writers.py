#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
readers_and_writers.py FOLDER SEED OPERATIONS: processes that change names, files and attributes
below the folder, and others that look at the same ones all the time.  What can't be done because
somebody else was faster is left; what is impossible ends it: a name that is listed twice, an
error that none of this can give.

readers_and_writers.py --links FOLDER: make files with a name each in several folders.
readers_and_writers.py --look FOLDER: a process for each of these folders looks at all its names,
in the same order: so different names of one file are looked up at the same time.
"""

import errno
import multiprocessing
import os
import random
import sys

WRITERS = 3
READERS = 5
FOLDERS = 3
NAMES = 1500
LINKS = 8
LINKED = 3000

LOST_RACES = {
    errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ENODATA, errno.ENOENT, errno.ENOSPC,
    errno.ENOTDIR, errno.ENOTEMPTY, errno.ENXIO, errno.EPERM,
}


def name(folder, r):
    return f"{folder}/d{r.randrange(FOLDERS)}/n{r.randrange(NAMES)}"


def write(path, r):
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.pwrite(fd, os.urandom(r.randrange(1, 9000)), r.randrange(8) * 8192)
    finally:
        os.close(fd)


def change(folder, r):
    path = name(folder, r)
    what = r.randrange(12)
    if what < 3:
        write(path, r)
    elif what == 3:
        os.unlink(path)
    elif what == 4:
        os.rename(path, name(folder, r))
    elif what == 5:
        os.truncate(path, r.randrange(60000))
    elif what == 6:
        os.setxattr(path, f"user.x{r.randrange(3)}", os.urandom(r.choice([10, 200, 700])))
    elif what == 7:
        os.symlink("t" * r.choice([10, 200]), path)
    elif what == 8:
        os.mkdir(path)
    elif what == 9:
        os.rmdir(path)
    elif what == 10:
        os.link(path, name(folder, r))
    else:
        os.chmod(path, r.choice([0o600, 0o644]))


def read(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.lseek(fd, 0, os.SEEK_HOLE)
        os.pread(fd, 9000, 8192)
    finally:
        os.close(fd)


def list_folder(path):
    names = os.listdir(path)
    assert len(names) == len(set(names)), f"a name is twice in {path}"


def look(folder, r):
    path = name(folder, r)
    what = r.randrange(8)
    if what == 0:
        os.stat(path)
    elif what == 1:
        # one that the kernel has not heard of
        assert not os.path.exists(f"{path}.{r.randrange(1 << 60)}")
    elif what == 2 and not r.randrange(10):
        list_folder(os.path.dirname(path))
    elif what == 3:
        os.readlink(path)
    elif what == 4:
        os.listxattr(path)
    elif what == 5:
        os.getxattr(path, f"user.x{r.randrange(3)}")
    elif what == 6:
        read(path)
    else:
        os.statvfs(folder)


def work(what, times, folder, seed):
    r = random.Random(seed)
    for _ in range(times):
        try:
            what(folder, r)
        except OSError as e:
            if e.errno not in LOST_RACES:
                raise


def look_at_links(folder, number):
    for i in range(LINKED):
        assert os.stat(f"{folder}/l{number}/n{i}").st_nlink == LINKS


def make_links(folder):
    for number in range(LINKS):
        os.mkdir(f"{folder}/l{number}")
    for i in range(LINKED):
        os.close(os.open(f"{folder}/l0/n{i}", os.O_WRONLY | os.O_CREAT))
        for number in range(1, LINKS):
            os.link(f"{folder}/l0/n{i}", f"{folder}/l{number}/n{i}")


def main():
    if sys.argv[1] == "--links":
        make_links(sys.argv[2])
        return 0
    if sys.argv[1] == "--look":
        jobs = [(look_at_links, (sys.argv[2], n)) for n in range(LINKS)]
    else:
        folder, seed, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        for n in range(FOLDERS):
            os.makedirs(f"{folder}/d{n}", exist_ok=True)
        jobs = [(work, (change, times, folder, seed * 100 + n)) for n in range(WRITERS)]
        jobs += [(work, (look, times * 3, folder, seed * 100 + 50 + n)) for n in range(READERS)]
    processes = [multiprocessing.Process(target=fn, args=args) for fn, args in jobs]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    return 1 if any(p.exitcode for p in processes) else 0


if __name__ == "__main__":
    sys.exit(main())
