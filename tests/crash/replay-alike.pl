#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# replay-alike.pl IMAGE: the server (IOMAP4FS), kernel ext4 and debugfs replay the journal of what a
# crash has left.  Either the server and the kernel both refuse, or all make the same of it, block
# for block.  IMAGE stays as it was but for a mark.
#
#	ALIKE_DIR	for copies of the image, and a mount point "m"
#	ALIKE_DEVICE	where kernel ext4 mounts a copy; empty: it is not asked
#	ALIKE_FOUND	file that a line is added to: what was in the log
#
# Kernel ext4 frees orphans right after a replay, but not in a file system with errors that is
# mounted read-only: the copies all are marked so.
#
# These bytes may differ:
#	superblocks of the file system	times and numbers of mounts and writes, the state, notes of
#					errors, free blocks and inodes (kernel ext4 adds up those of
#					the groups), and the checksum; all of a backup, since debugfs
#					writes them anew
#	superblock of the journal	where the log will go on: number of the next transaction and
#					head (kernel only); errno; features, which kernel ext4 sets
#					as the mount options want them; and the checksum and its kind
use strict;
use warnings;
use Fcntl;

my ($image) = @ARGV;
my ($dir, $device) = @ENV{qw(ALIKE_DIR ALIKE_DEVICE)};
my @super = ([12, 20], [44, 56], [58, 60], [64, 68], [0x158, 0x15c], [0x178, 0x180],
	[0x194, 0x1fc], [0x274, 0x27c], [1020, 1024]);
my @journal = ([24, 28], [32, 48], [80, 81], [88, 92], [252, 256]);
my $failed = 0;
defined($image) && $dir or die "usage: replay-alike.pl IMAGE, with ALIKE_DIR set\n";
$ENV{PATH} .= ':/usr/sbin:/sbin';

sub get {
	my ($path, $size) = @_;
	sysopen(my $f, $path, O_RDONLY) or die "$path: $!";
	my ($all, $n) = ('');
	while (length($all) < $size) {
		$n = sysread($f, $all, $size - length($all), length($all)) or die "$path: $!";
	}
	return $all;
}

sub put {
	my ($path, $data) = @_;
	my $done = 0;
	sysopen(my $f, $path, O_WRONLY | O_CREAT) or die "$path: $!";
	while ($done < length($data)) {
		$done += syswrite($f, $data, length($data) - $done, $done) || die "$path: $!";
	}
	close($f) or die "$path: $!";
}

# said COMMAND ARGUMENT...: its exit status and what it says
sub said {
	open(my $f, '-|', @_) or die "$_[0]: $!";
	my $said = do { local $/; <$f> };
	close($f);
	return ($? & 127 ? 128 : $? >> 8, $said // '');
}

sub sh {
	return said('sh', '-c', $_[0] . ' 2>&1', 'sh', @_[1 .. $#_]);
}

sub crc32c {
	my $crc = 0xffffffff;
	for my $byte (unpack('C*', $_[0])) {
		$crc ^= $byte;
		$crc = $crc & 1 ? $crc >> 1 ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
	}
	return $crc;
}

sub mark {
	my ($data) = @_;
	my $sb = substr($data, 1024, 1024);
	substr($sb, 58, 2) = pack('v', unpack('v', substr($sb, 58, 2)) | 2);
	substr($sb, 1020, 4) = pack('V', crc32c(substr($sb, 0, 1020)))
		if unpack('V', substr($sb, 100, 4)) & 0x400;
	substr($data, 1024, 1024) = $sb;
	return $data;
}

# what there is to do: copies in the log, escaped ones, tables of revoked blocks, and turns
sub note {
	my ($log) = @_;
	my ($copies, $escaped, $revokes, $turns, $before) = (0, 0, 0, 0, 0);
	for (split(/\n/, $log)) {
		if (/logged at.*journal block (\d+).*flags 0x(\w+)/) {
			$copies++;
			$escaped++ if hex($2) & 1;
			$turns++ if $1 < $before;
			$before = $1;
		}
		$revokes++ if /type 5/;
	}
	open(my $f, '>>', $ENV{ALIKE_FOUND}) or die "$ENV{ALIKE_FOUND}: $!";
	print $f "copies $copies escaped $escaped revokes $revokes turns $turns\n";
	close($f) or die;
}

# same OWN OTHER WHO JOURNAL BACKUPS: the server's, and another one
sub same {
	my ($own, $other, $who, $journal, $backups) = @_;
	return if $own eq $other;
	my $bs = 1024 << unpack('V', substr($own, 1024 + 24, 4));
	for (my $nr = 0; $nr * $bs < length($own); $nr++) {
		my ($x, $y) = map { substr($_, $nr * $bs, $bs) } $own, $other;
		next if $x eq $y || $$backups{$nr};
		my $from = $nr == $journal ? 0 : 1024 % $bs;
		for ($nr == $journal ? @journal : $nr == int(1024 / $bs) ? @super : ()) {
			my ($at, $n) = ($from + $$_[0], $$_[1] - $$_[0]);
			substr($x, $at, $n) = substr($y, $at, $n) = '-' x $n;
		}
		next if $x eq $y;
		my @at = grep { substr($x, $_, 1) ne substr($y, $_, 1) } 0 .. $bs - 1;
		print "block $nr differs from that of $who: ", scalar(@at),
			" bytes, from $at[0] on\n";
		last if ++$failed == 12;
	}
}

my $size = -s $image;
my $crashed = mark(get($image, $size));
put($image, $crashed);
put("$dir/own", $crashed);
my ($status, $own_said) = said('bash', '-c',
	'exec -a mount.iomap4fs "$IOMAP4FS" "$ALIKE_DIR/own" "$ALIKE_DIR/m" -f -o iomap=off 2>&1');
my $own = get("$dir/own", $size);
my ($kernel_status, $kernel_said, $kernel) = (0, '');
if ($device) {
	put($device, $crashed);
	($kernel_status, $kernel_said) = sh('mount -t ext4 -o ro "$1" "$2" && umount "$2"',
		$device, "$dir/m");
	$kernel = get($device, $size);
}
put("$dir/other", $crashed);
# debugfs says what is in the log, and replays it
my (undef, $log) = sh('debugfs -R "logdump -a" "$1"; exec debugfs -n -w -R journal_run "$1"',
	"$dir/other");
note($log);
if ($device && !$status != !$kernel_status) {
	print "the server: $status, kernel ext4: $kernel_status\n$own_said$kernel_said";
	exit 8;
}
exit 0 if $status;
die "the server has changed nothing: $own_said" if $own eq $crashed && $log =~ /logged at/;
my (undef, $where) = sh('debugfs -R "bmap <8> 0" "$1"; dumpe2fs "$1"', "$dir/own");
my ($journal) = $where =~ /^(\d+)$/m or die "no journal: $where";
my %backups = map { $_ => 1 } $where =~ /Backup superblock at (\d+)/g;
same($own, $kernel, 'kernel ext4', $journal, \%backups) if $device;
same($own, get("$dir/other", $size), 'debugfs', $journal, \%backups);
exit($failed ? 8 : 0);
