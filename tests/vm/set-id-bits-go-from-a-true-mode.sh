# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# An ACL's mask takes permissions away from a set-user-id file that is open for writing; then a
# change of the file takes the set-id bit away. The mode that remains is made from the one that
# the ACL has left, not from the one that the kernel knew before: as with kernel ext4, whatever
# the change is.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m k=$TEST_TMP/k
chmod 755 "$TEST_TMP"
mkfifo "$TEST_TMP/go"

# change HOW FILE: open it as an ordinary user, and change it when there is a line in "go"
change()
{
	setpriv --reuid 1000 --regid 1000 --clear-groups perl -e '
		use Fcntl;
		my ($how, $file) = @ARGV;
		my $direct = $how eq "direct" ? 040000 : 0;
		sysopen(F, $file, O_RDWR | $direct) or die "$file: $!";
		syswrite(STDOUT, "open\n");
		<STDIN>;
		if ($how eq "fallocate") {
			syscall(285, fileno(F), 0, 0, 8192) and die "fallocate: $!";
		} elsif ($how eq "truncate") {
			truncate(F, 100) or die "truncate: $!";
		} elsif ($how eq "direct") {
			my $buffer = "x" x 8192;
			my $at = unpack("Q", pack("p", $buffer));
			syscall(18, fileno(F), $at + (-$at & 4095), 4096, 0) == 4096
				or die "write: $!";
		} else {
			syswrite(F, "x") or die "write: $!";
		}' "$1" "$2"
}

# left_by DIR HOW: what remains of mode and ACL
left_by()
{
	local f=$1/$2 changer

	head -c 8192 /usr/bin/perl >"$f"
	chmod 6777 "$f"
	setfacl -m u:1000:rwx,m::rwx "$f"
	stat -c %a "$f" >/dev/null
	rm -f "$TEST_TMP/out"
	change "$2" "$f" <"$TEST_TMP/go" >"$TEST_TMP/out" &
	changer=$!
	exec 9>"$TEST_TMP/go"
	wait_until 20 grep -q open "$TEST_TMP/out" || fail "$2: $f was not opened"
	setfacl -m m::r-- "$f"
	echo go >&9
	exec 9>&-
	wait $changer || fail "$2: can't change $f"
	echo "$2: $(stat -c %a "$f") $(getfacl -cnp "$f" | tr '\n' ' ')"
}

steps()
{
	left_by "$1" write
	left_by "$1" direct
	left_by "$1" truncate
	left_by "$1" fallocate
	# to somebody else
	setfacl -m u:1000:rwx,m::rwx "$1/write"
	chmod 6777 "$1/write"
	stat -c %a "$1/write" >/dev/null
	setfacl -m m::--x "$1/write"
	chown 1 "$1/write"
	echo "chown: $(stat -c %a "$1/write") $(getfacl -cnp "$1/write" | tr '\n' ' ')"
}

make_ext4 "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$k"
steps "$k" >"$TEST_TMP/want"
umount "$k"
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
steps "$m" >"$TEST_TMP/got"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "what is left of modes and ACLs"
# the file's own words have to say that something happened
grep "^write: 747 .*mask::r--" "$TEST_TMP/want" >/dev/null || fail "nothing was tested: $(cat "$TEST_TMP/want")"
