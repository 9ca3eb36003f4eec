#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Limits of quotas hold if the mount options ask for it: what would exceed one gets EDQUOT and
# changes nothing, whatever it is that takes the space or the inode.  Soft limits hold when their
# grace period is over.  Afterwards the accounts are what e2fsck adds up.
. "$(dirname "$0")/lib.sh"
FUSEIOMAP=${FUSEIOMAP:-}
[ -x "$FUSEIOMAP" ] || fail "FUSEIOMAP does not name the program"
for tool in setpriv setfattr chattr python3; do
	command -v $tool >/dev/null || skip "no $tool"
done

chmod 755 "$TMP" "$MNT"

# as USER COMMAND...: in groups USER and 2000
as() {
	local user=$1

	shift
	setpriv --reuid "$user" --regid "$user" --groups "$user,2000" "$@"
}

# edquot WHAT COMMAND...: fails, because of a limit
edquot() {
	local what=$1

	shift
	LC_ALL=C "$@" >"$TMP/out" 2>&1 && fail "$what: succeeds beyond the limit"
	grep "Disk quota exceeded" "$TMP/out" >/dev/null || fail "$what: $(cat "$TMP/out")"
}

quota() {
	"$FUSEIOMAP" quota "$@"
}

# pick EXPRESSION: of the JSON on standard input, k: its kinds
pick() {
	python3 -c "import json, sys; k = json.load(sys.stdin)['kinds']; print($1)"
}

# get KIND ID KEY
get() {
	quota --"$1" --json "$MNT" "$2" | pick "k[0]['quotas'][0]['$3']"
}

# begin OPTIONS MKE2FS-ARGUMENT...
begin() {
	local options=$1

	shift
	make_image "$TMP/image" 64M -I 256 -m 0 "$@"
	mount_image "$TMP/image" "allow_other${options:+,$options}"
	mkdir "$MNT/d"
	chmod 777 "$MNT/d"
}

end() {
	unmount_image "$TMP/image"
	check_image "$TMP/image"
}

# writes USER FILE SIZE WANT: so many bytes of it can be written
writes() {
	as "$1" head -c "$3" /dev/zero 2>/dev/null | as "$1" dd of="$2" bs=4k status=none 2>"$TMP/err" || :
	[ "$(stat -c %s "$2")" = "$4" ] || fail "$2 has $(stat -c %s "$2") bytes, not $4: $(cat "$TMP/err")"
}

