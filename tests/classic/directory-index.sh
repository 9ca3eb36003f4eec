#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Directories that outgrow a block get an index, of every hash and up to the depth that
# the format allows, in which the server, e2fsck and kernel ext4 find every name.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

# names MODE DIR LIST SEED COUNT LENGTH: change directory DIR at random, as file LIST says
# what is in it; or check that
names() {
	python3 - "$@" <<-'PY'
		import errno, os, random, sys
		mode, path, book, seed, count, length = sys.argv[1:]
		os.chdir(path)
		there = set(open(book).read().split('\n')) - {''} if os.path.exists(book) else set()
		rng = random.Random(mode + seed)

		def name():
		    if mode == 'fill':
		        return ''.join(rng.choices('abcdefghijklmnop', k=int(length)))
		    n = rng.randrange(1, int(length) + 1) if rng.random() < .7 else int(length)
		    # beyond ASCII, too: that is what signed and unsigned hashes differ in
		    return ''.join(rng.choice('abcdefghijklmnop0123456789éß') for _ in range(n))

		def add():
		    n = name()
		    while n in there or len(n.encode()) > 255:
		        n = name()
		    try:
		        kind = rng.random()
		        if kind < .05:
		            os.mkdir(n)
		        elif kind < .1:
		            os.symlink('x', n)
		        else:
		            os.close(os.open(n, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
		    except FileExistsError:
		        sys.exit('%s: there already' % n)
		    there.add(n)

		def remove(n):
		    os.rmdir(n) if os.path.isdir(n) and not os.path.islink(n) else os.unlink(n)
		    there.discard(n)

		if mode == 'change':
		    for _ in range(int(count)):
		        add()
		    gone = rng.sample(sorted(there), len(there) // 3)
		    for n in gone:
		        remove(n)
		    for n in gone[::2]:
		        os.close(os.open(n, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
		        there.add(n)
		    # another name, in other leaves
		    for n in rng.sample(sorted(there), len(there) // 10):
		        new = name()
		        if new not in there and len(new.encode()) <= 255:
		            os.rename(n, new)
		            there.discard(n)
		            there.add(new)
		    open(book, 'w').write('\n'.join(sorted(there)))
		elif mode == 'fill':
		    try:
		        for _ in range(int(count)):
		            add()
		        print('room for all')
		    except OSError as e:
		        if e.errno != errno.ENOSPC:
		            raise
		        print('full')
		    open(book, 'w').write('\n'.join(sorted(there)))
		else:
		    listed = os.listdir('.')
		    if len(listed) != len(set(listed)):
		        sys.exit('names are listed twice')
		    if set(listed) != there:
		        sys.exit('%d names are listed, %d are there' % (len(listed), len(there)))
		    for n in there:
		        os.lstat(n)
		    for n in there:
		        for other in (n + 'x', n[:-1], n.upper() + 'Q'):
		            if other and other not in there and len(other.encode()) <= 255:
		                try:
		                    os.lstat(other)
		                    sys.exit('%s is found and is not there' % other)
		                except FileNotFoundError:
		                    pass
	PY
}

# levels: of the index of /dir
levels() {
	local flags

	flags=$(debugfs -R 'stat /dir' "$TMP/image" 2>/dev/null | grep -o 'Flags: 0x[0-9a-f]*')
	[ $((${flags#Flags: } & 0x1000)) != 0 ] || fail "$CASE: no index"
	debugfs -R 'htree /dir' "$TMP/image" 2>/dev/null >"$TMP/htree"
	sed -n 's/.*Indirect levels: *//p' "$TMP/htree" | head -n 1
}

kernel_checks() {
	local blocksize

	# kernel ext4 of these days has no blocks larger than pages
	blocksize=$(dumpe2fs -h "$TMP/image" 2>/dev/null | sed -n 's/^Block size: *//p')
	[ "$blocksize" -le "$(getconf PAGESIZE)" ] || return 0
	have_kernel_ext4 || {
		LEFT_OUT="what kernel ext4 finds"
		return 0
	}
	mount_kernel "$TMP/image" "$1"
	names check "$KMNT/dir" "$TMP/book" 1 0 0 || fail "$CASE: kernel ext4"
	[ "$1" = ro ] || names change "$KMNT/dir" "$TMP/book" 7 300 "$2" || fail "$CASE: kernel"
	unmount_kernel
}

# with COUNT LENGTH HASH SIGNED MKE2FS-ARGUMENT...
with() {
	local count=$1 length=$2 hash=$3 flags=$4

	shift 4
	CASE="$hash, flags $flags, $*"
	make_image "$TMP/image" 300M -N 40000 "$@" 2>"$TMP/log"
	tune2fs -E hash_alg="$hash" "$TMP/image" >"$TMP/log" || fail "tune2fs: $(cat "$TMP/log")"
	debugfs -w -R "set_super_value flags $flags" "$TMP/image" 2>/dev/null
	: >"$TMP/book"
	mount_image "$TMP/image"
	mkdir "$MNT/dir"
	names change "$MNT/dir" "$TMP/book" 1 "$count" "$length" || fail "$CASE"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	levels >/dev/null
	kernel_checks rw "$length"

	mount_image "$TMP/image"
	names check "$MNT/dir" "$TMP/book" 1 0 0 || fail "$CASE"
	names change "$MNT/dir" "$TMP/book" 2 "$((count / 3))" "$length" || fail "$CASE, again"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	mount_image "$TMP/image" ro
	names check "$MNT/dir" "$TMP/book" 1 0 0 || fail "$CASE, read-only"
	unmount_image "$TMP/image"
	kernel_checks ro 0
}

for blocksize in 1024 4096; do
	for hash in legacy half_md4 tea; do
		for flags in 1 2; do
			with 1200 40 $hash $flags -t ext4 -b $blocksize
		done
	done
done
with 1500 200 half_md4 1 -t ext3 -b 1024
with 1500 200 half_md4 1 -t ext4 -b 2048 -O ^metadata_csum,^64bit
with 1500 60 half_md4 1 -t ext4 -b 1024 -O inline_data
with 3000 60 half_md4 1 -t ext4 -b 1024 -O bigalloc -C 8192
with 3000 250 half_md4 1 -t ext4 -b 65536

# As deep as it can be, and no deeper.
for features in ^large_dir large_dir; do
	CASE=$features
	make_image "$TMP/image" 300M -N 60000 -t ext4 -b 1024 -O $features
	: >"$TMP/book"
	mount_image "$TMP/image"
	mkdir "$MNT/dir"
	got=$(names fill "$MNT/dir" "$TMP/book" 1 36000 250)
	[ -e "$MNT/dir" ] || fail "$CASE: $got"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	case $features in
	large_dir) want="room for all 2" ;;
	*) want="full 1" ;;
	esac
	[ "$got $(levels)" = "$want" ] || fail "$CASE: $got, $(levels) levels"
	mount_image "$TMP/image" ro
	names check "$MNT/dir" "$TMP/book" 1 0 0 || fail "$CASE"
	unmount_image "$TMP/image"
	kernel_checks ro 0
done
echo "index levels: 3"
