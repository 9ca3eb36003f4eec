# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The file systems that the demo compares: how each is mounted and unmounted,
# and how its requests are counted. A system is "ext4" (the kernel's), "iomap4fs"
# or "fuse2fs"; it works on its own copy of the image, on ${disk[SYSTEM]}, and is
# mounted at ${dir[SYSTEM]}.

declare -A disk dir
fuse2fs_pid=
connection=
counts=()
tracing=/sys/kernel/tracing/events/fuse/fuse_request_send

mount_system()
{
	case $1 in
	ext4) mount -t ext4 "${disk[ext4]}" "${dir[ext4]}" ;;
	iomap4fs)
		mount -t iomap4fs -o iomap=require "${disk[iomap4fs]}" "${dir[iomap4fs]}"
		connection=$(connection_dir "${dir[iomap4fs]}")
		;;
	fuse2fs)
		# In the foreground, so that its end can be waited for.
		fuse2fs -f -o allow_other "${disk[fuse2fs]}" "${dir[fuse2fs]}" \
			>"$JOB_OUT/fuse2fs.log" 2>&1 &
		fuse2fs_pid=$!
		wait_until 60 mountpoint -q "${dir[fuse2fs]}"
		;;
	esac
}

no_server()
{
	! pidof iomap4fs mount.iomap4fs >/dev/null
}

# A server may still be writing when umount has returned; it owns the device
# until its process has ended.
umount_system()
{
	umount "${dir[$1]}"
	case $1 in
	iomap4fs) wait_until 60 no_server ;;
	fuse2fs) wait "$fuse2fs_pid" ;;
	esac
}

# The stock FUSE has no counters, but a trace event that can be counted.
start_counting()
{
	[ ! -e "$tracing/trigger" ] || echo 'hist:keys=opcode' >"$tracing/trigger"
}

# Set "columns" to the opcodes whose number means something for a system.
columns_of()
{
	case $1 in
	iomap4fs) columns=("$FUSE_READ" "$FUSE_WRITE" "$IOMAP_BEGIN" "$IOMAP_END" "$IOMAP_IOEND") ;;
	fuse2fs) columns=("$FUSE_READ" "$FUSE_WRITE") ;;
	esac
}

# read_counts SYSTEM: set the array "counts" to the requests so far, a number a
# column of columns_of. Builtins only: a fork costs more than most steps.
read_counts()
{
	local op line file='' columns=()

	counts=()
	case $1 in
	iomap4fs) file=$connection/requests ;;
	fuse2fs) file=$tracing/hist ;;
	esac
	[ -r "$file" ] || return 0
	local -A seen=()
	while read -r line; do
		# "OPCODE COUNT", or "{ opcode: OPCODE } hitcount: COUNT"
		[[ $line =~ ^(\{ opcode: *)?([0-9]+)( *\} hitcount:)?\ +([0-9]+)$ ]] || continue
		seen[${BASH_REMATCH[2]}]=${BASH_REMATCH[4]}
	done <"$file" 2>/dev/null || :
	columns_of "$1"
	for op in "${columns[@]}"; do
		counts+=("${seen[$op]-0}")
	done
}
