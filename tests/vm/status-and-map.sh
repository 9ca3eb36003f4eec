# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The command fuseiomap: "map" shows where a file's bytes really are on the device,
# and "status" what the kernel knows of a mount, also of one whose server hangs or is
# dead, or whose name is made to deceive.
#
# timeout: 240
# shellcheck disable=SC2016 # perl's variables
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"

# rows [OPTION]... FILE: the table's rows, blanks squeezed
rows()
{
	fuseiomap map "$@" | awk 'NR > 2 && !/^size/ { $1 = $1; print }'
}

# json PERL-EXPRESSION: of stdin, which has to be one JSON value, as $j
json()
{
	perl -MJSON::PP -we '
		local $/;
		binmode STDOUT, ":utf8";
		our $j = JSON::PP->new->utf8->decode(<STDIN>);
		my @r = eval $ARGV[0];
		die $@ if $@;
		print map { ($_ // "null") . "\n" } @r;
	' "$1"
}

expect_text()
{
	grep -qF -- "$1" "$2" || fail "no '$1' in: $(cat -v "$2")"
}

# A hole, written blocks, a hole, unwritten blocks, and a hole up to the odd end.
head -c 64K /usr/bin/perl | dd of="$m/f" bs=4K seek=16 status=none
fallocate -o 192K -l 64K "$m/f"
truncate -s 400001 "$m/f"
sync "$m/f"
rows "$m/f" >"$TEST_TMP/rows"
expect_equal "0 65536 hole
65536 65536 -
131072 65536 hole
196608 65536 unwritten,last
262144 137857 hole" "$(awk '{ print $1, $2, $4 }' "$TEST_TMP/rows")" "map"
expect_equal "- - -" "$(awk '$4 == "hole" { print $3 }' "$TEST_TMP/rows" | xargs)" \
	"address of holes"
fuseiomap map "$m/f" >"$TEST_TMP/map"
expect_equal "size 400001 bytes, blocks of 4096 bytes, extents 2" "$(tail -n 1 "$TEST_TMP/map")" \
	"last line"
expect_equal "0 16 hole
16 16 -
32 16 hole
48 16 unwritten,last
64 34 hole" "$(rows --blocks "$m/f" | awk '{ print $1, $2, $4 }')" "map --blocks"
expect_equal "$(grep -v hole "$TEST_TMP/rows")" "$(rows --no-holes "$m/f")" "map --no-holes"

# The bytes are where the table says they are.
address=$(awk '$1 == 65536 { print $3 }' "$TEST_TMP/rows")
dd if="$JOB_DISK1" of="$TEST_TMP/read" bs=4K skip=$((address / 4096)) count=16 iflag=direct \
	status=none
cmp "$TEST_TMP/read" <(head -c 64K /usr/bin/perl) || fail "the written blocks are not at $address"

# The same as filefrag says, also where there are more extents than one batch takes.
make_extents "$m/many" 600
cp /usr/bin/perl "$m/perl"
sync -f "$m"
for f in f many perl; do
	filefrag -v "$m/$f" | sed -nE '
		s/\.\. *[0-9]+:/:/g
		s/^ *[0-9]+: +([0-9]+): +([0-9]+): +([0-9]+):/\1 \3 \2:/
		t extent
		d
		:extent
		s/:.*unwritten.*/ u/
		s/:.*//p
		/u$/p
	' >"$TEST_TMP/want"
	rows -bn "$m/$f" | awk '{ print $1, $2, $3 ($4 ~ /unwritten/ ? " u" : "") }' >"$TEST_TMP/got"
	[ -s "$TEST_TMP/want" ] || fail "filefrag says nothing of $f"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "map of $f"
	fuseiomap map --json "$m/$f" |
		json 'map { join " ", @$_{qw(offset length)}, $_->{address} // "-",
			join(",", @{$_->{flags}}) || "-" } @{$j->{files}[0]{mappings}}' \
			>"$TEST_TMP/got"
	rows "$m/$f" >"$TEST_TMP/want"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "JSON of $f"
done
expect_equal 600 "$(fuseiomap map -j "$m/many" | json '$j->{files}[0]{extents}')" "extents"

# --sync writes what is only in memory.
head -c 8192 /usr/bin/perl >"$m/dirty"
expect_equal "0 8192 last" "$(rows --sync "$m/dirty" | awk '{ print $1, $2, $4 }')" "map --sync"

# Several files, one of them without a map.
status=0
fuseiomap map --json "$m/f" /proc/self/status "$m/perl" >"$TEST_TMP/json" \
	2>"$TEST_TMP/err" || status=$?
expect_equal 1 $status "status for a file without FIEMAP"
expect_text "/proc/self/status: the file system has no FIEMAP" "$TEST_TMP/err"
expect_equal "$m/f $m/perl" \
	"$(json 'map { $_->{path} } @{$j->{files}}' <"$TEST_TMP/json" | xargs)" "files in JSON"
for args in "map" "status --bad" "" "nothing"; do
	status=0
	# shellcheck disable=SC2086 # several words
	fuseiomap $args >"$TEST_TMP/out" 2>&1 || status=$?
	expect_equal 2 $status "status of fuseiomap $args"
done

# field NAME FILE: of the output of status
field()
{
	awk -v name="$1" '$1 == name { sub("^ *[^ ]+ +", ""); print }' "$2"
}

begins()
{
	fuseiomap status --json "$m" | json '$j->{mounts}[0]{requests}{BEGIN}'
}

fuseiomap status >"$TEST_TMP/status"
expect_equal "$m" "$(head -n 1 "$TEST_TMP/status")" "mount"
expect_equal "$JOB_DISK1" "$(field source "$TEST_TMP/status")" "source"
expect_equal fuseiomap.iomap4fs "$(field type "$TEST_TMP/status")" "type"
expect_equal on "$(field iomap "$TEST_TMP/status")" "iomap"
[[ $(field connection "$TEST_TMP/status") = "answers, "*" requests waiting" ]] ||
	fail "connection: $(field connection "$TEST_TMP/status")"
expect_equal "$(xargs -n 2 <"$(connection_dir "$m")/mappings" | paste -sd, | sed 's/,/, /g')" \
	"$(field cache "$TEST_TMP/status")" "cache"
expect_equal "$(request_count "$m" $IOMAP_BEGIN)" "$(field BEGIN "$TEST_TMP/status")" "BEGINs"
expect_equal "$(request_count "$m" $IOMAP_IOEND)" "$(field IOEND "$TEST_TMP/status")" "IOENDs"

before=$(begins)
expect_equal "$(request_count "$m" $IOMAP_BEGIN)" "$before" "BEGIN requests in JSON"
fuseiomap map "$m/f" >/dev/null
[ "$(begins)" -gt "$before" ] || fail "after FIEMAP there are $(begins) BEGINs, as before"
expect_equal "$m $JOB_DISK1 1 answers null" "$(fuseiomap status --json |
	json 'map { @$_{qw(mount source iomap connection error)} } @{$j->{mounts}}' |
	xargs)" "JSON of all mounts"

