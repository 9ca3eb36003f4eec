# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Fast commits of files that never had a name in a directory of the last transaction: a file that
# was opened with O_TMPFILE, with more extents than its inode has room for, and a number that
# several short-lived files get one after the other.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib-fast-commits.sh
. "$(dirname "$0")/lib-fast-commits.sh"

# An open file without a name and with many extents.  Waits for a line, then gives it a name.
unnamed()
{
	perl -e 'use IO::Handle;
		sysopen(my $f, $ARGV[0], 020200002, 0640) or die "open: $!";
		$| = 1;
		for (my $i = 0; $i < 12; $i++) {
			sysseek($f, $i * 16384, 0);
			syswrite($f, chr(65 + $i) x 4096) == 4096 or die "write: $!";
		}
		$f->sync or die "fsync: $!";
		print "written\n";
		<STDIN>;
		system("ln", "-L", "/proc/$$/fd/" . fileno($f), "$ARGV[0]/linked") == 0 or die "ln";
		$f->sync or die "fsync: $!";
		print "linked\n";
		<STDIN>;' "$m"
}

for shape in "-b 4096" "-b 1024 -O ^metadata_csum,^64bit -J size=4"; do
	# shellcheck disable=SC2086 # words
	begin $shape
	data 10K >"$m/first"
	: >"$m/gone"
	settle
	coproc unnamed
	read -r -u "${COPROC[0]}" line
	[ "$line" = written ] || fail "$line"
	recovered "$shape: a file that has no name yet"
	echo go >&"${COPROC[1]}"
	read -r -u "${COPROC[0]}" line
	[ "$line" = linked ] || fail "$line"
	recovered "$shape: a file that got its name later"
	echo end >&"${COPROC[1]}"
	wait "$COPROC_PID" 2>/dev/null || :

	# no name of the second file is left when the fast commit is written
	settle
	was=$(stat -c %i "$m/gone")
	rm "$m/gone"
	for i in $(seq 40); do
		: >"$m/temporary"
		now=$(stat -c %i "$m/temporary")
		[ "$now" != "$was" ] || break
		mv "$m/temporary" "$m/other$i"
	done
	[ "$now" = "$was" ] || echo "note: number $was isn't used again"
	mv "$m/temporary" "$m/renamed"
	rm "$m/renamed"
	data 5K >>"$m/first"
	promise
	recovered "$shape: a number of a file that is gone, and of one that went after a rename"
	end
done
echo "crash points: $points"
