# SPDX-License-Identifier: GPL-2.0-or-later
"""
One load for file systems of all features: something of every kind of change.

    load.py seed|fill|change|fill-up DIR [FEATURE]...

seed makes what the image is to have from the beginning, in an empty directory.  fill
begins with that, change goes on with what fill left, and fill-up writes until there is no space and takes everything away again.  FEATURE
tells what the file system must be able to do, or not.  Every call checks what it
can see at once; that it is there afterwards is for the caller to compare.
"""
import errno
import os
import random
import stat
import sys
import time

FEATURES = set(sys.argv[3:])
random.seed(20261121)


def put(path, data, offset=0):
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    assert os.pwrite(fd, data, offset) == len(data)
    os.close(fd)


def get(path, size, offset=0):
    with open(path, 'rb') as f:
        f.seek(offset)
        return f.read(size)


def fails(want, call, *args):
    try:
        call(*args)
    except OSError as e:
        assert e.errno == want, (call.__name__, args[0], errno.errorcode[e.errno])
        return
    raise AssertionError((call.__name__, args[0], 'succeeded'))


def many_names(first, last):
    """A directory of several blocks, changed in its middle."""
    os.makedirs('many', exist_ok=True)
    name = 'many/a-name-{:05}{}'.format
    for i in range(first, last):
        fd = os.open(name(i, 'x' * (i % 40)), os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        if i % 7 == 0:
            os.write(fd, b'%d' % i * (i % 50))
        os.close(fd)
    for i in range(first, last):
        if i % 5 == 0:
            os.rename(name(i, 'x' * (i % 40)), name(i, '-renamed' + 'y' * (i % 90)))
        elif i % 3 == 0:
            os.unlink(name(i, 'x' * (i % 40)))
    there = set(os.listdir('many'))
    for i in range(first, last):
        assert (name(i, '-renamed' + 'y' * (i % 90))[5:] in there) == (i % 5 == 0), i
        assert (name(i, 'x' * (i % 40))[5:] in there) == (i % 5 != 0 and i % 3 != 0), i
        if i % 5 == 0:
            os.stat(name(i, '-renamed' + 'y' * (i % 90)))
    fails(errno.ENOENT, os.stat, 'many/no-such-name')


def attributes(path):
    os.setxattr(path, 'user.small', b'small')
    os.setxattr(path, 'user.gone', b'gone')
    os.setxattr(path, 'trusted.middle', b'm' * 700)
    os.removexattr(path, 'user.gone')
    fails(errno.ENODATA, os.getxattr, path, 'user.gone')
    os.setxattr(path, 'user.small', b'changed')
    assert os.getxattr(path, 'user.small') == b'changed'
    assert len(os.getxattr(path, 'trusted.middle')) == 700
    big = random.randbytes(40000)
    if 'ea_inode' in FEATURES:
        os.setxattr(path, 'user.big', big)
        assert os.getxattr(path, 'user.big') == big
        os.setxattr(path, 'user.gone', big[::-1])
        os.removexattr(path, 'user.gone')
    elif 'blocks=65536' not in FEATURES:
        fails(errno.ENOSPC, os.setxattr, path, 'user.big', big)


def sparse(path):
    far = 2 ** 31 + 4099
    put(path, b'head')
    put(path, b'middle' * 1000, 5 * 2 ** 20 + 123)
    put(path, b'tail', far)
    assert os.stat(path).st_size == far + 4
    assert os.stat(path).st_blocks < 1000
    assert get(path, 8) == b'head\0\0\0\0'
    assert get(path, 8, far - 4) == b'\0\0\0\0tail'
    assert get(path, 12, 5 * 2 ** 20 + 123 + 5994) == b'middle' + b'\0' * 6


def truncation(path):
    data = random.randbytes(300000)
    put(path, data)
    os.truncate(path, 12345)
    os.truncate(path, 100000)
    assert get(path, 100001) == data[:12345] + b'\0' * 87655
    put(path, b'!', 50000)
    put(path + '-to-nothing', data)
    os.truncate(path + '-to-nothing', 0)
    assert os.stat(path + '-to-nothing').st_blocks == 0 or os.listxattr(path)


def links():
    os.mkdir('links')
    put('links/file', b'linked')
    for i in range(200):
        os.link('links/file', 'links/%d' % i)
    assert os.stat('links/file').st_nlink == 201
    for i in range(0, 200, 2):
        os.unlink('links/%d' % i)
    assert os.stat('links/file').st_nlink == 101
    os.mkdir('links/d')
    fails(errno.EPERM, os.link, 'links/d', 'links/e')


def directories():
    path = 'tree'
    os.mkdir(path)
    for i in range(30):
        path += '/%d' % i
        os.mkdir(path)
    for i in range(40):
        os.mkdir('tree/d%d' % i)
    assert os.stat('tree').st_nlink == 43
    for i in range(0, 40, 2):
        os.rmdir('tree/d%d' % i)
    fails(errno.ENOTEMPTY, os.rmdir, 'tree/0')
    os.rename('tree/0/1/2', 'tree/d1/moved')
    assert os.stat('tree').st_nlink == 23
    assert os.stat('tree/0/1').st_nlink == 2
    os.rename('tree/d1/moved', 'tree/d3')
    fails(errno.ENOENT, os.stat, 'tree/d1/moved')
    os.mkdir('tree/setgid')
    os.chown('tree/setgid', 0, 4321)
    os.chmod('tree/setgid', 0o2775)
    os.mkdir('tree/setgid/d')
    assert os.stat('tree/setgid/d').st_gid == 4321
    os.rmdir('tree/setgid/d')


def kinds():
    os.mkdir('kinds')
    for n in (1, 59, 60, 61, 900):
        os.symlink('s' * n, 'kinds/link-%d' % n)
        assert os.readlink('kinds/link-%d' % n) == 's' * n
    os.mkfifo('kinds/fifo')
    os.mknod('kinds/char', stat.S_IFCHR | 0o600, os.makedev(5, 1))
    os.mknod('kinds/block', stat.S_IFBLK | 0o600, os.makedev(300, 70000))
    os.symlink('x' * 900, 'kinds/gone')
    os.unlink('kinds/gone')
    put('kinds/times', b'')
    os.utime('kinds/times', ns=(1, -10 ** 9))


def data():
    os.mkdir('data')
    for i, size in enumerate((1, 60, 61, 100, 150, 160, 200, 1000, 4095, 4096, 4097, 70000)):
        put('data/%d' % i, random.randbytes(size))
    put('data/grows', b'')
    for i in range(200):
        put('data/grows', b'%06d ' % i * 40, i * 280)
    # two files that share the space between them
    for i in range(40):
        for name in 'ab':
            put('data/' + name, random.randbytes(8192), i * 8192)
    put('data/a', b'inside', 100000)
    put('data/replaced', b'old')
    put('data/new', b'new')
    os.rename('data/new', 'data/replaced')
    assert get('data/replaced', 9) == b'new'
    # deleted while it is open
    with open('data/unlinked', 'wb+') as f:
        f.write(b'u' * 100000)
        f.flush()
        os.unlink('data/unlinked')
        f.seek(99990)
        assert f.read() == b'u' * 10
    os.truncate('data/b', 4097)


SEED = (0, 1, 40, 60, 61, 100, 150, 160, 400)


def seed():
    os.mkdir('seed')
    for size in SEED:
        put('seed/%d' % size, b's' * size)
        os.mkdir('seed/dir-%d' % size)
        if 0 < size < 256:
            put('seed/dir-%d/' % size + 'f' * size, b'')
        if size:
            os.symlink('l' * size, 'seed/link-%d' % size)


def seeded():
    """Files and directories that mke2fs -d has made: small ones may be in their inodes."""
    for size in SEED:
        assert get('seed/%d' % size, 1000) == b's' * size, size
        assert os.listdir('seed/dir-%d' % size) == (['f' * size] if 0 < size < 256 else [])
        if size:
            assert os.readlink('seed/link-%d' % size) == 'l' * size
    put('seed/40', b'S', 20)
    put('seed/60', b'S' * 50, 50)
    put('seed/61', b'S' * 9000, 61)
    os.truncate('seed/100', 50)
    os.truncate('seed/150', 5000)
    assert get('seed/150', 5001) == b's' * 150 + b'\0' * 4850
    os.rename('seed/160', 'seed/400')
    for i in range(20):
        put('seed/dir-1/more-%d' % i, b'')
    os.rename('seed/dir-40/' + 'f' * 40, 'seed/dir-60/moved')
    os.rename('seed/dir-61', 'seed/dir-100/dir')
    os.unlink('seed/dir-150/' + 'f' * 150)
    os.rmdir('seed/dir-150')
    os.unlink('seed/link-150')
    os.setxattr('seed/1', 'user.a', b'a' * 60)
    if 'ea_inode' in FEATURES:
        os.setxattr('seed/0', 'user.big', b'b' * 20000)
        os.setxattr('seed/1', 'user.big', b'c' * 9000)
        os.unlink('seed/1')


def fill():
    seeded()
    many_names(0, 900)
    data()
    truncation('cut')
    sparse('sparse')
    links()
    directories()
    kinds()
    put('attributes', b'')
    attributes('attributes')
    attributes('tree')


def change():
    many_names(1000, 2200)
    for i in range(0, 900, 7):
        if i % 5 and i % 3:
            os.unlink('many/a-name-{:05}{}'.format(i, 'x' * (i % 40)))
    for i in range(1, 200, 4):
        os.unlink('links/%d' % i)
    os.mkdir('second')
    for i in range(0, 40):
        if i % 2:
            os.rename('tree/d%d' % i, 'second/d%d' % i)
    assert get('sparse', 5, 2 ** 31 + 4098) == b'\0tail'
    # no 2 GiB to compare
    os.truncate('sparse', 6 * 2 ** 20)
    put('sparse', b'again', 7 * 2 ** 20)
    for i in range(12):
        put('data/%d' % i, b'more', os.stat('data/%d' % i).st_size)
    put('data/grows', random.randbytes(30000), 20000)
    os.setxattr('data/0', 'user.a', b'a' * 500)
    os.removexattr('attributes', 'trusted.middle')
    if 'ea_inode' in FEATURES:
        os.setxattr('data/1', 'user.big', b'b' * 20000)
        os.unlink('data/1')
    os.unlink('kinds/link-900')
    os.unlink('cut')


def fill_up():
    before = os.statvfs('.').f_bfree
    os.mkdir('full')
    try:
        for i in range(100):
            with open('full/%d' % i, 'wb', buffering=0) as f:
                while f.tell() < 64 * 2 ** 20:
                    f.write(b'full' * 2 ** 15)
        raise AssertionError('no end of space')
    except OSError as e:
        assert e.errno == errno.ENOSPC, e
    for name in os.listdir('full'):
        os.unlink('full/' + name)
    os.rmdir('full')
    # files are freed when the kernel forgets them
    for _ in range(100):
        if os.statvfs('.').f_bfree >= before:
            break
        time.sleep(0.1)
    assert os.statvfs('.').f_bfree == before, 'blocks are lost'


os.chdir(sys.argv[2])
{'seed': seed, 'fill': fill, 'change': change, 'fill-up': fill_up}[sys.argv[1]]()
