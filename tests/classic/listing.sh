#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Directories with more names than a handle keeps, with an index, without one, and with hashes in
# no order: each name that stays is listed once while others come and go, a position means the
# same in another handle, and a damaged directory of gigabytes in a small image ends in an error.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

# In lists of 32 KiB, as getdents64(2) gives them with positions
cat >"$TMP/list.py" <<'PY'
import ctypes, os, random, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
buf = ctypes.create_string_buffer(32768)

def part(fd, size=32768):
    n = libc.syscall(217, fd, buf, size)
    if n < 0:
        raise OSError(ctypes.get_errno(), 'getdents64')
    at, found = 0, []
    while at < n:
        ino, pos, length, kind = struct.unpack_from('<QqHB', buf, at)
        name = ctypes.string_at(ctypes.addressof(buf) + at + 19)
        found.append((name.decode(), pos))
        at += length
    return found

def all_of(fd):
    found = []
    while True:
        more = part(fd)
        if not more:
            return found
        found += more

directory, count = sys.argv[1], int(sys.argv[2])
rng = random.Random(1)
stay = set('name-%d' % i for i in range(count))
fd = os.open(directory, os.O_RDONLY)
whole = all_of(fd)
names = [n for n, _ in whole]
assert len(names) == len(set(names)), 'a name is listed twice'
assert set(names) == stay | {'.', '..'}, 'not all names are listed'
assert len(set(p for _, p in whole)) == len(whole), 'a position is there twice'

# a position in the same handle, and in another one
other = os.open(directory, os.O_RDONLY)
for i in sorted(rng.sample(range(len(whole)), min(20, len(whole)))) + [0, len(whole) - 1]:
    for f in fd, other:
        os.lseek(f, whole[i][1], os.SEEK_SET)
        rest = part(f)
        assert rest == whole[i + 1:i + 1 + len(rest)], 'another name follows at %d' % i
        assert rest or i == len(whole) - 1, 'nothing follows at %d' % i

# names come and go all the time
os.lseek(fd, 0, os.SEEK_SET)
listed, made = [], 0
while True:
    found = part(fd, 4096)
    if not found:
        break
    listed += [n for n, _ in found]
    for _ in range(30):
        open('%s/new-%d' % (directory, made), 'w').close()
        if made >= 100 and made % 2:
            os.unlink('%s/new-%d' % (directory, made - 100))
        made += 1
    if len(listed) > len(whole) * 3:
        break
old = [n for n in listed if not n.startswith('new-')]
assert len(old) == len(set(old)), 'a name is listed twice while others come'
assert set(old) == stay | {'.', '..'}, 'a name is missing while others come'
new = [n for n in listed if n.startswith('new-')]
assert len(new) == len(set(new)), 'a new name is listed twice'
# and the old positions are still good, for who has read nothing before, and when names are gone
half = len(whole) // 2
for n, _ in whole[2:half:3]:
    if n.startswith('name-'):
        os.unlink(directory + '/' + n)
last = os.open(directory, os.O_RDONLY)
os.lseek(last, whole[half][1], os.SEEK_SET)
rest = set(n for n, _ in all_of(last))
assert set(n for n, _ in whole[half + 1:]) <= rest, 'a name is missing at an old position'
assert not set(n for n, _ in whole[:half + 1]) & rest, 'a name is back at an old position'
PY

for options in '-t ext4' '-t ext4 -O ^metadata_csum' '-t ext4 -O inline_data' '-t ext2 -O ^dir_index'; do
	for count in 0 3 300 12000; do
		# the small ones don't differ in the formats that are rare
		[ $count -gt 300 ] || [ "$options" = '-t ext4' ] || [[ $options = *ext2* ]] || continue
		# shellcheck disable=SC2086
		make_image "$TMP/image" 32M -b 1024 -N 40000 $options
		mount_image "$TMP/image"
		mkdir "$MNT/d"
		[ $count = 0 ] || (cd "$MNT/d" && seq -f 'name-%.0f' 0 $((count - 1)) | xargs touch)
		python3 "$TMP/list.py" "$MNT/d" $count || fail "$options, $count names"
		unmount_image "$TMP/image"
		check_image "$TMP/image"
	done
done

# an index that leads astray: all names are listed all the same
make_image "$TMP/image" 32M -b 1024 -N 40000 -t ext4 -O ^metadata_csum
mount_image "$TMP/image"
mkdir "$MNT/d"
(cd "$MNT/d" && seq -f 'name-%.0f' 0 11999 | xargs touch)
unmount_image "$TMP/image"
root=$(debugfs -R 'bmap /d 0' "$TMP/image" 2>/dev/null)
# the root's second entry: 40 is its hash, 44 the block it leads to; 30 the levels
for damage in '44 I 1' '44 I 2' '40 I 0' '40 I 0xfffffff0' '30 B 0' '34 H 1'; do
	cp --sparse=always "$TMP/image" "$TMP/damaged"
	# shellcheck disable=SC2086
	python3 - "$TMP/damaged" "$root" $damage <<-'PY'
		import struct, sys
		with open(sys.argv[1], 'r+b') as f:
		    f.seek(int(sys.argv[2]) * 1024 + int(sys.argv[3]))
		    f.write(struct.pack('<' + sys.argv[4], int(sys.argv[5], 0)))
	PY
	mount_image "$TMP/damaged" ro
	n=$(find "$MNT/d" -name 'name-*' | sort -u | wc -l)
	[ "$n" = 12000 ] || fail "index with $damage: $n names"
	unmount_image "$TMP/damaged"
done

# all blocks of a directory are the same block
make_image "$TMP/image" 64M -b 1024 -t ext4 -O ^metadata_csum,^has_journal,^dir_index
mount_image "$TMP/image"
mkdir "$MNT/d"
head -c 1000 /dev/zero | tr '\0' x >"$MNT/file"
(cd "$MNT/d" && touch one two three)
unmount_image "$TMP/image"
block=$(debugfs -R 'bmap /d 0' "$TMP/image" 2>/dev/null)
leaf=$(debugfs -R 'bmap /file 0' "$TMP/image" 2>/dev/null)
read -r table offset < <(debugfs -R 'imap /d' "$TMP/image" 2>/dev/null |
	sed -n 's/.*block \([0-9]*\).*offset \(0x[0-9a-f]*\).*/\1 \2/p')
python3 - "$TMP/image" "$block" "$leaf" $((table * 1024 + offset)) <<-'PY'
	import struct, sys
	block, leaf, inode = map(int, sys.argv[2:])
	with open(sys.argv[1], 'r+b') as f:
	    def put(at, data):
	        f.seek(at)
	        f.write(data)
	    # a leaf of 80 extents of one block each
	    put(inode + 40, struct.pack('<HHHHIIIHH', 0xf30a, 1, 4, 1, 0, 0, leaf, 0, 0).ljust(60, b'\0'))
	    put(leaf * 1024, struct.pack('<HHHHI', 0xf30a, 80, 84, 0, 0) + b''.join(
	        struct.pack('<IHHI', i, 1, 0, block) for i in range(80)))
	    put(inode + 4, struct.pack('<I', 80 * 1024))
PY
mount_image "$TMP/image" ro
n=$(find "$MNT/d" -name one 2>/dev/null | wc -l) || :
[ "$n" -ge 1 ] || fail "a directory of the same blocks again and again: $n names"
unmount_image "$TMP/image"
