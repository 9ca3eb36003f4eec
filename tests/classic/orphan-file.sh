#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# orphan_file: what kernel ext4 has left there in a crash is deleted or cut at the next
# mount, and the file is empty again; and what this program leaves, e2fsck and kernel
# ext4 deal with.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
have_kernel_ext4 || skip "no kernel ext4"
IMG=$TMP/image

free_of() {
	dumpe2fs -h "$1" 2>/dev/null | sed -n 's/^Free \(blocks\|inodes\): *//p' | tr '\n' ' '
}

present() {
	dumpe2fs -h "$1" 2>/dev/null | grep '^Filesystem features:.*orphan_present' >/dev/null
}

# orphans DIR: files without a name that are open until the process is told to end
orphans() {
	python3 - "$1" <<-'PY' &
		import os, signal, sys
		os.chdir(sys.argv[1])
		open('kept', 'w').write('kept')
		fds = []
		for i in range(300):
		    fd = os.open('f%d' % i, os.O_CREAT | os.O_RDWR)
		    os.write(fd, b'orphan' * (i * 30 + 1))
		    os.fsync(fd)
		    os.unlink('f%d' % i)
		    fds.append(fd)
		os.mkdir('dir')
		fd = os.open('dir', os.O_RDONLY)
		os.rmdir('dir')
		os.sync()
		open('ready', 'w').close()
		signal.sigwait([signal.SIGTERM])
	PY
	child=$!
	for _ in $(seq 300); do
		[ -e "$1/ready" ] && break
		sleep 0.1
	done
	[ -e "$1/ready" ] || fail "no orphans"
	rm "$1/ready"
	sync -f "$1"
}

for features in "" "-b 1024" "-O metadata_csum_seed" "-O ^metadata_csum"; do
	# shellcheck disable=SC2086
	make_image "$TMP/live" 64M -t ext4 $features -O orphan_file
	mount_kernel "$TMP/live" rw
	orphans "$KMNT"
	sync "$TMP/live"
	cp "$TMP/live" "$IMG"
	kill $child
	wait $child || :
	unmount_kernel

	# there is something to do
	cp "$IMG" "$TMP/copy"
	e2fsck -y -E journal_only "$TMP/copy" >/dev/null 2>&1 || [ $? = 1 ] || fail "replay"
	present "$TMP/copy" || fail "$features: kernel ext4 left nothing"
	# what e2fsck makes of it
	e2fsck -fy "$TMP/copy" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || {
		cat "$TMP/fsck.log"
		fail "$features: e2fsck"
	}

	mount_image "$IMG" 2>/dev/null
	[ "$(cat "$MNT/kept")" = kept ] || fail "$features: the file is lost"
	unmount_image "$IMG"
	check_image "$IMG"
	present "$IMG" && fail "$features: it still says that there are orphans"
	[ "$(free_of "$IMG")" = "$(free_of "$TMP/copy")" ] ||
		fail "$features: free: $(free_of "$IMG"), after e2fsck $(free_of "$TMP/copy")"

	# a crash of this program
	"$IOMAP4FS" "$IMG" "$MNT" -f -o iomap=off 2>/dev/null &
	server=$!
	for _ in $(seq 100); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	orphans "$MNT"
	kill -9 $server
	wait $server || :
	kill $child
	wait $child || :
	umount -l "$MNT"
	flock -w 10 "$IMG" true
	cp "$IMG" "$TMP/copy"
	e2fsck -fy "$TMP/copy" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || {
		cat "$TMP/fsck.log"
		fail "$features: e2fsck after a crash here"
	}
	check_image "$TMP/copy"
	cp "$IMG" "$TMP/copy2"
	mount_kernel "$TMP/copy2" rw
	[ "$(cat "$KMNT/kept")" = kept ] || fail "$features: the file is lost"
	unmount_kernel
	check_image "$TMP/copy2"
	mount_image "$IMG" 2>/dev/null
	unmount_image "$IMG"
	check_image "$IMG"
	for other in copy copy2; do
		[ "$(free_of "$IMG")" = "$(free_of "$TMP/$other")" ] ||
			fail "$features: free: $(free_of "$IMG"), $other $(free_of "$TMP/$other")"
	done
done