for features in "-t ext4 -b 1024 -O quota,project" "-t ext4 -b 4096 -O quota,project" \
	"-t ext3 -b 4096 -O quota" "-t ext4 -b 4096 -O quota,inline_data" \
	"-t ext4 -b 1024 -O quota,bigalloc -C 4096"; do
	# shellcheck disable=SC2086
	begin usrquota,grpquota $features
	# hard limit of space: exactly so much, in one write and in many
	quota --user --space-hard=80K "$MNT" 1000 || fail "no limit set"
	[ "$(get user 1000 space_hard)" = 81920 ] || fail "the limit isn't shown"
	want=81920
	# the indirect block counts, too
	case $features in
	*ext3*) want=77824 ;;
	esac
	writes 1000 "$MNT/d/file" 100000 $want
	edquot "$features: append" as 1000 dd if=/dev/zero of="$MNT/d/file" oflag=append conv=notrunc bs=1k count=8 status=none
	[ "$(get user 1000 space)" -le 90000 ] || fail "$features: $(get user 1000 space) bytes"
	edquot "$features: mkdir" as 1000 mkdir "$MNT/d/dir"
	[ ! -e "$MNT/d/dir" ] || fail "$features: the directory is there"
	edquot "$features: symlink" as 1000 ln -s "$(printf 'x%.0s' {1..200})" "$MNT/d/link"
	as 1000 setfattr -n user.x -v "$(printf 'y%.0s' {1..900})" "$MNT/d/file" 2>"$TMP/err" &&
		fail "$features: an attribute block beyond the limit"
	getfattr -n user.x "$MNT/d/file" >/dev/null 2>&1 && fail "$features: half an attribute"
	case $features in
	*ext3*) ;;
	*) edquot "$features: fallocate" as 1000 fallocate -l 200k "$MNT/d/file" ;;
	esac
	# others, root, and what is there already, go on
	as 1001 dd if=/dev/zero of="$MNT/d/other" bs=64k count=3 status=none || fail "another user"
	as 1000 dd if=/dev/zero of="$MNT/d/file" bs=$want count=1 conv=notrunc status=none || fail "overwriting"
	dd if=/dev/zero of="$MNT/d/file" oflag=append conv=notrunc bs=64k count=1 status=none || fail "root"
	[ "$(get user 1000 space)" -gt 140000 ] || fail "root's part does not count"
	edquot "$features: another byte" as 1000 dd if=/dev/zero of="$MNT/d/file2" bs=512 count=1 status=none
	as 1000 truncate -s 4096 "$MNT/d/file"
	rm -f "$MNT/d/file2"
	writes 1000 "$MNT/d/file2" 8192 8192
	rm "$MNT"/d/*
	quota --user --space-hard=0 "$MNT" 1000
	# inodes
	quota --user --inodes-hard=3 "$MNT" 1000
	as 1000 touch "$MNT/d/1"
	as 1000 mkdir "$MNT/d/2"
	as 1000 ln -s x "$MNT/d/3"
	edquot "$features: 4th file" as 1000 touch "$MNT/d/4"
	edquot "$features: 4th dir" as 1000 mkdir "$MNT/d/4"
	edquot "$features: 4th symlink" as 1000 ln -s x "$MNT/d/4"
	edquot "$features: 4th fifo" as 1000 mkfifo "$MNT/d/4"
	[ ! -e "$MNT/d/4" ] || fail "$features: something was made"
	as 1000 ln "$MNT/d/1" "$MNT/d/4" || fail "a link is no inode"
	as 1000 mv "$MNT/d/4" "$MNT/d/5" || fail "a rename is no inode"
	[ "$(get user 1000 inodes)" = 3 ] || fail "$features: $(get user 1000 inodes) inodes"
	rm -r "$MNT"/d/*
	quota --user --inodes-hard=0 "$MNT" 1000
	# gifts: all or nothing
	quota --group --space-hard=20K --inodes-hard=1 "$MNT" 2000
	as 1000 dd if=/dev/zero of="$MNT/d/big" bs=32k count=1 status=none
	as 1000 dd if=/dev/zero of="$MNT/d/small" bs=4k count=1 status=none
	edquot "$features: chgrp" as 1000 chgrp 2000 "$MNT/d/big"
	[ "$(stat -c %g "$MNT/d/big")" = 1000 ] || fail "$features: it has gone"
	as 1000 chgrp 2000 "$MNT/d/small" || fail "$features: it is small enough"
	as 1000 touch "$MNT/d/third"
	edquot "$features: chgrp" as 1000 chgrp 2000 "$MNT/d/third"
	chgrp 2000 "$MNT/d/big" || fail "$features: root"
	[ "$(get group 2000 inodes)" = 2 ] || fail "$features: $(get group 2000 inodes) inodes"
	end
done

# Soft limits: a timer, and when it has run out EDQUOT, until the usage is below the limit
begin usrquota,prjquota -t ext4 -b 4096 -O quota,project
quota --user --space-grace=1h --inodes-grace=2d "$MNT"
quota --user --space-soft=8K --space-hard=1M --inodes-soft=2 "$MNT" 1000
now=$(date +%s)
writes 1000 "$MNT/d/a" 8192 8192
[ "$(get user 1000 space_timer)" = 0 ] || fail "a timer for nothing"
writes 1000 "$MNT/d/a" 16384 16384
timer=$(get user 1000 space_timer)
((timer >= now + 3600 && timer <= now + 3700)) || fail "timer of space: $timer"
as 1000 touch "$MNT/d/b" "$MNT/d/c"
timer=$(get user 1000 inodes_timer)
((timer >= now + 172800 && timer <= now + 172900)) || fail "timer of inodes: $timer"
# another limit starts it anew, and a grace period of nothing is over at once
quota --user --space-grace=0 --inodes-grace=0 "$MNT"
quota --user --space-soft=8K --inodes-soft=2 "$MNT" 1000
edquot "soft limit of space" as 1000 dd if=/dev/zero of="$MNT/d/b" bs=4k count=1 status=none
edquot "soft limit of inodes" as 1000 touch "$MNT/d/e"
as 1000 truncate -s 4096 "$MNT/d/a"
[ "$(get user 1000 space_timer)" = 0 ] || fail "the timer runs on"
writes 1000 "$MNT/d/b" 4096 4096
as 1000 rm "$MNT/d/c"
[ "$(get user 1000 inodes_timer)" = 0 ] || fail "the timer of inodes runs on"
# zeroing what is there takes nothing: above the limits it goes on, and so does the timer
yes | dd of="$MNT/d/a" bs=4k count=3 iflag=fullblock conv=notrunc status=none 2>"$TMP/err" || :
quota --user --space-soft=4K --space-hard=8K "$MNT" 1000
quota --user --space-grace=1h "$MNT"
timer=$(get user 1000 space_timer) space=$(get user 1000 space)
[ "$timer" != 0 ] || fail "no timer to begin with"
[ "$space" = 16384 ] || fail "$space bytes above the limit"
as 1000 fallocate -z -o 0 -l 8192 "$MNT/d/a" || fail "zeroing above the limit"
[ "$(get user 1000 space_timer) $(get user 1000 space)" = "$timer $space" ] ||
	fail "zeroing has changed the account: $(quota --user "$MNT" 1000)"
cmp -n 8192 "$MNT/d/a" /dev/zero || fail "it is not zeroed"
tail -c 4096 "$MNT/d/a" | tr -d 'y\n' | cmp - /dev/null || fail "too much is zeroed"
edquot "zeroing a hole" as 1000 fallocate -z -o 8192 -l 8192 "$MNT/d/a"
tail -c 4096 "$MNT/d/a" | tr -d 'y\n' | cmp - /dev/null || fail "zeroed, though refused"
end

# Projects, and what inherits them
begin prjquota -t ext4 -b 4096 -O quota,project
mkdir -m 777 "$MNT/p"
chattr -p 7 +P "$MNT/p"
quota --project --space-hard=20K --inodes-hard=3 "$MNT" 7
# the limits are what the directory shows as the size of the file system
statfs=$(stat -f -c '%b %f %c %d' "$MNT/p")
[ "$statfs" = "5 4 3 2" ] || fail "blocks and inodes of a project: $statfs"
[ "$(stat -f -c %c "$MNT/d")" -gt 3 ] || fail "another directory shows the limits of a project"
writes 1000 "$MNT/p/a" 30000 16384
edquot "project" as 1001 mkdir "$MNT/p/dir"
as 1001 touch "$MNT/p/b"
edquot "inodes of a project" as 1001 touch "$MNT/p/c"
as 1000 touch "$MNT/d/e"
edquot "chattr -p" as 1000 chattr -p 7 "$MNT/d/e"
[ "$(lsattr -p "$MNT/d/e" | awk '{ print $1 }')" = 0 ] || fail "the project has changed"
# others may not look, nor set
quota --user "$MNT" 1000 >/dev/null
as 1000 "$FUSEIOMAP" quota --user "$MNT" 1000 >/dev/null || fail "one's own"
as 1000 "$FUSEIOMAP" quota --group "$MNT" 2000 >/dev/null || fail "a group of one's own"
as 1000 "$FUSEIOMAP" quota "$MNT" >/dev/null || fail "one's own, unasked"
for who in "--user $MNT 0" "--group $MNT 0" "--project $MNT 7"; do
	# shellcheck disable=SC2086
	as 1000 "$FUSEIOMAP" quota $who 2>"$TMP/err" && fail "$who: of others"
	grep "only root" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
done
as 1000 "$FUSEIOMAP" quota --user --space-hard=0 "$MNT" 1000 2>"$TMP/err" && fail "sets its own limit"
grep "only root" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
# limits and timers stay, and kinds without the option are not enforced
quota --user --inodes-hard=1 "$MNT" 1000
as 1000 touch "$MNT/d/1" "$MNT/d/2" || fail "a limit that isn't asked for holds"
[ "$(quota --json "$MNT" | pick "[x['enforced'] for x in k]")" = "[False, False, True]" ] ||
	fail "$(quota --json "$MNT")"
# many, in several answers, in order
for id in $(seq 5000 7 6400) 70000 4000000000; do
	echo >"$MNT/d/$id"
	chown "$id" "$MNT/d/$id"
done
quota --user --json "$MNT" | pick "'\\n'.join(str(q['id']) for q in k[0]['quotas'])" >"$TMP/ids"
{ echo 0; echo 1000; echo 1001; seq 5000 7 6400; echo 70000; echo 4000000000; } >"$TMP/want"
diff "$TMP/want" "$TMP/ids" >&2 || fail "ids are missing"
quota "$MNT" >"$TMP/table"
grep -E "^ *4000000000 +4096 " "$TMP/table" >/dev/null || fail "$(tail -5 "$TMP/table")"
unmount_image "$TMP/image"
check_image "$TMP/image"
mount_image "$TMP/image" allow_other,usrquota
[ "$(get project 7 inodes_hard)" = 3 ] || fail "the limit is gone"
edquot "after a remount" as 1000 touch "$MNT/d/new"
end

# A tree that leads to the same empty block over and over: listing it takes long, but holds up
# nobody else, and can be ended.
make_image "$TMP/image" 32M -t ext4 -b 1024 -O quota
for i in 1 2 3 4; do
	debugfs -R "bmap <3> $i" "$TMP/image" 2>/dev/null
done >"$TMP/blocks"
python3 - "$TMP/image" "$TMP/blocks" <<'END'
import struct, sys
blocks = [int(line) for line in open(sys.argv[2])]
with open(sys.argv[1], 'r+b') as f:
    for number, block in enumerate(blocks, 1):
        f.seek(block * 1024)
        f.write(struct.pack('<I', number + 1 if number < 4 else 0) * 256)
END
mount_image "$TMP/image"
"$FUSEIOMAP" quota --user "$MNT" >"$TMP/out" 2>&1 &
lister=$!
for i in {1..100}; do
	timeout 20 stat "$MNT/lost+found" >/dev/null || fail "a listing holds up others"
	kill -0 $lister 2>/dev/null || fail "the listing has ended: $(cat "$TMP/out")"
done
kill $lister
wait $lister 2>/dev/null || :
# nothing can be booked there
touch "$MNT/file" 2>/dev/null && touch "$MNT/file2" 2>/dev/null
unmount_image "$TMP/image"

# A quota file that is an inode like others, and counts itself
make_image "$TMP/image" 32M -t ext4 -b 1024 -O quota,^metadata_csum
debugfs -R "dump <3> $TMP/accounts" "$TMP/image" 2>/dev/null
debugfs -w -f - "$TMP/image" >/dev/null 2>&1 <<END
write $TMP/accounts file
sif file uid 777
ssv usr_quota_inum $(($(dumpe2fs -h "$TMP/image" 2>/dev/null | awk '/^First inode/ { print $3 }') + 1))
END
debugfs -R "stat file" "$TMP/image" 2>/dev/null | grep "^Inode: 12 " >/dev/null || fail "the file has another number"
if "$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off 2>"$TMP/err"; then
	fail "a quota file with the number of another"
fi
grep "user quota file can't be used" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"

# Nothing to show
make_image "$TMP/image" 32M -t ext4 -O ^quota
mount_image "$TMP/image"
quota "$MNT" 2>"$TMP/err" && fail "quotas without the feature"
grep "no accounts" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
unmount_image "$TMP/image"
quota "$TMP" 2>"$TMP/err" && fail "quotas of another file system"
grep "not a mount of iomap4fs" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