# By a path below it; twice is once; what is elsewhere is an error.
fuseiomap status "$m/f" "$m" >"$TEST_TMP/out"
expect_equal 1 "$(grep -cxF "$m" "$TEST_TMP/out")" "mounts shown"
status=0
fuseiomap status / "$m/absent" "$m" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
expect_equal 1 $status "status with paths that are on no mount"
expect_text "/: not on a fuse-iomap mount" "$TEST_TMP/err"
expect_text "$m/absent: No such file or directory" "$TEST_TMP/err"
expect_equal "$m" "$(head -n 1 "$TEST_TMP/out")" "mount that is there"

# A name that holds a terminal's control sequence, a line end and no UTF-8.
evil=$TEST_TMP/$'x\e[31m\n\\y z\xff'
mkdir "$evil"
at_exit umount_all "$evil"
mount --bind "$m" "$evil"
fuseiomap status "$evil" >"$TEST_TMP/out"
expect_equal "$TEST_TMP/x\\033[31m\\012\\134y z\\377" "$(head -n 1 "$TEST_TMP/out")" "escaped name"
fuseiomap status --json "$evil" | json '$j->{mounts}[0]{mount_hex}' >"$TEST_TMP/out"
expect_equal "$(printf %s "$evil" | od -An -v -tx1 | tr -d ' \n')" "$(cat "$TEST_TMP/out")" \
	"bytes of the name"
expect_equal 2 "$(fuseiomap status --json | json 'scalar @{$j->{mounts}}')" "mounts"
umount "$evil"

# Users who may not see the counters, and nobody if the control files are not there.
status=0
setpriv --reuid 65534 --regid 65534 --clear-groups "$(type -P fuseiomap)" status \
	>"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
expect_equal 1 $status "status for an ordinary user"
expect_text "only root and the user who mounted may read it" "$TEST_TMP/err"
expect_equal unknown "$(field iomap "$TEST_TMP/out")" "iomap for an ordinary user"
at_exit eval 'mountpoint -q /sys/fs/fuseiomap/connections ||
	mount -t fuseiomapctl none /sys/fs/fuseiomap/connections'
umount /sys/fs/fuseiomap/connections
status=0
fuseiomap status --json >"$TEST_TMP/json" 2>"$TEST_TMP/err" || status=$?
expect_equal 1 $status "status without the control file system"
expect_text "the control file system is not mounted" "$TEST_TMP/err"
expect_equal "null answers" \
	"$(json '@{$j->{mounts}[0]}{qw(requests connection)}' <"$TEST_TMP/json" | xargs)" \
	"what is known then"
mount -t fuseiomapctl none /sys/fs/fuseiomap/connections

# A server that hangs is not waited for, one that has died is told.
read -ra pids <<<"$(server_pids)"
at_exit eval "kill -CONT ${pids[*]} 2>/dev/null || :"
kill -STOP "${pids[@]}"
timeout 60 fuseiomap status --timeout 1 "$m" >"$TEST_TMP/out" ||
	fail "status waits for a server that hangs"
[[ $(field connection "$TEST_TMP/out") = silent,* ]] ||
	fail "a server that hangs: $(cat "$TEST_TMP/out")"
kill -CONT "${pids[@]}"
wait_until 30 eval "fuseiomap status '$m' | grep 'connection *answers, 0 ' >/dev/null" ||
	fail "the server does not answer after it went on"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
expect_equal "no fuseiomap mounts" "$(fuseiomap status)" "status without mounts"

mount_iomap4fs "$JOB_DISK1" "$m"
read -ra pids <<<"$(server_pids)"
kill -KILL "${pids[@]}"
wait_until 30 no_server || fail "the server lives on"
fuseiomap status "$m" >"$TEST_TMP/out"
expect_equal "ended, 0 requests waiting" "$(field connection "$TEST_TMP/out")" \
	"connection of a dead server"
umount "$m"
