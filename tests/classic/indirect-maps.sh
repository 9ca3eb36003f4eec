#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Blocks of indirect maps, down to tables of tables of tables, are freed by holes and truncation in
# any order: the contents are those of a file in memory, and e2fsck finds nothing wrong.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

work() {
	python3 - "$MNT/file" "$TMP/model" "$1" <<-'PY'
		import ctypes, os, random, sys
		libc = ctypes.CDLL(None, use_errno=True)
		rng = random.Random(int(sys.argv[3]))
		KiB = 1024
		# with blocks of 1 KiB: the ends of the 12 blocks, and of the 1, 2 and 3 levels
		edges = [0, 12, 12 + 256, 12 + 256 + 65536, 12 + 256 + 65536 + 256 * 300]

		def place():
		    return max(0, rng.choice(edges) * KiB + rng.randrange(-700, 700) * 512)

		files = [os.open(p, os.O_RDWR | os.O_CREAT) for p in sys.argv[1:3]]
		size = 0
		for step in range(400):
		    what, at = rng.random(), place()
		    length = rng.choice([512, 3 * KiB, 40 * KiB, 300 * KiB])
		    if what < .6:
		        data = bytes([rng.randrange(1, 256)]) * length
		        for f in files:
		            os.pwrite(f, data, at)
		        size = max(size, at + length)
		    elif what < .8:
		        if rng.random() < .2:
		            length = rng.randrange(1, 150000 * KiB)
		        for f in files:
		            r = libc.fallocate(f, 3, ctypes.c_long(at), ctypes.c_long(length))
		            assert not r, os.strerror(ctypes.get_errno())
		    else:
		        for f in files:
		            os.ftruncate(f, at)
		        size = at
		assert [os.fstat(f).st_size for f in files] == [size, size]
		for edge in edges:
		    at = max(0, (edge - 1500) * KiB)
		    one, two = (os.pread(f, 3000 * KiB, at) for f in files)
		    assert one == two, 'the contents differ behind block %d' % (at // KiB)
	PY
}

for type in ext2 ext3; do
	for seed in 1 2 3; do
		make_image "$TMP/image" 64M -t $type -b 1024
		mount_image "$TMP/image"
		rm -f "$TMP/model"
		work $seed || fail "$type, seed $seed"
		[ $seed != 3 ] || rm "$MNT/file"
		unmount_image "$TMP/image"
		check_image "$TMP/image"
	done
done
