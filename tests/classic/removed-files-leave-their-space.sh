#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The blocks of a file that nobody has open are free when rm or mv over it returns, not when the
# kernel has forgotten the inode. To show that without a race, a descriptor of O_PATH keeps the
# kernel from forgetting it. A deleted file that is open is whole until it is closed.
. "$(dirname "$0")/lib.sh"

free_blocks() {
	stat -f -c %f "$MNT"
}

# expect_free BLOCKS WHAT
expect_free() {
	local free

	free=$(free_blocks)
	[ "$free" = "$1" ] || fail "$features: free blocks after $2: $free, expected $1"
}

# fill FILE: nearly all of the file system. SYNCFS comes behind the RELEASE of the writer.
fill() {
	dd if=/dev/zero of="$1" bs=1M count=$most status=none || fail "$features: no room for $1"
	sync -f "$MNT"
}

for features in "-t ext4" "-t ext2 -b 1024" "-t ext4 -O ^has_journal"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 16M $features
	mount_image "$TMP/image" commit=300
	: >"$MNT/small"
	free=$(free_blocks)
	most=$((free * $(stat -f -c %S "$MNT") / 1048576 - 1))
	for round in 1 2 3; do
		fill "$MNT/f"
		rm "$MNT/f"
		expect_free "$free" "rm, round $round"
		fill "$MNT/f"
		ln "$MNT/f" "$MNT/f2"
		rm "$MNT/f2"
		[ "$(free_blocks)" -lt $((free / 2)) ] || fail "$features: a file with a name lost its blocks"
		mv "$MNT/small" "$MNT/f"
		expect_free "$free" "mv over a file, round $round"
		mv "$MNT/f" "$MNT/small"
	done

	fill "$MNT/f"
	python3 - "$MNT/f" "$free" <<-'END' || fail "$features: a file that the kernel still knows"
		import errno, os, sys

		path, free = sys.argv[1], int(sys.argv[2])
		known = os.open(path, os.O_PATH)
		before = os.fstat(known)
		os.unlink(path)
		after = os.statvfs(os.path.dirname(path)).f_bfree
		assert after == free, "free blocks after rm: %d, expected %d" % (after, free)
		now = os.fstat(known)
		assert (now.st_ino, now.st_size, now.st_nlink) == (before.st_ino, before.st_size, 0), now
		# its number isn't given to another file as long as somebody may ask for it
		names = ["%s.%d" % (path, i) for i in range(50)]
		for name in names:
		    os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
		    assert os.stat(name).st_ino != before.st_ino, "the inode is another file"
		for name in names:
		    os.unlink(name)
		again = "/proc/self/fd/%d" % known
		for what in (lambda: os.open(again, os.O_RDWR), lambda: os.truncate(again, 10**6)):
		    try:
		        what()
		    except OSError as e:
		        assert e.errno == errno.ESTALE, e
		    else:
		        raise AssertionError("a file without blocks can be used")
	END
	expect_free "$free" "the end of the last user"

	fill "$MNT/f"
	exec 7<"$MNT/f"
	rm "$MNT/f"
	[ "$(free_blocks)" -lt $((free / 2)) ] || fail "$features: an open file lost its blocks"
	cmp -n $((most * 1048576)) - /dev/zero <&7 || fail "$features: an open file lost its data"
	exec 7<&-
	# RELEASE isn't waited for by close(2)
	for _ in $(seq 300); do
		[ "$(free_blocks)" != "$free" ] || break
		sleep 0.1
	done
	expect_free "$free" "the close of a deleted file"

	# The kernel looks for the name once more after ESTALE, and not a third time: what it finds then
	# must not be taken away, too. The server has refused nothing before. SYNCFS comes behind the
	# RELEASE of the writer.
	unmount_image "$TMP/image"
	mount_image "$TMP/image" commit=300
	for name in first second; do
		echo "$name" >"$MNT/$name"
	done
	sync -f "$MNT"
	python3 - "$MNT" <<-'END' || fail "$features: a file that is replaced while it is opened"
		import errno, os, sys

		known = {}
		for name in "first", "second":
		    path = os.path.join(sys.argv[1], name)
		    known[name] = os.open(path, os.O_PATH)
		    os.unlink(path)
		    try:
		        with open("/proc/self/fd/%d" % known[name]) as f:
		            assert f.read() == name + "\n"
		        assert name == "second", "the first file has kept its blocks"
		    except OSError as e:
		        assert (name, e.errno) == ("first", errno.ESTALE), (name, e)
	END
	unmount_image "$TMP/image"
	check_image "$TMP/image"
done
