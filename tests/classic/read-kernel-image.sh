#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What kernel ext4 has written (indexed directories, inline data, holes, long
# symlinks, device nodes, attributes) reads the same through iomap4fs.
. "$(dirname "$0")/lib.sh"
have_kernel_ext4 || skip "no kernel ext4"

fill() {
	cd "$KMNT"
	mkdir many deep
	(cd many && seq -f 'a-rather-long-file-name-%.0f' 1 3000 | xargs touch)
	for i in 1 2 3 40 59 60 61 100 150 1000 5000; do
		head -c $i /dev/urandom >"size-$i"
	done
	head -c 3000000 /dev/urandom >big
	truncate -s 200M sparse
	echo middle | dd of=sparse bs=1 seek=150000000 conv=notrunc status=none
	fallocate -l 1M prealloc 2>/dev/null || :
	ln -s short fast
	ln -s "$(printf 'x%.0s' $(seq 200))" slow
	ln -s "$(printf 'x%.0s' $(seq 60))" sixty
	mknod null c 1 3
	mknod bigdev b 300 70000
	mkfifo fifo
	ln big hardlink
	setfattr -n user.one -v 1 big
	setfattr -n user.large -v "$(head -c 500 /dev/zero | tr '\0' v)" big
	setfattr -n security.test -v 2 deep
	setfattr -n trusted.test -v 3 deep
	chmod 4711 size-1
	chown 70000:80000 size-2
	touch -d '2200-01-01 00:00:00.123456789' size-3
	touch -d '1960-05-05 00:00:00.5' size-40
	if command -v setfacl >/dev/null; then
		setfacl -m u:1234:rw,g:4321:r big 2>/dev/null || :
		setfacl -d -m u:1234:rwx deep 2>/dev/null || :
	fi
	cd /
}

for features in "-t ext4" "-t ext4 -O inline_data -I 256" "-t ext3" "-t ext2 -b 1024"; do
	echo "== mke2fs $features"
	# shellcheck disable=SC2086
	make_image "$TMP/image" 200M -N 8000 $features
	mount_kernel "$TMP/image" rw
	fill
	unmount_kernel
	# the server doesn't take what a loop device has
	cp --sparse=always "$TMP/image" "$TMP/copy"
	sum=$(sha256sum <"$TMP/copy")
	mount_kernel "$TMP/image" ro
	mount_image "$TMP/copy" ro
	same_tree "$features" "$KMNT" "$MNT"
	unmount_image "$TMP/copy"
	unmount_kernel
	[ "$sum" = "$(sha256sum <"$TMP/copy")" ] || fail "a read-only mount changed the image"
done
