#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Attribute names that are none, and inode flags that a file can't have, get the errors of
# kernel ext4.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
have_kernel_ext4 || skip "no kernel ext4"

# One line for each attempt: what, and its error
attempts() {
	python3 - "$1" <<'PYTHON'
import errno, fcntl, os, struct, sys
GETFLAGS, SETFLAGS = 0x80086601, 0x40086602
FSGETXATTR, FSSETXATTR = 0x801c581f, 0x401c5820
top = sys.argv[1]
os.close(os.open(top + '/file', os.O_CREAT | os.O_WRONLY))
os.mkdir(top + '/dir')

def attempt(what, do):
    try:
        do()
        print(what, 'done')
    except OSError as e:
        print(what, errno.errorcode[e.errno])

for name in ('user.', 'trusted.', 'security.', 'system.', 'system.posix_acl_access.',
             'system.data', 'other.name', 'user', 'user.' + 'n' * 250, 'user.' + 'n' * 251):
    f = top + '/file'
    label = '%s (%d)' % (name[:30], len(name))
    attempt('set ' + label, lambda: os.setxattr(f, name, b'x'))
    attempt('get ' + label, lambda: os.getxattr(f, name))
    attempt('remove ' + label, lambda: os.removexattr(f, name))

for f in ('file', 'dir'):
    fd = os.open(top + '/' + f, os.O_RDONLY)
    old, = struct.unpack('<I', fcntl.ioctl(fd, GETFLAGS, bytes(4)))
    # without journal data and extents, ways of storing that this server doesn't change, and
    # without blocks beyond the end and DAX, which mean nothing to it
    for bit in range(32):
        fl = 1 << bit
        if fl in (0x4000, 0x80000, 0x400000, 0x2000000):
            continue
        attempt('%s: flag %#x' % (f, fl),
                lambda: fcntl.ioctl(fd, SETFLAGS, struct.pack('<I', old | fl)))
        now, = struct.unpack('<I', fcntl.ioctl(fd, GETFLAGS, bytes(4)))
        print(f, 'has %#x' % now)
        fcntl.ioctl(fd, SETFLAGS, struct.pack('<I', old))
    x = bytearray(fcntl.ioctl(fd, FSGETXATTR, bytes(28)))
    x[0:4] = struct.pack('<I', 0x200)
    attempt('%s: inherits the project' % f, lambda: fcntl.ioctl(fd, FSSETXATTR, bytes(x)))
    os.close(fd)
PYTHON
}

make_image "$TMP/image" 16M -t ext4 -I 256
mount_kernel "$TMP/image" rw
attempts "$KMNT" >"$TMP/want"
unmount_kernel
make_image "$TMP/image" 16M -t ext4 -I 256
mount_image "$TMP/image"
attempts "$MNT" >"$TMP/got"
unmount_image "$TMP/image"
check_image "$TMP/image"
cmp -s "$TMP/want" "$TMP/got" || {
	diff "$TMP/want" "$TMP/got" >&2 || :
	fail "kernel ext4 (<) gives other errors"
}
