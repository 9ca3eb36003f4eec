#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""damage.py IMAGE REQUEST...: change fields of an ext2, ext3 or ext4 image without checksums.

Each REQUEST is one word, its arguments behind colons; numbers are decimal.

  free:BLOCK  use:BLOCK    the bit in the block bitmap, and the counts of free blocks
  freei:INO                the bit in the inode bitmap, and the counts of free inodes
  bit:BLOCK                turns the bit in the block bitmap over, and leaves the counts
  desc:GROUP:OFFSET:SIZE:VALUE  inode:INO:OFFSET:SIZE:VALUE  super:OFFSET:SIZE:VALUE
  word:BLOCK:OFFSET:SIZE:VALUE  a field of a structure; SIZE and OFFSET in bytes
  copy:FROM:TO  copyi:FROM:TO  a block, or an inode, onto another one
  add:...                  as desc, inode, super or word, and VALUE is added: add:desc:0:12:2:1
  sum:BLOCK                prints a checksum of a block
  get:...                  prints such a field, without a VALUE: get:inode:12:60:4
"""
import hashlib, sys


class Image:
    def __init__(self, path):
        self.f = open(path, 'r+b')
        self.bs = 1024 << self.number(1024 + 24, 4)
        self.first = self.number(1024 + 20, 4)
        self.blocks_per_group = self.number(1024 + 32, 4)
        self.inodes_per_group = self.number(1024 + 40, 4)
        self.inode_size = self.number(1024 + 88, 2)
        wide = self.number(1024 + 96, 4) & 0x80
        self.desc_size = self.number(1024 + 254, 2) if wide else 32

    def read(self, at, n):
        self.f.seek(at)
        return self.f.read(n)

    def write(self, at, data):
        self.f.seek(at)
        self.f.write(data)

    def number(self, at, size):
        return int.from_bytes(self.read(at, size), 'little')

    def desc(self, group):
        return (self.first + 1) * self.bs + group * self.desc_size

    def place(self, kind, args):
        """Of a field: where it is, what is left of the arguments"""
        if kind == 'super':
            return 1024 + args[0], args[1:]
        if kind == 'desc':
            return self.desc(args[0]) + args[1], args[2:]
        if kind == 'word':
            return args[0] * self.bs + args[1], args[2:]
        assert kind == 'inode', kind
        group, n = divmod(args[0] - 1, self.inodes_per_group)
        table = self.number(self.desc(group) + 8, 4)
        return table * self.bs + n * self.inode_size + args[1], args[2:]

    def store(self, at, size, value):
        self.write(at, (value & (1 << 8 * size) - 1).to_bytes(size, 'little'))

    def turn(self, bitmap, bit):
        at = bitmap * self.bs + bit // 8
        self.store(at, 1, self.number(at, 1) ^ 1 << bit % 8)
        return 1 if self.number(at, 1) & 1 << bit % 8 else -1

    def add(self, at, size, n):
        self.store(at, size, self.number(at, size) + n)

    def turn_block(self, block, count=True):
        group, bit = divmod(block - self.first, self.blocks_per_group)
        n = self.turn(self.number(self.desc(group), 4), bit)
        if count:
            self.add(self.desc(group) + 12, 2, -n)
            self.add(1024 + 12, 4, -n)
        return n

    def turn_inode(self, ino):
        group, bit = divmod(ino - 1, self.inodes_per_group)
        n = self.turn(self.number(self.desc(group) + 4, 4), bit)
        self.add(self.desc(group) + 14, 2, -n)
        self.add(1024 + 16, 4, -n)
        return n


image = Image(sys.argv[1])
for request in sys.argv[2:]:
    what, *args = request.split(':')
    kind = args.pop(0) if what in ('add', 'get') else what
    args = [int(a) for a in args]
    if what == 'free':
        assert image.turn_block(args[0]) == -1, request
    elif what == 'use':
        assert image.turn_block(args[0]) == 1, request
    elif what == 'bit':
        image.turn_block(args[0], False)
    elif what == 'freei':
        assert image.turn_inode(args[0]) == -1, request
    elif what == 'copy':
        image.write(args[1] * image.bs, image.read(args[0] * image.bs, image.bs))
    elif what == 'copyi':
        at = [image.place('inode', [ino, 0])[0] for ino in args]
        image.write(at[1], image.read(at[0], image.inode_size))
    elif what == 'sum':
        print(hashlib.sha256(image.read(args[0] * image.bs, image.bs)).hexdigest())
    else:
        at, args = image.place(kind, args)
        if what == 'get':
            print(image.number(at, args[0]))
        elif what == 'add':
            image.add(at, args[0], args[1])
        else:
            image.store(at, args[0], args[1])
