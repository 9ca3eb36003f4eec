#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A damaged index of a directory: names are found without it, or there is an error, and the
# server goes on.  What it writes then is a sound directory again.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

# block_of N: where block N of /dir is; debugfs says its version on stderr, and fails with 0
block_of() {
	local pblk

	pblk=$(debugfs -R "bmap /dir $1" "$TMP/image" 2>/dev/null)
	[[ $pblk =~ ^[1-9][0-9]*$ ]] || fail "block $1 of /dir is nowhere: '$pblk'"
	echo "$pblk"
}

# harm BLOCK OFFSET FORMAT VALUE: a number in a block of /dir
harm() {
	local pblk

	pblk=$(block_of "$1")
	python3 - "$TMP/image" $((pblk * 1024 + $2)) "$3" "$4" <<-'PY'
		import struct, sys
		with open(sys.argv[1], 'r+b') as f:
		    f.seek(int(sys.argv[2]))
		    f.write(struct.pack('<' + sys.argv[3], int(sys.argv[4], 0)))
	PY
}

# try WHAT: what works of looking up, listing, adding and removing; a line
try() {
	python3 - "$MNT/dir" <<-'PY'
		import errno, os, sys
		os.chdir(sys.argv[1])

		def each(calls):
		    done, errors = 0, set()
		    for call, arg in calls:
		        try:
		            call(arg)
		            done += 1
		        except OSError as e:
		            errors.add(errno.errorcode[e.errno])
		    return '%d%s' % (done, ''.join(' ' + e for e in sorted(errors)))

		names = ['name-%d' % i for i in range(600)]
		def make(n):
		    os.close(os.open(n, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
		try:
		    listed = str(len(os.listdir('.')))
		except OSError as e:
		    listed = errno.errorcode[e.errno]
		print('found', each((os.lstat, n) for n in names), end='; ')
		print('listed', listed, end='; ')
		print('made', each((make, 'new-%d' % i) for i in range(100)), end='; ')
		print('removed', each((os.unlink, n) for n in names[:100]))
	PY
}

# damaged WANT WHAT [BLOCK OFFSET FORMAT VALUE]...; WANT: a pattern
damaged() {
	local want=$1 what=$2 got

	shift 2
	cp --sparse=always "$TMP/$BASE" "$TMP/image"
	while [ $# -gt 0 ]; do
		harm "$1" "$2" "$3" "$4"
		shift 4
	done
	mount_image "$TMP/image" errors=continue
	got=$(try)
	# the server is there, and the rest of the file system
	[ "$(cat "$MNT/other")" = other ] || fail "$BASE, $what: the server is gone"
	# shellcheck disable=SC2254
	case $got in
	$want) ;;
	*) fail "$BASE, $what: $got" ;;
	esac
	unmount_image "$TMP/image"
	case $want in
	"$sound") check_image "$TMP/image" ;;
	esac
}

make_base() {
	BASE=$1
	shift
	make_image "$TMP/image" 16M -t ext4 -b 1024 "$@"
	mount_image "$TMP/image"
	mkdir "$MNT/dir"
	echo other >"$MNT/other"
	(cd "$MNT/dir" && seq -f 'name-%.0f' 0 599 | xargs touch)
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	cp --sparse=always "$TMP/image" "$TMP/$BASE"
}

