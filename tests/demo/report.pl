# SPDX-License-Identifier: GPL-2.0-or-later
#
# report.pl ROWS FAILURES: the demo's rows as JSON, for programs. A cell without
# a value ("-") is null.
use strict;
use warnings;
use JSON::PP;

my ($rows, $failures) = @ARGV;
my @names = qw(step system files bytes seconds fuse_read fuse_write iomap_begin
	iomap_end iomap_ioend result);
my @steps;

open(my $in, '<', $rows) or die "$rows: $!\n";
while (<$in>) {
	my %row;

	chomp;
	@row{@names} = map { $_ eq '-' ? undef : /^[0-9.]+$/ ? $_ + 0 : $_ } split(/\t/);
	push(@steps, \%row);
}
print JSON::PP->new->canonical->pretty->encode({
	passed => $failures ? JSON::PP::false : JSON::PP::true,
	steps => \@steps,
});
