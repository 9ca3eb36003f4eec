# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# A file that another one was renamed over, or that was cut to nothing, written anew and closed,
# has the whole of the old or of the new contents after the server was killed with -9 and the
# image was recovered, though nobody called fsync for it. With noauto_da_alloc it has neither.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
head -c 300000 /usr/bin/perl >"$TEST_TMP/old"
head -c 700000 /usr/bin/perl | tail -c 500001 >"$TEST_TMP/new"
echo new >"$TEST_TMP/short"
stop_flusher

over()
{
	perl -e 'rename($ARGV[0], $ARGV[1]) or die("rename: $!\n")' "$@"
}

# end_of_writeback FILE: of what is on its way; nothing that isn't yet
end_of_writeback()
{
	perl -e 'open(F, "<", $ARGV[0]) or die;
		syscall(277, fileno(F), 0, 0, 1) == 0 or die("sync_file_range: $!\n")' "$1"
}

# start OPTIONS MKE2FS-ARGUMENT...: with old files that are durable
start()
{
	make_ext4 "$JOB_DISK1" "${@:2}"
	# nobody else makes anything durable
	mount_iomap4fs "$JOB_DISK1" "$m" "commit=300$1"
	mkdir "$m/dir"
	for name in renamed to-other-dir short mapped-renamed cut truncated mapped-cut empty; do
		cp "$TEST_TMP/old" "$m/$name"
	done
	: >"$m/empty"
	sync -f "$m"
}

replace()
{
	local name

	(umask 077 && cp "$TEST_TMP/new" "$m/1")
	chmod 644 "$m/1"
	over "$m/1" "$m/renamed"
	cp "$TEST_TMP/new" "$m/dir/2"
	over "$m/dir/2" "$m/to-other-dir"
	cp "$TEST_TMP/short" "$m/3"
	over "$m/3" "$m/short"
	truncate -s 65536 "$m/4"
	expect_op 65536 mwrite "$m/4" 0 65536
	over "$m/4" "$m/mapped-renamed"

	cat "$TEST_TMP/new" >"$m/cut"
	expect_op 0 truncate "$m/truncated" 0
	cat "$TEST_TMP/new" >>"$m/truncated"
	: >"$m/mapped-cut"
	truncate -s 65536 "$m/mapped-cut"
	expect_op 65536 mwrite "$m/mapped-cut" 0 65536
	# was durable and had nothing
	cat "$TEST_TMP/new" >"$m/empty"
	for name in cut truncated mapped-cut empty; do
		end_of_writeback "$m/$name"
	done
}

crash()
{
	local status=0

	kill -KILL "$(server_pids)"
	wait_until 20 no_server
	umount "$m"
	e2fsck -fy "$JOB_DISK1" >"$TEST_TMP/e2fsck" 2>&1 || status=$?
	[ $status -le 1 ] || fail "e2fsck -fy: $(cat "$TEST_TMP/e2fsck")"
	mount_ext4 "$JOB_DISK1" "$m" ro
}

# is WANT NAME...
is()
{
	local want=$TEST_TMP/$1 name

	shift
	for name; do
		cmp "$want" "$m/$name" || fail "$name: $(stat -c '%s bytes' "$m/$name")"
	done
}

# survives OPTIONS MKE2FS-ARGUMENT...
survives()
{
	echo "options '$1', mke2fs ${*:2}"
	start "$@"
	replace
	# another directory, but the same transaction
	sync "$m/lost+found"
	crash
	is new renamed to-other-dir cut truncated empty
	is short short
	is w mapped-renamed mapped-cut
	expect_equal 644 "$(stat -c %a "$m/renamed")" "permissions of the new file"
	umount "$m"
}

head -c 65536 /dev/zero | tr '\0' w >"$TEST_TMP/w"
survives ""
survives ,nodelalloc
survives "" -O ^extents,^64bit
survives ,auto_da_alloc -b 1024 -J size=4

# no commit: the old ones
start ""
cp "$TEST_TMP/new" "$m/1"
over "$m/1" "$m/renamed"
crash
is old renamed
umount "$m"

# what has been written costs nothing
start ""
cp "$TEST_TMP/new" "$m/1"
sync -f "$m"
mapping_requests()
{
	echo "$(request_count "$m" "$IOMAP_BEGIN") $(request_count "$m" "$IOMAP_IOEND")"
}
before=$(mapping_requests)
over "$m/1" "$m/renamed"
expect_equal "$before" "$(mapping_requests)" "BEGIN and IOEND requests"
umount_iomap4fs "$m"

# and the tests above can fail
start ,noauto_da_alloc
replace
sync "$m/lost+found"
crash
for name in renamed to-other-dir short cut truncated empty; do
	expect_equal 0 "$(stat -c %s "$m/$name")" "noauto_da_alloc: size of $name"
done
umount "$m"
