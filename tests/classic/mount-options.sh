#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What mount options do, beside being taken: errors=panic, minixdf, grpid, allow_other and
# threads=, compared with kernel ext4 where it has them.
. "$(dirname "$0")/lib.sh"

IMG=$TMP/image

# start OPTIONS: mount with the server as a child, $server
start() {
	"$IOMAP4FS" "$IMG" "$MNT" -f -o "iomap=off$1" 2>"$TMP/err" &
	server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	mountpoint -q "$MNT" || fail "$1: $(cat "$TMP/err")"
}

end() {
	umount "$MNT"
	wait $server || fail "status $?"
}

# minixdf: the total is all blocks, what is free stays
make_image "$IMG" 64M -t ext4
for options in "" bsddf minixdf; do
	mount_image "$IMG" "$options"
	stat -f -c "%b %f" "$MNT" >"$TMP/$options.df"
	unmount_image "$IMG"
	[ "$(cut -d' ' -f2 "$TMP/$options.df")" = "$(cut -d' ' -f2 "$TMP/.df")" ] ||
		fail "$options: other free blocks"
done
cmp "$TMP/.df" "$TMP/bsddf.df" || fail "bsddf is not the default"
blocks=$(dumpe2fs -h "$IMG" 2>/dev/null | sed -n 's/^Block count: *//p')
[ "$(cut -d' ' -f1 "$TMP/minixdf.df")" = "$blocks" ] || fail "minixdf: $(cat "$TMP/minixdf.df")"
[ "$(cut -d' ' -f1 "$TMP/bsddf.df")" -lt "$blocks" ] || fail "bsddf: $(cat "$TMP/bsddf.df")"
if have_kernel_ext4; then
	for options in bsddf minixdf; do
		mount_kernel "$IMG" "ro,$options"
		[ "$(stat -f -c %b "$KMNT")" = "$(cut -d' ' -f1 "$TMP/$options.df")" ] ||
			fail "$options: kernel ext4 has $(stat -f -c %b "$KMNT") blocks"
		unmount_kernel
	done
fi

# populate DIR: files and directories of all ways to be made, in directories of another group
populate() {
	mkdir "$1/plain" "$1/setgid"
	chgrp 4711 "$1/plain" "$1/setgid"
	chmod g+s "$1/setgid"
	for dir in plain setgid; do
		touch "$1/$dir/file"
		mkdir "$1/$dir/dir"
		mkfifo "$1/$dir/fifo"
		ln -s file "$1/$dir/symlink"
	done
}

# grpid: the group is the directory's, set-gid bit or not
for options in grpid bsdgroups nogrpid sysvgroups ""; do
	make_image "$IMG" 32M -t ext4
	mount_image "$IMG" "$options"
	populate "$MNT"
	(cd "$MNT" && stat -c "%n %g %a" plain/* setgid/*) >"$TMP/got"
	want=4711
	case $options in nogrpid | sysvgroups | "") want=0 ;; esac
	[ "$(stat -c %g "$MNT/plain/file" "$MNT/plain/dir" "$MNT/plain/fifo" "$MNT/plain/symlink" |
		sort -u)" = $want ] || fail "$options: $(cat "$TMP/got")"
	unmount_image "$IMG"
	check_image "$IMG"
	have_kernel_ext4 || continue
	make_image "$IMG" 32M -t ext4
	mount_kernel "$IMG" "rw${options:+,$options}"
	populate "$KMNT"
	(cd "$KMNT" && stat -c "%n %g %a" plain/* setgid/*) >"$TMP/theirs"
	unmount_kernel
	diff "$TMP/theirs" "$TMP/got" || fail "$options: kernel ext4 makes others"
done

# threads: so many workers, each of which can do everything
make_image "$IMG" 32M -t ext4
tasks() {
	find /proc/$server/task -mindepth 1 -maxdepth 1 | wc -l
}
# more_than_one NUMBER: that many workers more than with threads=1, when all have begun
more_than_one() {
	for _ in $(seq 100); do
		[ $(($(tasks) - one)) -lt "$1" ] || break
		sleep 0.1
	done
	[ $(($(tasks) - one)) = "$1" ] || fail "$1 more than one: $(tasks) tasks, with one $one"
}
start ,threads=1
copies=()
for i in $(seq 20); do
	cp /etc/passwd "$MNT/file$i" &
	copies+=($!)
done
wait "${copies[@]}"
for i in $(seq 20); do
	cmp /etc/passwd "$MNT/file$i" || fail "threads=1: file$i"
done
# all that there will be have begun
one=$(tasks)
end
check_image "$IMG"
for n in 4 64; do
	start ,threads=$n
	more_than_one $((n - 1))
	end
done
# by default 4
start ""
more_than_one 3
end

# errors=panic: not the machine, but the server ends; the error is noted on the disk
make_image "$IMG" 32M -t ext4 -O ^metadata_csum
mount_image "$IMG"
cp /etc/passwd "$MNT/bad"
ino=$(stat -c %i "$MNT/bad")
unmount_image "$IMG"
debugfs -w -R "sif <$ino> block[0] 0x1234" "$IMG" 2>/dev/null
start ,errors=panic
touch "$MNT/lost"
cat "$MNT/bad" >/dev/null 2>&1 && fail "the corrupt file can be read"
status=0
wait $server || status=$?
[ $status = 1 ] || fail "errors=panic: status $status"
grep 'ending, because of errors=panic' "$TMP/err" >/dev/null || fail "panic: $(cat "$TMP/err")"
ls "$MNT" >"$TMP/out" 2>&1 && fail "it is served after a panic"
grep 'not connected' "$TMP/out" >/dev/null || fail "panic: $(cat "$TMP/out")"
umount "$MNT"
dumpe2fs -h "$IMG" 2>/dev/null | grep '^FS Error count: *1' >/dev/null || fail "no error count"
dumpe2fs -h "$IMG" 2>/dev/null | grep '^Filesystem state: .*with errors' >/dev/null ||
	fail "the image doesn't say that it has errors"
# the default of the image does the same
tune2fs -e panic "$IMG" >/dev/null 2>&1
start ""
cat "$MNT/bad" >/dev/null 2>&1 && fail "the corrupt file can be read"
status=0
wait $server || status=$?
[ $status = 1 ] || fail "tune2fs -e panic: status $status"
umount "$MNT"

# allow_other: who may use what root has mounted
command -v runuser >/dev/null || skip "no runuser"
make_image "$IMG" 32M -t ext4
chmod 755 "$TMP"
for options in "" allow_other noallow_other,allow_other noallow_other; do
	mount_image "$IMG" "$options"
	cp /etc/passwd "$MNT/file"
	chmod 1777 "$MNT"
	if [ "$options" = noallow_other ]; then
		runuser -u nobody -- ls "$MNT" >/dev/null 2>&1 && fail "$options: anybody may"
	else
		runuser -u nobody -- cmp /etc/passwd "$MNT/file" || fail "$options: can't be read"
		runuser -u nobody -- touch "$MNT/new" || fail "$options: can't be written"
		[ "$(stat -c %U "$MNT/new")" = nobody ] || fail "$options: $(stat -c %U "$MNT/new")"
		runuser -u nobody -- chown root "$MNT/new" 2>/dev/null && fail "$options: chown"
		rm "$MNT/new"
	fi
	unmount_image "$IMG"
done
check_image "$IMG"
