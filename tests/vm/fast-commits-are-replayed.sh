# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Fast commits of kernel ext4: after a crash the server's own replay leaves what fsync promised, as
# kernel ext4's replay does, and e2fsck finds nothing wrong.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib-fast-commits.sh
. "$(dirname "$0")/lib-fast-commits.sh"

first_files()
{
	mkdir "$m/dir" "$m/dir/sub"
	data 300K >"$m/old"
	data 100K >"$m/dir/gone"
	data 50K >"$m/dir/replaced"
	data 2M >"$m/holes"
	setfattr -n user.x -v y "$m/old" "$m/dir"
	ln "$m/old" "$m/dir/old2"
	ln -s nowhere "$m/link"
	settle
}

change_names()
{
	rm "$m/dir/gone"
	mv "$m/new" "$m/dir/replaced"
	mv "$m/old" "$m/old3"
	ln "$m/old3" "$m/dir/sub/old4"
	rm "$m/dir/old2"
	data 5K >"$m/other"
	promise
	# numbers of inodes that are used again
	for i in 1 2 3; do
		data $((i * 20000)) >"$m/again"
		sync "$m/again"
		rm "$m/again"
		data $((i * 10000)) >"$m/a file with a longer name $i"
	done
	for i in $(seq 30); do
		: >"$m/dir/a file with a name that takes some more room in the directory $i"
	done
	promise
}

# Kernel ext4's own replay leaves wrong link counts, or fails.
change_directories()
{
	mkdir "$m/made" "$m/made/deeper"
	data 9K >"$m/made/deeper/f"
	promise
	mkfifo "$m/made/fifo"
	mknod "$m/made/null" c 1 3
	rm -r "$m/made/deeper"
	# deleted, and open
	data 30K >"$m/open"
	exec 9<>"$m/open"
	rm "$m/open"
	data 30K >&9
	sync /dev/fd/9
	promise
}

kernel=1
begin -b 4096
first_files
data 200K >"$m/new"
sync "$m/new"
data 70K >>"$m/new"
data 10K >>"$m/old"
promise
chmod 600 "$m/old"
chown 12:34 "$m/dir/replaced"
touch -d 2001-02-03 "$m/holes"
truncate -s 1000 "$m/new"
truncate -s 5M "$m/old"
promise
recovered "files that change"
fallocate -p -o 64K -l 200K "$m/holes"
fallocate -z -o 512K -l 300K "$m/holes"
fallocate -n -o 4M -l 1M "$m/holes"
for i in $(seq 0 2 30); do
	expect_op 4096 write "$m/holes" $((262144 + i * 4096)) 4096
	fallocate -p -o $((1048576 + i * 4096)) -l 4096 "$m/holes"
done
promise
recovered "a file in many pieces"
change_names
recovered "names"
kernel=
mount=ro
recovered "a mount for reading"
mount=
change_directories
recovered "directories"
exec 9>&-
end

for shape in "-b 1024 -I 128 -O ^metadata_csum,^64bit -J size=4" \
	"-b 4096 -O orphan_file,metadata_csum_seed"; do
	# shellcheck disable=SC2086 # words
	begin $shape
	first_files
	data 20K >"$m/new"
	change_names
	change_directories
	recovered "$shape"
	exec 9>&-
	end
done
echo "crash points: $points"
