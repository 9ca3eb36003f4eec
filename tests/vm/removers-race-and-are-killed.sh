# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Tasks make, write, replace, remove and close the same few files, some of them through descriptors
# of deleted files, and are killed at any moment, also while they wait for the server to forget a
# file. No reference is lost or given up twice: in the end all space is free, and no file is wrong.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_small_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m" commit=300
: >"$m/warm-up"
rm "$m/warm-up"
sync -f "$m"
before=$(stat -f -c '%f %d' "$m")

cat >"$TEST_TMP/race.pl" <<'END'
use strict;
use warnings;
use Fcntl;
use Time::HiRes qw(time sleep);

my ($dir, $seconds) = @ARGV;
my $end = time + $seconds;
my %tasks;

sub task
{
	my @kept;

	srand(shift);
	for (;;) {
		my $f = "$dir/" . int rand 4;
		my $what = int rand 6;

		if ($what < 2 and sysopen my $fh, $f, O_RDWR | O_CREAT) {
			syswrite $fh, chr(65 + rand 26) x (1 + int rand 60000);
			push @kept, $fh if rand() < 0.5;
		} elsif ($what == 2) {
			unlink $f;
		} elsif ($what == 3) {
			rename $f, "$dir/" . int rand 4;
		} elsif ($what == 4) {
			my $fh = $kept[rand @kept] or next;

			sysseek $fh, 0, 0;
			sysread $fh, my $buf, 4096;
			die "a file has other bytes" if defined $buf and $buf =~ /[^A-Z\0]/;
		} else {
			shift @kept;
		}
		shift @kept if @kept > 4;
	}
}

my $seed = 1;
while (time < $end) {
	while (keys %tasks < 6) {
		my $pid = fork // die;

		task($seed) unless $pid;
		$tasks{$pid} = 1;
		$seed++;
	}
	sleep 0.05;
	kill 'KILL', (keys %tasks)[0];
	delete $tasks{wait()};
	die "a task failed" if $? >> 8;
}
kill 'KILL', keys %tasks;
1 while wait() > 0;
print "$seed tasks\n";
END
perl "$TEST_TMP/race.pl" "$m" 5 || fail "the tasks failed"
rm -f "$m"/?
# those that were killed have not waited
all_is_free() { [ "$(stat -f -c '%f %d' "$m")" = "$before" ]; }
wait_until 20 all_is_free || fail "free blocks and inodes: $(stat -f -c '%f %d' "$m"), before: $before"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
