#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The quota feature: what users, groups and projects have is accounted for as kernel
# ext4 and e2fsck count it, whatever is done, and the files can be gone on with by
# either side.  And limits that an administrator has set stay as they are.
. "$(dirname "$0")/lib.sh"

# usage IMAGE: "type id bytes inodes" of all who have something
usage() {
	local type

	for type in user group project; do
		debugfs -R "list_quota $type" "$1" 2>/dev/null |
			awk -v type=$type '$1 ~ /^[0-9]+$/ && $2 + $5 { print type, $1, $2, $5 }'
	done | LC_ALL=C sort
}

# counted DIR [PROJECTS]: the same from what a mounted file system shows
counted() {
	find "$1" -xdev -printf '%D:%i %U %G %b %p\n' | sort -u -k 1,1 |
		while read -r _ uid gid blocks path; do
			echo "user $uid $((blocks * 512))"
			echo "group $gid $((blocks * 512))"
			[ -z "${2-}" ] || case $path in
			*/project7*) echo "project 7 $((blocks * 512))" ;;
			*) echo "project 0 $((blocks * 512))" ;;
			esac
		done | awk '{ bytes[$1 " " $2] += $3; n[$1 " " $2]++ }
			END { for (who in n) print who, bytes[who], n[who] }' | LC_ALL=C sort
}

