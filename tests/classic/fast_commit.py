# SPDX-License-Identifier: GPL-2.0-or-later
"""fast_commit.py IMAGE JOURNAL TRANSACTIONS [TAG]...: write fast commits behind a log.

The journal, without checksums and in one piece, is at block JOURNAL of the image and has that many
complete transactions.  Tags, with numbers as Python has them:

    head[:TID[:FEATURES]]   tail[:TID[:CHECKSUM]]   next (another block)
    inode:INO:FIELD=VALUE,...   fields below; what is not given is that of the table,
                                new ones are regular files with extents
    add:INO:LBLK:PBLK:LEN[:unwritten]   del:INO:LBLK:LEN
    creat:PARENT:INO:NAME   link:...   unlink:...
    raw:KIND:HEX
    damage:OFFSET:HEX       bytes of the area that are changed at the end
"""
import struct
import sys

KINDS = dict(add=1, creat=3, link=4, unlink=5, inode=6, pad=7, tail=8, head=9)
KINDS["del"] = 2
FIELDS = dict(mode=(0, "<H"), uid=(2, "<H"), size=(4, "<I"), mtime=(16, "<I"), dtime=(20, "<I"),
              gid=(24, "<H"), links=(26, "<H"), blocks=(28, "<I"), flags=(32, "<I"),
              block0=(40, "<I"), generation=(100, "<I"), acl=(104, "<I"), extra=(128, "<H"))


def crc32c_table():
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        yield n


TABLE = list(crc32c_table())


def crc32c(crc, data):
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


class Area:
    def __init__(self, image, journal, transactions):
        self.f = open(image, "r+b")
        self.f.seek(1024)
        sb = self.f.read(1024)
        self.bs = 1024 << struct.unpack_from("<I", sb, 24)[0]
        self.inode_size = struct.unpack_from("<H", sb, 88)[0]
        self.per_group = struct.unpack_from("<I", sb, 40)[0]
        self.table = self.read_block(struct.unpack_from("<I", sb, 20)[0] + 1)
        self.journal = journal
        jsb = bytearray(self.read_block(journal))
        maxlen, = struct.unpack_from(">I", jsb, 16)
        self.tid = struct.unpack_from(">I", jsb, 24)[0] + transactions
        struct.pack_into(">I", jsb, 40, struct.unpack_from(">I", jsb, 40)[0] | 0x20)
        self.write_block(journal, jsb)
        self.first = journal + maxlen - (struct.unpack_from(">I", jsb, 84)[0] or 256) + 1
        self.data = bytearray()
        self.crc = 0
        self.damage = []

    def read_block(self, nr):
        self.f.seek(nr * self.bs)
        return self.f.read(self.bs)

    def write_block(self, nr, data):
        self.f.seek(nr * self.bs)
        self.f.write(data)

    def next(self):
        room = -len(self.data) % self.bs
        if room:
            pad = struct.pack("<HH", KINDS["pad"], room - 4) + bytes(room - 4)
            self.crc = crc32c(self.crc, pad)
            self.data += pad

    def put(self, kind, value):
        if len(self.data) % self.bs + 8 + len(value) > self.bs:
            self.next()
        tag = struct.pack("<HH", kind, len(value)) + value
        self.crc = crc32c(self.crc, tag)
        self.data += tag

    def tail(self, tid=None, crc=None):
        if len(self.data) % self.bs + 12 > self.bs:
            self.next()
        room = self.bs - len(self.data) % self.bs
        tag = struct.pack("<HHI", KINDS["tail"], room - 4, self.tid if tid is None else tid)
        self.crc = crc32c(self.crc, tag)
        self.data += tag + struct.pack("<I", self.crc if crc is None else crc)
        self.data += bytes(-len(self.data) % self.bs)
        self.crc = 0

    def inode(self, ino, changes):
        offset = struct.unpack_from("<I", self.table, 8)[0] * self.bs
        self.f.seek(offset + (ino - 1) * self.inode_size)
        raw = bytearray(self.f.read(self.inode_size))
        if not raw[0] and not raw[1]:
            raw = bytearray(self.inode_size)
            struct.pack_into("<H", raw, 0, 0o100644)
            struct.pack_into("<I", raw, 32, 0x80000)
            struct.pack_into("<I", raw, 100, 0x1234)
            struct.pack_into("<H", raw, 128, 32)
        for change in filter(None, changes.split(",")):
            name, value = change.split("=")
            at, form = FIELDS[name]
            struct.pack_into(form, raw, at, int(value, 0))
        extra, = struct.unpack_from("<H", raw, 128)
        return struct.pack("<I", ino) + raw[:128 + min(extra, self.inode_size - 128)]

    def tag(self, text):
        name, *args = text.split(":")
        numbers = []
        for arg in args:
            try:
                numbers.append(int(arg, 0))
            except ValueError:
                break
        if name == "head":
            tid, features = (numbers + [None, None])[:2]
            self.put(KINDS[name], struct.pack("<II", features or 0,
                                              self.tid if tid is None else tid))
        elif name == "tail":
            self.tail(*numbers)
        elif name == "next":
            self.next()
        elif name == "inode":
            self.put(KINDS[name], self.inode(numbers[0], args[1]))
        elif name == "add":
            ino, lblk, pblk, length = numbers
            if args[4:]:
                length += 32768
            self.put(KINDS[name], struct.pack("<IIHHI", ino, lblk, length, pblk >> 32,
                                              pblk & 0xFFFFFFFF))
        elif name == "del":
            self.put(KINDS[name], struct.pack("<III", *numbers))
        elif name == "raw":
            self.put(numbers[0], bytes.fromhex(args[1]))
        elif name == "damage":
            self.damage.append((numbers[0], bytes.fromhex(args[1])))
        else:
            self.put(KINDS[name], struct.pack("<II", *numbers[:2]) + args[2].encode())

    def write(self):
        for at, changed in self.damage:
            self.data[at:at + len(changed)] = changed
        self.f.seek(self.first * self.bs)
        self.f.write(self.data)
        self.f.close()


def main():
    area = Area(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    for text in sys.argv[4:]:
        area.tag(text)
    area.write()


if __name__ == "__main__":
    main()
