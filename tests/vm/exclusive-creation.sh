# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A file that must not be there (O_CREAT with O_EXCL) is created without a look at its name
# first, and what is there already is found to be there: whatever it is, whoever asks,
# however full or read-only the file system is, and if many create it at the same time.
# shellcheck disable=SC2016 # perl's variables
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
as_user=(setpriv --reuid 1000 --regid 1000 --clear-groups)
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -O casefold -E lazy_itable_init=0,nodiscard "$JOB_DISK1" 64M
mount_iomap4fs "$JOB_DISK1" "$m"
chmod 755 "$TEST_TMP" "$m"

# create FILE...: print for each 0 or the errno
create()
{
	perl -e 'use Fcntl; for (@ARGV) { print sysopen(my $f, $_, O_WRONLY | O_CREAT | O_EXCL) ? 0 : $! + 0, "\n" }' "$@"
}

EACCES=13 EEXIST=17 EROFS=30
# expect_create RESULT FILE...
expect_create()
{
	local want=$1

	shift
	expect_equal "$want" "$(create "$@" | sort -u | paste -sd' ')" "creating $*"
}

lookups()
{
	request_count "$m" 1
}

mkdir "$m/d"
echo contents >"$m/d/file"
mkdir "$m/d/dir"
ln -s nowhere "$m/d/dangling"
ln -s file "$m/d/link"
mkfifo "$m/d/fifo"
mkdir "$m/any"
chattr +F "$m/any"
echo contents >"$m/any/Name"
there=("$m"/d/{file,dir,dangling,link,fifo} "$m"/any/Name)
expect_create $EEXIST "${there[@]}"
umount_iomap4fs "$m"

# Names that the kernel hasn't heard of
mount_iomap4fs "$JOB_DISK1" "$m"
stat "$m/d" "$m/any" >/dev/null
before=$(lookups)
expect_create $EEXIST "${there[@]}" "$m"/any/{NAME,name}
expect_create 0 "$m"/d/new{1,2,3} "$m"/any/{New1,New2}
expect_equal "$before" "$(lookups)" "LOOKUPs before creating"
expect_create $EEXIST "$m"/d/new{1,2,3} "$m"/any/{new1,NEW2}
expect_equal contents "$(cat "$m/d/file")" "what is in the file"
expect_equal contents "$(cat "$m/d/link")" "what is behind the link"
expect_equal contents "$(cat "$m/any/nAME")" "what is in the file, by another name"
[ ! -s "$m/d/new2" ] || fail "the new file isn't empty"
! [ -e "$m/d/nowhere" ] || fail "a file was made behind a link"
rm "$m/d/new1"
expect_create 0 "$m/d/new1"
mv "$m/d/new1" "$m/d/new4"
expect_create 0 "$m/d/new1"
expect_create $EEXIST "$m/d/new4"

# Of many at the same time one makes it, while others look
for i in 1 2 3 4 5; do
	stat "$m/d/race$i" >/dev/null 2>&1 &
	for _ in 1 2 3 4 5 6; do
		create "$m/d/race$i" &
		stat "$m/d/race$i" >/dev/null 2>&1 &
	done >>"$TEST_TMP/race$i"
	wait
	expect_equal "0 $EEXIST $EEXIST $EEXIST $EEXIST $EEXIST" \
		"$(sort -n "$TEST_TMP/race$i" | paste -sd' ')" "creating one file at a time"
	stat "$m/d/race$i" >/dev/null
done
umount_iomap4fs "$m"

# Who may not create hears first of what is there
mount_iomap4fs "$JOB_DISK1" "$m"
user_creates()
{
	"${as_user[@]}" perl -e 'use Fcntl; print sysopen(my $f, $ARGV[0], O_WRONLY | O_CREAT | O_EXCL) ? 0 : $! + 0' "$1"
}
expect_equal $EEXIST "$(user_creates "$m/d/file")" "creating what is there, as who may not"
expect_equal $EACCES "$(user_creates "$m/d/other")" "creating as who may not"
chattr +i "$m/d"
expect_create $EEXIST "$m/d/dir"
chattr -i "$m/d"

fallocate -l 1G "$m/rest" 2>/dev/null && fail "there is more space than there can be"
head -c 100M /dev/zero >"$m/rest" 2>/dev/null && fail "there is more space than there can be"
expect_create $EEXIST "$m/d/fifo"
umount_iomap4fs "$m"

mount_iomap4fs "$JOB_DISK1" "$m" ro
expect_create $EEXIST "${there[@]}"
expect_create $EROFS "$m/d/other"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
