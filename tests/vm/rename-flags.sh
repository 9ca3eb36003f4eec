# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# rename: plain, over files and directories, NOREPLACE and EXCHANGE, between
# directories, of directories; with errno where it must fail.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"

# rename2 FLAGS OLD NEW: print 0 or the errno's number
rename2()
{
	perl -e 'my $r = syscall(316, -100, "$ARGV[1]", -100, "$ARGV[2]", $ARGV[0] + 0);
		print $r ? $! + 0 : 0' "$@"
}
NOREPLACE=1 EXCHANGE=2 WHITEOUT=4 ENOENT=2 EEXIST=17 EISDIR=21 EINVAL=22 ENOTEMPTY=39

mkdir "$m/d1" "$m/d2" "$m/d2/full"
echo a >"$m/a"
echo b >"$m/b"
expect_equal $EEXIST "$(rename2 $NOREPLACE "$m/a" "$m/b")" "NOREPLACE over a file"
expect_equal 0 "$(rename2 $NOREPLACE "$m/a" "$m/d1/a")" "NOREPLACE to a free name"
expect_equal $ENOENT "$(rename2 $EXCHANGE "$m/b" "$m/none")" "EXCHANGE with nothing"
expect_equal 0 "$(rename2 $EXCHANGE "$m/b" "$m/d1/a")" "EXCHANGE"
expect_equal "a b" "$(cat "$m/b" "$m/d1/a" | paste -sd' ')" "files after EXCHANGE"
expect_equal 0 "$(rename2 $EXCHANGE "$m/b" "$m/d2")" "EXCHANGE of file and directory"
[ -d "$m/b/full" ] || fail "EXCHANGE of file and directory did not happen"
expect_equal 0 "$(rename2 $EXCHANGE "$m/b" "$m/d2")" "EXCHANGE back"
expect_equal $EINVAL "$(rename2 3 "$m/b" "$m/d2")" "both flags"
expect_equal $EISDIR "$(rename2 0 "$m/b" "$m/d1")" "file over directory"
expect_equal $ENOTEMPTY "$(rename2 0 "$m/d1" "$m/d2")" "directory over a full one"
expect_equal $EINVAL "$(rename2 0 "$m/d2" "$m/d2/full/x")" "directory into itself"
mkdir "$m/empty"
expect_equal 0 "$(rename2 0 "$m/d2/full" "$m/empty")" "directory over an empty one"
expect_equal 0 "$(rename2 0 "$m/empty" "$m/d1/moved")" "directory to another directory"
expect_equal "$(stat -c %i "$m/d1")" "$(stat -c %i "$m/d1/moved/..")" ".. of the moved directory"
exec 7<"$m/b"
echo new >"$m/new"
expect_equal 0 "$(rename2 0 "$m/new" "$m/b")" "over an open file"
expect_equal a "$(cat <&7)" "the open file that was replaced"
exec 7<&-
# overlayfs wants this of its upper layer
mkdir "$m/layer"
echo moved >"$m/layer/old"
expect_equal 0 "$(rename2 $WHITEOUT "$m/layer/old" "$m/layer/new")" "WHITEOUT"
expect_equal moved "$(cat "$m/layer/new")" "the file that was moved"
expect_equal "character special file 0 0 1 0" "$(stat -c '%F %t %T %h %a' "$m/layer/old")" "the whiteout"
expect_equal 0 "$(rename2 $WHITEOUT "$m/layer" "$m/d2/layer")" "WHITEOUT of a directory"
expect_equal "character special file" "$(stat -c %F "$m/layer")" "the whiteout of a directory"
expect_equal $EINVAL "$(rename2 $((WHITEOUT | EXCHANGE)) "$m/a" "$m/b")" "WHITEOUT and EXCHANGE"
expect_equal $EEXIST "$(rename2 $((WHITEOUT | NOREPLACE)) "$m/d2/layer" "$m/d1")" "WHITEOUT and NOREPLACE"
manifest "$m" >"$TEST_TMP/want"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
manifest "$m" >"$TEST_TMP/got"
umount "$m"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest"
