#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Times from before 1901 to after 2446, with nanoseconds: what can be stored is, the rest
# becomes the nearest time that can, as with kernel ext4; each side reads what the other
# one has written.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
have_kernel_ext4 || skip "no kernel ext4"

# set_times DIR: a file, a directory and a link of each time, and at once what they have
set_times() {
	python3 - "$1" <<-'PY'
		import os, sys
		os.chdir(sys.argv[1])
		last = 15032385535  # of 34 bits that begin at -2^31
		for sec in (0, 1, -1, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1, 2**32, 2**32 + 1,
		            2**33 + 2**31, 3 * 2**32 + 5, last - 1, last, last + 1, 2**40,
		            -2**31 + 1, -2**31, -2**31 - 1, -2**32, -2**40):
		    for nsec in (0, 1, 999999999):
		        times = (sec * 10**9 + nsec, (sec + 1) * 10**9 + 999999999 - nsec)
		        name = '%d.%d' % (sec, nsec)
		        os.close(os.open('f' + name, os.O_CREAT | os.O_WRONLY))
		        os.mkdir('d' + name)
		        os.symlink('nowhere', 'l' + name)
		        for kind in 'fdl':
		            os.utime(kind + name, ns=times, follow_symlinks=False)
	PY
	show_times "$1"
}

show_times() {
	python3 - "$1" <<-'PY'
		import os, sys
		os.chdir(sys.argv[1])
		for name in sorted(os.listdir('.')):
		    if name[0] in 'fd':
		        st = os.lstat(name)
		        print(name, 'accessed', st.st_atime_ns, 'modified', st.st_mtime_ns)
		        continue
		    # what makes find a link reads it
		    print(name, 'modified', os.lstat(name).st_mtime_ns)
	PY
}

# same WHAT FILE: as kernel ext4 had it at once
same() {
	cmp -s "$TMP/theirs" "$2" || {
		diff "$TMP/theirs" "$2" | head -20 >&2
		fail "$FEATURES: $1"
	}
}

for FEATURES in "-t ext4" "-t ext4 -I 128" "-t ext3 -I 256" "-t ext2 -I 128"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 32M -N 2000 $FEATURES 2>/dev/null
	cp --sparse=always "$TMP/image" "$TMP/copy"
	mount_kernel "$TMP/copy" rw,noatime
	set_times "$KMNT" >"$TMP/theirs"
	unmount_kernel
	[ "$(wc -l <"$TMP/theirs")" -ge 180 ] || fail "$FEATURES: too few files"
	mount_image "$TMP/image" noatime
	set_times "$MNT" >"$TMP/ours"
	unmount_image "$TMP/image"
	same "not as with kernel ext4" "$TMP/ours"
	check_image "$TMP/image"
	mount_image "$TMP/image" ro
	show_times "$MNT" >"$TMP/ours"
	unmount_image "$TMP/image"
	same "not as before the unmount" "$TMP/ours"
	mount_kernel "$TMP/image" ro
	show_times "$KMNT" >"$TMP/ours"
	unmount_kernel
	same "kernel ext4 reads something else" "$TMP/ours"
	mount_image "$TMP/copy" ro
	show_times "$MNT" >"$TMP/ours"
	unmount_image "$TMP/copy"
	same "kernel ext4's are read as something else" "$TMP/ours"
done
