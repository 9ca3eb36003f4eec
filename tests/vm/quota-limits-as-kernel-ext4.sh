# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# Limits of users, groups and projects: each operation of a user has the result that it has on
# kernel ext4, and the accounts are the same after it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-quota.sh"

need_iomap4fs
a=$TEST_TMP/a b=$TEST_TMP/b
mount_options=usrquota,grpquota,prjquota,commit=300
nr=0

# set_both TYPE ID KEY VALUE...
set_both()
{
	our_set_quota "$a" "$@"
	kernel_set_quota "$JOB_DISK2" "$@"
}

# both COMMAND...: run by user 1000, of group 2000, in each file system
both()
{
	local m result=()

	for m in "$a" "$b"; do
		cd "$m"
		result+=("$(LC_ALL=C setpriv --reuid 1000 --regid 1000 --groups 1000,2000 "$@" 2>&1 || :)")
		cd "$OLDPWD"
	done
	expect_equal "${result[1]}" "${result[0]}" "$*"
	same_accounts "$*"
	nr=$((nr + 1))
}

# For each line that it reads it compares the accounts of user 1000, groups 1000 and 2000 and project
# 7, and the size that a project's directory shows as far as it is the project's limits: the whole
# differs by where the quota files' blocks are. One process, because starting many takes long.
compare_accounts()
{
	perl -e '
		my ($dev, $a, $b) = @ARGV;
		my @who = ([0, "user", 1000], [1, "group", 1000], [1, "group", 2000], [2, "project", 7]);
		sub size {
			my $buf = "\0" x 128;
			my $path = "$_[0]/p";
			syscall(137, $path, $buf) == 0 or die "statfs: $!";
			my @f = unpack("Q7", $buf);
			return ($f[2] < 1000 ? "@f[2, 3, 4]" : "all") . " " . ($f[5] < 1000 ? "@f[5, 6]" : "all");
		}
		$| = 1;
		while (<STDIN>) {
			last if /end/;
			my (%ours, $kind, @differ);
			for (`fuseiomap quota $a`) {
				my @f = split;
				$kind = $1 if /: (\w+) quotas,/;
				$ours{"$kind $f[0]"} = join(" ", @f[1, 5], $f[4] ne "-" || 0, $f[8] ne "-" || 0)
					if @f == 9;
			}
			for (@who) {
				my ($type, $name, $id) = @$_;
				my $buf = pack("Q8Lx4", (0) x 9);
				syscall(179, 0x80000700 | $type, $dev, $id + 0, $buf) == 0 or die "Q_GETQUOTA: $!";
				my @f = unpack("Q8L", $buf);
				my $want = join(" ", @f[2, 5], $f[6] ? 1 : 0, $f[7] ? 1 : 0);
				my $got = $ours{"$name $id"} // "0 0 0 0";
				push @differ, "$name $id: $got, not $want" if $got ne $want;
			}
			my ($got, $want) = (size($a), size($b));
			push @differ, "size: $got, not $want" if $got ne $want;
			print @differ ? join("; ", @differ) : "same", "\n";
		}
	' "$JOB_DISK2" "$a" "$b"
}

# same_accounts WHAT
same_accounts()
{
	local answer

	echo >&"${comparer[1]}"
	read -r answer <&"${comparer[0]}" || fail "the accounts were not compared after $1"
	expect_equal same "$answer" "accounts after $1"
}

begin()
{
	local m

	for m in "$JOB_DISK1" "$JOB_DISK2"; do
		make_ext4 "$m" -I 256 -O quota,project
	done
	mount_iomap4fs "$JOB_DISK1" "$a" "$mount_options"
	mkdir -p "$b"
	[ -d /proc/sys/fs/quota ] || skip "this kernel has no quotas"
	mount -t ext4 -o "$mount_options" "$JOB_DISK2" "$b"
	at_exit umount_all "$b"
	chmod 755 "$TEST_TMP"
	for m in "$a" "$b"; do
		mkdir -m 777 "$m/d" "$m/p"
		chattr -p 7 +P "$m/p"
	done
	coproc comparer { compare_accounts; }
	# shellcheck disable=SC2154 # set by coproc
	comparer_pid=$comparer_PID
	at_exit eval "kill $comparer_pid 2>/dev/null || :"
}

end()
{
	echo end >&"${comparer[1]}"
	wait "$comparer_pid"
	umount_iomap4fs "$a"
	umount "$b"
	check_clean "$JOB_DISK1"
	check_clean "$JOB_DISK2"
}

begin
set_both 0 1000 bhard 64
both fileop create d/f
# as far as the limit goes, and not a byte more
both fileop write d/f 0 40000
both fileop write d/f 40000 40000
both fileop append d/f 0 1
both fileop mwrite d/f 1000 100
both truncate -s 1M d/f
both fileop mwrite d/f 500000 100
both mkdir d/dir
both ln -s "$(printf 'x%.0s' {1..200})" d/link
both setfattr -n user.x -v "$(printf 'y%.0s' {1..900})" d/f
both fileop dwrite d/f 524288 8192
sync -f "$a"
sync -f "$b"
same_accounts "writeback"
both fileop write d/f 0 40000
both fileop truncate d/f 8192
both fileop write d/f 8192 100000
both fileop truncate d/f 8192
both fileop dwrite d/f 8192 16384
# root is not limited, but what it does counts
for m in "$a" "$b"; do
	expect_op 200000 append "$m/d/f" 0 200000
done
same_accounts "what root appends"
both fileop append d/f 0 4096
both rm d/f
# inodes
set_both 0 1000 bhard 0 ihard 4
both touch d/1 d/2
both mkdir d/3
both ln -s x d/4
both touch d/5
both mkdir d/5
both mkfifo d/5
both ln -s x d/5
both ln d/1 d/link
both mv d/1 d/3/1
both rm d/2
both touch d/5
both rm -r d/3 d/4 d/5 d/link
# gifts
set_both 0 1000 ihard 0
set_both 1 2000 bhard 20 ihard 1
both fileop create d/big
both fileop write d/big 0 30000
both fileop create d/small
both fileop write d/small 0 4096
both chgrp 2000 d/big
both chgrp 2000 d/small
both chgrp 2000 d/big
both chgrp 1000 d/small
both fileop truncate d/big 8192
both chgrp 2000 d/big
both fileop append d/big 0 20000
set_both 2 7 bhard 40 ihard 3
both chattr -p 7 d/big
both fileop create p/x
both chattr -p 7 d/small
both fileop write p/x 0 40000
# soft limits
set_both 0 1000 bsoft 8 isoft 1
both touch d/another
both fileop write d/small 0 20000
both rm d/another d/small d/big p/x
end
[ $nr -ge 45 ] || fail "only $nr operations were compared"
