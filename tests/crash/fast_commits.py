# SPDX-License-Identifier: GPL-2.0-or-later
#
# fast_commits.py IMAGE TRANSACTIONS: put three fast commits on top of the TRANSACTIONS that are in
# the log of IMAGE, in the order of tags that kernel ext4 has.  The image has 1 KiB blocks, inodes
# of 256 bytes, and the files /kept and /gone.
#
# The outcome: /gone has no name, /kept is also /second, and grows by two blocks, /new has
# eight extents, and so has /unnamed, which got its name after it was written.
import re
import struct
import subprocess
import sys

image, transactions = sys.argv[1], int(sys.argv[2])
BS = 1024
ADD, DEL, CREAT, LINK, UNLINK, INODE, PAD, TAIL, HEAD = range(1, 10)


def debugfs(request):
    return subprocess.run(['debugfs', '-R', request, image], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def crc32c(crc, data):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


def inode_number(path):
    return int(re.search(r'Inode: (\d+)', debugfs('stat ' + path)).group(1))


def inode_bytes(ino):
    """What the inode table has, without attributes"""
    text = debugfs('imap <%d>' % ino)
    block, offset = re.search(r'located at block (\d+), offset (0x[0-9a-f]+)', text).groups()
    f.seek(int(block) * BS + int(offset, 16))
    return bytearray(f.read(160))


def tag(kind, value):
    return struct.pack('<HH', kind, len(value)) + value


def name(kind, ino, text):
    return tag(kind, struct.pack('<II', 2, ino) + text)


def inode(ino, raw):
    return tag(INODE, struct.pack('<I', ino) + raw)


def add_range(ino, lblk, pblk, length):
    return tag(ADD, struct.pack('<IIHHI', ino, lblk, length, 0, pblk))


def new_inode(blocks, links, generation):
    raw = bytearray(160)
    struct.pack_into('<HHI', raw, 0, 0o100644, 0, blocks * BS)
    struct.pack_into('<H', raw, 26, links)
    struct.pack_into('<I', raw, 32, 0x80000)		# extents
    struct.pack_into('<I', raw, 100, generation)
    struct.pack_into('<H', raw, 128, 32)
    return raw


def write_data(pblk, text):
    f.seek(pblk * BS)
    f.write(text.encode() * BS)


def pieces(ino, pblk, text):
    """Eight extents, with holes between them"""
    tags = []
    for i in range(8):
        write_data(pblk + 2 * i, text)
        tags.append(add_range(ino, 3 * i, pblk + 2 * i, 1))
    return tags


f = open(image, 'r+b')
kept, gone = inode_number('/kept'), inode_number('/gone')
kept_raw = inode_bytes(kept)
size = struct.unpack_from('<I', kept_raw, 4)[0]
first_new = int(re.search(r'\d+', debugfs('ffi').split('found:')[-1]).group())
new, unnamed = first_new, first_new + 1
free = [int(n) for n in re.findall(r'\d+', debugfs('ffb 60').split(':', 1)[1])]
base = free[0]
assert free == list(range(base, base + 60)), free

# a transaction's number is big endian, as all of the journal
journal = int(debugfs('bmap <8> 0'))
f.seek(journal * BS)
super_block = bytearray(f.read(BS))
# as kernel ext4 does at the first mount
super_block[43] |= 0x20
if super_block[43] & 0x18:
    super_block[252:256] = bytes(4)
    super_block[252:256] = struct.pack('>I', crc32c(0xffffffff, super_block))
f.seek(journal * BS)
f.write(super_block)
length, = struct.unpack_from('>I', super_block, 16)
sequence, = struct.unpack_from('>I', super_block, 24)
fc_blocks = struct.unpack_from('>I', super_block, 84)[0] or 256
tid = sequence + transactions

write_data(base, 'a')
write_data(base + 1, 'b')
struct.pack_into('<I', kept_raw, 4, size + 2 * BS)
blank = new_inode(22, 1, 77)
first = [
    tag(HEAD, struct.pack('<II', 0, tid)),
    name(UNLINK, gone, b'gone'),
    name(LINK, kept, b'second'),
    inode(new, blank), *pieces(new, base + 2, 'n'), name(CREAT, new, b'new'),
    # another file that had the number for a while
    *pieces(unnamed, base + 40, 'x'), inode(unnamed, new_inode(22, 0, 87)),
    add_range(kept, size // BS, base, 2), inode(kept, kept_raw),
]
second = [
    # a file that was renamed and removed, and that no other tag tells of
    name(LINK, gone, b'passing'), name(UNLINK, gone, b'temporary'), name(UNLINK, gone, b'passing'),
    *pieces(unnamed, base + 20, 'u'), inode(unnamed, new_inode(22, 0, 88)),
]
third = [
    name(LINK, unnamed, b'unnamed'),
    inode(unnamed, new_inode(22, 1, 88)),
]

at = length - fc_blocks + 1
for tags in first, second, third:
    blocks, block, crc = [], b'', 0
    for t in tags + [None]:
        if t is None:
            t = tag(TAIL, struct.pack('<II', tid, 0) + bytes(BS))
        need = 16 if t[0] == TAIL else len(t)
        # room for another tag's header must be left, or nothing
        if len(block) + need > BS - 4:
            pad = tag(PAD, bytes(BS - len(block) - 4))
            crc = crc32c(crc, pad)
            blocks.append(block + pad)
            block = b''
        if t[0] != TAIL:
            crc = crc32c(crc, t)
            block += t
            continue
        rest = BS - len(block) - 4
        head = struct.pack('<HHI', TAIL, rest, tid)
        crc = crc32c(crc, head)
        block += head + struct.pack('<I', crc)
        blocks.append(block.ljust(BS, b'\0'))
    for block in blocks:
        f.seek(int(debugfs('bmap <8> %d' % at)) * BS)
        f.write(block)
        at += 1
f.close()