# All that changes the usage of somebody
load() {
	local dir=$1 n id

	mkdir "$dir" "$dir/deep" "$dir/deep/er"
	for n in $(seq 40); do
		head -c $((n * 700)) /dev/zero >"$dir/file$n"
		# ids that share nothing, and more than fit into one block
		id=$((n * 104729 * (n % 7 + 1)))
		chown $id:$((id / 3)) "$dir/file$n"
	done
	for n in $(seq 1 3 40); do
		truncate -s $((n * 100)) "$dir/file$n"
		chown 7:8 "$dir/file$n"
	done
	rm "$dir"/file2*
	fallocate -l 300k "$dir/space" 2>/dev/null || head -c 300k /dev/zero >"$dir/space"
	fallocate -p -o 16k -l 64k "$dir/space"
	chown 1000:1000 "$dir/space" "$dir/deep"
	ln "$dir/space" "$dir/second-name"
	rm "$dir/space"
	ln -s "$(printf 'x%.0s' {1..200})" "$dir/long"
	ln -s short "$dir/short"
	chown -h 1000:5 "$dir/long" "$dir/short"
	mkfifo "$dir/fifo"
	chown 4294967294:65536 "$dir/fifo"
	# an attribute block
	setfattr -n user.large -v "$(printf 'y%.0s' {1..700})" "$dir/file1"
	setfattr -n user.large -v "$(printf 'z%.0s' {1..700})" "$dir/file40"
	chown 12:12 "$dir/file1"
	setfattr -x user.large "$dir/file40"
	# a directory of several blocks, and then an indexed one
	for n in $(seq 400); do
		: >"$dir/deep/$(printf 'a-name-of-some-length-%070d' "$n")"
	done
	chown 33:33 "$dir/deep"/*7
	# replaced by a rename
	head -c 40000 /dev/zero >"$dir/old"
	chown 77:77 "$dir/old"
	mv "$dir/file5" "$dir/old"
	rm -r "$dir/deep/er"
	# deleted while in use
	exec 9>"$dir/open"
	rm "$dir/open"
	head -c 100000 /dev/zero >&9
	chown 78:78 /proc/self/fd/9
	exec 9>&-
}

# A kernel without quotas mounts such an image only to read.
kernel_accounts() {
	have_kernel_ext4 && mount -t ext4 -o loop "$1" "$KMNT" 2>/dev/null
}

check_usage() {
	local what=$1 image=$2

	usage "$image" >"$TMP/booked"
	cmp -s "$TMP/counted" "$TMP/booked" || {
		diff "$TMP/counted" "$TMP/booked" | head >&2
		fail "$what: the accounts are wrong"
	}
}

# Until the kernel has forgotten what was deleted it has its space.
count_here() {
	counted "$MNT" "$@" >"$TMP/counted"
}

n=0
for features in "-t ext4 -b 1024 -O quota" "-t ext4 -b 4096 -O quota,project -I 256" \
	"-t ext3 -b 1024 -O quota" "-t ext4 -b 4096 -O quota,inline_data,^has_journal" \
	"-t ext4 -b 2048 -O quota -E quotatype=grpquota"; do
	projects=
	case $features in *project*) projects=1 ;; esac
	# shellcheck disable=SC2086
	make_image "$TMP/image" 64M $features
	# kernel ext4 first, so that there is something to go on with
	if kernel_accounts "$TMP/image"; then
		load "$KMNT/kernel"
		unmount_kernel
	else
		mount_image "$TMP/image"
		load "$MNT/kernel"
		unmount_image "$TMP/image"
		check_image "$TMP/image"
	fi
	mount_image "$TMP/image"
	load "$MNT/here"
	if [ -n "$projects" ]; then
		mkdir "$MNT/project7"
		chattr -p 7 +P "$MNT/project7" || fail "no project"
		head -c 50000 /dev/zero >"$MNT/project7-file"
		chattr -p 7 "$MNT/project7-file"
		head -c 50000 /dev/zero >"$MNT/project7/inherits"
		chattr -p 99 "$MNT/here/old"
		chattr -p 0 "$MNT/here/old"
	fi
	rm -rf "$MNT/kernel"
	count_here $projects
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	case $features in
	*grpquota*) sed -i /^user/d "$TMP/counted" ;;
	esac
	check_usage "$features" "$TMP/image"
	# and kernel ext4 can go on
	if kernel_accounts "$TMP/image"; then
		load "$KMNT/kernel"
		rm -r "$KMNT/here"
		unmount_kernel
		check_image "$TMP/image"
	fi
	n=$((n + 1))
done
[ $n = 5 ] || fail "not all was tested"

# A limit stays what it is: the first entry's, which mke2fs makes behind four tree blocks.
limit() {
	debugfs -R "get_quota user 0" "$TMP/image" 2>/dev/null | awk '$1 == 0 { print $7 }'
}
make_image "$TMP/image" 32M -b 1024 -t ext4 -O quota
blk=$(debugfs -R "bmap <3> 5" "$TMP/image" 2>/dev/null)
printf '\071\060' | dd of="$TMP/image" bs=1 seek=$((blk * 1024 + 16 + 8)) conv=notrunc status=none
[ "$(limit)" = 12345 ] || fail "no limit to begin with"
mount_image "$TMP/image"
mkdir "$MNT/directory"
echo x >"$MNT/file"
chown 500:500 "$MNT/file"
unmount_image "$TMP/image"
check_image "$TMP/image"
[ "$(limit)" = 12345 ] || fail "the limit is lost"

# A damaged file of accounts is not written to.
blk=$(debugfs -R "bmap <3> 0" "$TMP/image" 2>/dev/null)
bs=$(dumpe2fs -h "$TMP/image" 2>/dev/null | sed -n 's/^Block size: *//p')
printf 'xxxx' | dd of="$TMP/image" bs=1 seek=$((blk * bs)) conv=notrunc status=none
"$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off 2>"$TMP/err" && fail "mounted with bad accounts"
grep "user quota file" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"

# The options by which limits are enforced are taken, with a warning if they can't have an effect;
# those of projects only where there are projects.
# says PATTERN OPTION MKE2FS-ARGUMENT...
says() {
	local pattern=$1 option=$2

	shift 2
	make_image "$TMP/image" 32M -t ext4 "$@"
	mount_image "$TMP/image" "$option" 2>"$TMP/err"
	unmount_image "$TMP/image"
	# something to match "^$"
	[ -s "$TMP/err" ] || echo >"$TMP/err"
	grep "$pattern" "$TMP/err" >/dev/null || fail "$option: $(cat "$TMP/err")"
}
for option in quota usrquota grpquota; do
	says "^$" $option -O quota
	says "no accounts are kept: .* feature quota" $option
done
says "^$" prjquota -O quota,project
says "no accounts are kept: .* feature quota" prjquota -O project
says "user are not enforced: .* no file" usrquota -O quota -E quotatype=grpquota
for features in quota ^quota; do
	make_image "$TMP/image" 32M -t ext4 -O $features
	"$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off,prjquota 2>"$TMP/err" &&
		fail "prjquota without projects"
	grep "feature project" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
done

# What can't be accounted for is not written.
make_image "$TMP/image" 32M -t ext4 -O quota,ea_inode
"$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off,rw 2>"$TMP/err" && fail "mounted for writing"
grep "quota together with ea_inode" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
mount_image "$TMP/image" ro
