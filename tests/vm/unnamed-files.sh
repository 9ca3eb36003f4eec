# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# O_TMPFILE: files without a name do what kernel ext4's do, can be given a name unless they
# were opened with O_EXCL, go with their last user, and after a crash with recovery.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
cat >"$TEST_TMP/unnamed.pl" <<'END'
use strict;
use Fcntl;
my ($dir) = @ARGV;
my ($tmpfile, $linkat, $follow) = (020200000, 265, 0x400);

sub unnamed {
	sysopen(my $f, $dir, O_RDWR | $tmpfile | ($_[0] // 0), 0640) or die "open: $!";
	return $f;
}
sub name {
	my $from = "/proc/self/fd/" . fileno($_[0]);
	my $to = "$dir/$_[1]";
	my $r = syscall($linkat, -100, $from, -100, $to, $follow);
	return $r ? "$!" : "ok";
}
sub show {
	my @st = stat($_[1]);
	printf "%s: mode %o links %d size %d blocks %d\n", $_[0], @st[2, 3, 7, 12];
}
umask 022;
my $f = unnamed();
show "new", $f;
syswrite $f, "x" x 100000;
$f->sync if $f->can("sync");
system("sync");
show "written", $f;
print "name: ", name($f, "named"), "\n";
show "named", $f;
print "name: ", name($f, "named"), "\n";
print "second name: ", name($f, "second"), "\n";
show "named", "$dir/second";
unlink "$dir/named";
show "named", $f;
my $g = unnamed(O_EXCL);
print "name of O_EXCL: ", name($g, "never"), "\n";
show "unnamed", $g;
syswrite $g, "y" x 1000000;
sysseek $g, 999999, 0;
sysread $g, my $c, 2;
print "read: $c\n";
print -e "$dir/never" ? "there\n" : "not there\n";
exit 0 unless $ARGV[1];
syswrite $g, "z" x 1000000;
system("sync");
open my $mark, ">", $ARGV[1];
sleep 1000;
END

# unnamed_files MOUNT: in a fresh directory
unnamed_files()
{
	mkdir -p "$1/dir"
	perl "$TEST_TMP/unnamed.pl" "$1/dir"
	ls "$1/dir"
	cksum <"$1/dir/second"
	rm -r "$1/dir"
}

m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m"
unnamed_files "$m" >"$TEST_TMP/want"
umount "$m"
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
sync "$m"
free=$(stat -f -c '%f %d' "$m")
unnamed_files "$m" >"$TEST_TMP/got"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "what unnamed files do"
expect_equal "$free" "$(stat -f -c '%f %d' "$m")" "free blocks and inodes"

mkdir "$m/dir"
perl "$TEST_TMP/unnamed.pl" "$m/dir" "$TEST_TMP/mark" >/dev/null &
user=$!
wait_until 30 test -e "$TEST_TMP/mark" || fail "no unnamed file"
kill -KILL "$(server_pids)"
kill "$user"
wait "$user" || :
umount "$m"
mount_ext4 "$JOB_DISK1" "$m"
rm -r "$m/dir"
umount "$m"
check_clean "$JOB_DISK1"
expect_equal "${free%% *}" "$(dumpe2fs -h "$JOB_DISK1" 2>/dev/null | sed -n 's/^Free blocks: *//p')" \
	"free blocks after recovery"
