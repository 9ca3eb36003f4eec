# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 1800
#
# As the test fast-commits-are-replayed, with a crash after each change.
# shellcheck source=../lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../lib-fast-commits.sh
. "$(dirname "$0")/lib-fast-commits.sh"

kernel=1
for shape in "-b 4096" "-b 1024 -I 128 -J size=4" "-b 1024 -O ^metadata_csum,^64bit -J size=4" \
	"-b 4096 -O orphan_file,metadata_csum_seed"; do
	# shellcheck disable=SC2086 # words
	begin $shape
	mkdir "$m/dir" "$m/dir/sub"
	data 300K >"$m/old"
	data 100K >"$m/dir/gone"
	data 50K >"$m/dir/replaced"
	data 2M >"$m/holes"
	setfattr -n user.x -v y "$m/old" "$m/dir"
	ln "$m/old" "$m/dir/old2"
	ln -s nowhere "$m/link"
	settle

	data 200K >"$m/new"
	promise
	recovered "$shape: a new file"

	data 70K >>"$m/new"
	data 10K >>"$m/old"
	promise
	recovered "$shape: files that grow"

	chmod 600 "$m/old"
	chown 12:34 "$m/dir/replaced"
	touch -d 2001-02-03 "$m/holes"
	promise
	recovered "$shape: attributes"

	truncate -s 1000 "$m/new"
	truncate -s 5M "$m/old"
	promise
	recovered "$shape: sizes"

	fallocate -p -o 64K -l 200K "$m/holes"
	fallocate -z -o 512K -l 300K "$m/holes"
	fallocate -n -o 4M -l 1M "$m/holes"
	promise
	recovered "$shape: holes"

	settle
	expect_op 4096 write "$m/holes" 540672 4096
	expect_op 30000 write "$m/holes" 100000 30000
	promise
	recovered "$shape: data in holes"

	rm "$m/dir/gone"
	mv "$m/new" "$m/dir/replaced"
	mv "$m/old" "$m/old3"
	ln "$m/old3" "$m/dir/sub/old4"
	rm "$m/dir/old2"
	data 5K >"$m/other"
	promise
	recovered "$shape: names"

	settle
	for i in $(seq 150); do
		data "$i" >"$m/dir/file with a longer name $i"
		[ $((i % 3)) != 0 ] || rm "$m/dir/file with a longer name $i"
		[ $((i % 50)) != 0 ] || sync "$m/dir/file with a longer name $i" 2>/dev/null || :
	done
	promise
	recovered "$shape: a directory that grows"

	settle
	for i in $(seq 0 2 300); do
		expect_op 1024 write "$m/other" $((i * 8192)) 1024
	done
	promise
	recovered "$shape: a file in many pieces"
	settle
	for i in $(seq 0 4 300); do
		fallocate -p -o $((i * 8192)) -l 8192 "$m/other"
	done
	promise
	recovered "$shape: pieces that go"

	kernel=
	# a deleted file that is open, and others that get its number
	settle
	data 30K >"$m/open"
	exec 9<>"$m/open"
	rm "$m/open"
	data 30K >&9
	sync /dev/fd/9
	promise
	recovered "$shape: a deleted file that is open"
	exec 9>&-
	for i in 1 2 3; do
		data $((i * 20000)) >"$m/again"
		sync "$m/again"
		rm "$m/again"
		data $((i * 10000)) >"$m/again$i"
	done
	promise
	recovered "$shape: numbers used again"

	settle
	mkdir "$m/made" "$m/made/deeper"
	data 9K >"$m/made/deeper/f"
	promise
	recovered "$shape: new directories"
	mkfifo "$m/made/fifo"
	mknod "$m/made/null" c 1 3
	rm -r "$m/made/deeper"
	rmdir "$m/dir/sub" 2>/dev/null || :
	data 1K >>"$m/other"
	promise
	recovered "$shape: directories that go"
	kernel=1
	end
done

# read-only mounts replay as well
begin -b 4096
data 10K >"$m/f"
settle
data 100K >>"$m/f"
promise
mount=ro
recovered "a mount for reading"
mount=
end
figure "crash points with fast commits" "$points"
