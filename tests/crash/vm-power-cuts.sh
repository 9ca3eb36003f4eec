#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The power of a guest goes at a random moment, again and again with the same image, while
# the kernel writes data and the server metadata: what was written is there, what was in
# the guest's memory is not. e2fsck replays the journal, then finds nothing, and what fsync
# promised is there. The next guest gets the image as it was; the journal is replayed by
# kernel ext4 there or by iomap4fs, in turn.
#
#	POWER_CUTS	how many (4)
#	CRASH_SEED	of all that is random but the speed of the machine (any)
#	CRASH_POINTS	the program
#
# The module for the checking kernel has to be built, and user space.
top=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
. "$top/vm/common.sh"

cuts=${POWER_CUTS:-4}
seed=${CRASH_SEED:-$RANDOM}
looked=0 bad=0 kept=0 journal=
echo "CRASH_SEED=$seed"
RANDOM=$seed
crash_points=${CRASH_POINTS:-$top/build/user/tests/crash/crash_points}

# What there is to tell is told however it ends.
at_end()
{
	echo "power cuts: $looked"
	echo "power cuts inconsistent: $bad"
	echo "files kept through power cuts: $kept"
	drop_work_dir
}
trap at_end EXIT
trap 'exit 130' INT TERM
work_dir=$(mktemp -d)
job=$work_dir/job
image=$work_dir/image

make_image()
{
	rm -f "$image"
	# old bytes: what is shown before it is written doesn't pass for zeroes
	head -c 64M /dev/zero | tr '\0' '\356' >"$image"
	mke2fs -q -F -t ext4 -b "$1" -J "size=$2" "$image"
}

# look_at N: is what the cut has left good? The image stays as it is.
look_at()
{
	local n=$1

	cp --sparse=never "$image" "$work_dir/copy"
	"$crash_points" "$work_dir/copy" - "$work_dir/work" "$work_dir/messages" "$n" 0 "$block" \
		"$work_dir"/ledger.? >"$work_dir/result" && return
	echo "power cut $n:" >&2
	cat "$work_dir/result" >&2
	return 1
}

mkdir -p "$job/bin" "$job/lib"
cp "$top/tests/crash/vm/job" "$top/tests/vm/lib.sh" "$top/build/kernel/uml/fuseiomap.ko" "$job/"
cp "$top/build/user/servers/ext4/iomap4fs" "$top/build/user/tests/crash/workload" "$job/bin/"
find "$top/build/user/lib" -maxdepth 1 -name 'libfuseiomap.so*' \( -type f -o -type l \) \
	-exec cp -P {} "$job/lib/" \;

for n in $(seq "$cuts"); do
	# with another kind of image from the second half on, and after a failure
	if [ "$n" -eq $((cuts / 2 + 1)) ] || [ -z "$journal" ]; then
		block=4096 journal=4
		[ "$n" -le $((cuts / 2)) ] || block=1024 journal=1
		make_image $block $journal
	fi
	for ledger in 1 2 3; do
		rm -f "$work_dir/ledger.$ledger"
		truncate -s 64M "$work_dir/ledger.$ledger"
	done
	echo $((seed + n)) >"$job/seed"
	rm -f "$work_dir/result"
	if [ $((n % 2)) -eq 0 ]; then echo ext4; else echo iomap4fs; fi >"$job/replayer"
	if "$top/vm/run" --rig uml --timeout 120 --power-cut "$((RANDOM % 5)).$((RANDOM % 10))" \
		--out "$work_dir/out" --own-disk "$image" --own-disk "$work_dir/ledger.1" \
		--own-disk "$work_dir/ledger.2" --own-disk "$work_dir/ledger.3" "$job" \
		>"$work_dir/guest" 2>&1 && look_at "$n"; then
		kept=$((kept + $(sed -n 's/^files compared: //p' "$work_dir/result")))
	else
		[ -s "$work_dir/result" ] || cat "$work_dir/guest" >&2
		bad=$((bad + 1)) journal=
	fi
	looked=$n
done
[ $bad -eq 0 ] && [ $kept -gt 0 ]
