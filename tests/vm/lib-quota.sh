# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Quotas of kernel ext4, by quotactl(2) itself, because no guest has its tools, and of iomap4fs.

# kernel_set_quota DEVICE TYPE ID KEY VALUE...: bhard, bsoft in KiB, ihard, isoft
kernel_set_quota()
{
	perl -e '
		my ($dev, $type, $id, %set) = @ARGV;
		my $buf = pack("Q8Lx4", (0) x 9);
		syscall(179, 0x80000700 | $type, $dev, $id + 0, $buf) == 0 or die "Q_GETQUOTA: $!\n";
		my @f = unpack("Q8L", $buf);
		my %at = (bhard => 0, bsoft => 1, ihard => 3, isoft => 4);
		$f[$at{$_}] = $set{$_} for keys %set;
		# BLIMITS | ILIMITS
		$f[8] = (grep(/^b/, keys %set) ? 1 : 0) | (grep(/^i/, keys %set) ? 4 : 0);
		$buf = pack("Q8Lx4", @f);
		syscall(179, 0x80000800 | $type, $dev, $id + 0, $buf) == 0 or die "Q_SETQUOTA: $!\n";
	' "$@"
}

quota_kinds=(user group project)

# our_quotas DIR TYPE ID [ID]...: space, inodes, and for each whether its timer runs
our_quotas()
{
	local f

	fuseiomap quota --"${quota_kinds[$2]}" "$1" "${@:3}" | {
		read -r _
		read -r _
		while read -r -a f; do
			[ "${f[4]}" = - ] && f[4]=0 || f[4]=1
			[ "${f[8]}" = - ] && f[8]=0 || f[8]=1
			echo "${f[1]} ${f[5]} ${f[4]} ${f[8]}"
		done
	}
}

# our_set_quota DIR TYPE ID KEY VALUE...
our_set_quota()
{
	local dir=$1 type=$2 id=$3 options=()

	shift 3
	while [ $# -gt 0 ]; do
		case $1 in
		bhard) options+=("--space-hard=${2}K") ;;
		bsoft) options+=("--space-soft=${2}K") ;;
		ihard) options+=("--inodes-hard=$2") ;;
		isoft) options+=("--inodes-soft=$2") ;;
		*) fail "limit $1" ;;
		esac
		shift 2
	done
	fuseiomap quota --"${quota_kinds[$type]}" "${options[@]}" "$dir" "$id"
}