# What is at the beginning of the root: 24 reserved, 28 version, 29 length of the
# information, 30 levels, 31 flags, 32 limit, 34 count, 36 first block, then hash and block
sound='found 600; listed 600; made 100; removed 100'
make_base plain -O ^metadata_csum
# the number of its last block
last_block() {
	local size

	size=$(debugfs -R 'stat /dir' "$TMP/image" 2>/dev/null | sed -n 's/.*Size: //p' | sed -n 1p)
	[[ $size =~ ^[1-9][0-9]*$ ]] || fail "the size of /dir is '$size'"
	echo $((size / 1024 - 1))
}
last=$(last_block)
damaged "$sound" "nothing"
damaged "$sound" "reserved word" 0 24 I 1
damaged "$sound" "unknown hash" 0 28 B 77
damaged "$sound" "hash of encrypted names" 0 28 B 6
damaged "$sound" "length of the information" 0 29 B 200
damaged "$sound" "too many levels" 0 30 B 255
damaged "$sound" "unknown flag" 0 31 B 1
damaged "$sound" "no limit" 0 32 H 0
damaged "$sound" "large limit" 0 32 H 65535
damaged "$sound" "no entries" 0 34 H 0
damaged "$sound" "too many entries" 0 34 H 65535
# where only some of the names are concerned, these are lost to it as to kernel ext4
damaged 'found *; listed 600; made *; removed *' "leaf that is the root" 0 36 I 0
damaged 'found *; listed 600; made *; removed *' "leaf behind the end" 0 36 I $((last + 1))
damaged 'found *; listed 600; made *; removed *' "leaf far behind the end" 0 36 I 0x0fffffff
damaged 'found *; listed 600; made *; removed *' "another leaf" 0 36 I "$last"
damaged 'found *; listed 600; made *; removed *' "hash too high" 0 40 I 0xfffffffe
damaged 'found *; listed 600; made *; removed *' "hash too low" 0 40 I 0
damaged 'found *; listed 600; made *; removed *' "a leaf taken for an index" 0 30 B 1
damaged 'found * EUCLEAN; listed EUCLEAN; made *; removed *' "a leaf with a bad entry" 1 4 H 2
damaged 'found * EUCLEAN; listed EUCLEAN; made *; removed *' "all leaves bad" \
	1 4 H 65535 2 4 H 3 3 4 H 0 4 4 H 1020

# With checksums each of that is an error.
none='found 0 EUCLEAN; listed EUCLEAN; made 0 EUCLEAN; removed 0 EUCLEAN'
make_base sums
damaged "$sound" "nothing"
damaged "$none" "unknown hash" 0 28 B 77
damaged "$none" "too many entries" 0 34 H 65535
damaged "$none" "hash" 0 40 I 0
damaged 'found * EUCLEAN; listed EUCLEAN; made *; removed *' "a leaf" 1 9 B 1

# Whole blocks of noise, of which the server must survive all
for seed in $(seq 20); do
	cp --sparse=always "$TMP/plain" "$TMP/image"
	pblk=$(block_of $((seed % (last + 1))))
	python3 - "$TMP/image" $((pblk * 1024)) "$seed" <<-'PY'
		import random, sys
		rng = random.Random(int(sys.argv[3]))
		with open(sys.argv[1], 'r+b') as f:
		    for _ in range(rng.choice([1, 4, 40])):
		        # the names of the first two entries stay in most
		        at = rng.randrange(0 if rng.random() < .1 else 24, 1024)
		        f.seek(int(sys.argv[2]) + at)
		        f.write(bytes([rng.choice([0, 1, 255, rng.randrange(256)])]))
	PY
	mount_image "$TMP/image" errors=continue
	try >"$TMP/out"
	[ "$(cat "$MNT/other")" = other ] || fail "noise $seed: the server is gone"
	unmount_image "$TMP/image"
done

# A full leaf that is the only block of another directory as well: what is moved from there
# makes the leaf be split, so nothing in it is where it was found.
make_image "$TMP/image" 16M -t ext4 -b 1024 -O ^metadata_csum,^extent,^64bit
mount_image "$TMP/image"
mkdir "$MNT/dir" "$MNT/alias"
echo other >"$MNT/other"
(cd "$MNT/dir" && seq -f 'name-%.0f' 0 599 | xargs touch)
unmount_image "$TMP/image"
cp --sparse=always "$TMP/image" "$TMP/base"
last=$(last_block)
for leaf in $(seq "$last"); do
	cp --sparse=always "$TMP/base" "$TMP/image"
	pblk=$(block_of "$leaf")
	debugfs -w -R "set_inode_field /alias block[0] $pblk" "$TMP/image" >/dev/null 2>&1
	"$IOMAP4FS" "$TMP/image" "$MNT" -f -o iomap=off,errors=continue 2>>"$TMP/messages" &
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	python3 - "$MNT" <<-'PY'
		import os, sys
		os.chdir(sys.argv[1])
		names = [n for n in os.listdir('alias') if n.startswith('name-')]
		for i, n in enumerate(names):
		    try:
		        os.rename('alias/' + n, 'dir/%s-%s' % (n, 'x' * (i * 37 % 200)))
		    except OSError:
		        pass
	PY
	[ "$(cat "$MNT/other")" = other ] || fail "leaf $leaf of two directories: the server is gone"
	unmount_image "$TMP/image"
done
grep 'in use for something else' "$TMP/messages" >/dev/null ||
	fail "nothing was found where it no longer is"
echo "damaged indexes: $((20 + 21 + last))"
