# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 360
#
# While directories above them are renamed all the time, and memory is taken so that the
# kernel forgets files and mappings, four files of a path-based server are read and written,
# buffered, direct and by mapping. In the end each holds what was written to it last, and the
# device does.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-regions.sh"

files=4
rounds=8
mib=$((1024 * 1024))
size=$((256 * 1024))
regions=()
for ((i = 0; i < files; i++)); do
	regions+=("x$i/sub/f=$((i + 1))M+256K")
done
start_regions "${regions[@]}"

# on FILE OP OFFSET LENGTH [BYTE]: under whichever name it has now
on()
{
	local got tries

	for ((tries = 0; tries < 100; tries++)); do
		for d in x y; do
			got=$(fileop --byte="${5-w}" "$2" "$m/$d$1/sub/f" "$3" "$4")
			case $got in
			ENOENT) ;;
			"$4" | "$4 "*) return ;;
			*) fail "$2 of file $1: $got" ;;
			esac
		done
	done
	fail "file $1 has no name"
}

bytes=(a b c d e f g h i j k l m n o p)

# user FILE: write all of it in each round, in parts
user()
{
	local r ops=(write dwrite mwrite)

	for ((r = 0; r < rounds; r++)); do
		on "$1" "${ops[r % 3]}" 0 $((size / 2)) "${bytes[r]}"
		on "$1" "${ops[(r + 1) % 3]}" $((size / 2)) $((size / 2)) "$1"
		on "$1" read 4096 65536
		on "$1" dread 4096 65536
	done
}

renamer()
{
	# shellcheck disable=SC2016 # perl's
	perl -e '
		my ($dir, $files, $stop) = @ARGV;
		my @is = ("x") x $files;
		my $n = 0;
		until (-e $stop) {
			for my $i (0 .. $files - 1) {
				my $to = $is[$i] eq "x" ? "y" : "x";
				rename("$dir/$is[$i]$i", "$dir/$to$i") or die("rename: $!\n");
				$is[$i] = $to;
				$n++;
				select(undef, undef, undef, 0.003);
			}
		}
		print "$n\n";
	' "$m" $files "$TEST_TMP/stop" >"$TEST_TMP/renames"
}

forgetter()
{
	while [ ! -e "$TEST_TMP/stop" ]; do
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.5
	done
}

users=()
for ((i = 0; i < files; i++)); do
	user $i &
	users+=($!)
done
renamer &
others=($!)
forgetter &
others+=($!)
status=0
for pid in "${users[@]}"; do
	wait "$pid" || status=1
done
touch "$TEST_TMP/stop"
wait "${others[0]}" || fail "a rename failed"
wait "${others[1]}"
[ $status -eq 0 ] || fail "one of the users failed"
echo "renames: $(cat "$TEST_TMP/renames")"
[ "$(cat "$TEST_TMP/renames")" -gt 100 ] || fail "too few renames to prove anything"
no_data_requests

for ((i = 0; i < files; i++)); do
	{
		head -c $((size / 2)) /dev/zero | tr '\0' "${bytes[rounds - 1]}"
		head -c $((size / 2)) /dev/zero | tr '\0' "$i"
	} >"$TEST_TMP/want$i"
	cmp "$TEST_TMP/want$i" "$m"/[xy]$i/sub/f
done
stop_regions
for ((i = 0; i < files; i++)); do
	region_is $(((i + 1) * mib)) $size "$TEST_TMP/want$i"
done
