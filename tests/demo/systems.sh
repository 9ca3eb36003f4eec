# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The file systems that the demo compares: how each is mounted and unmounted,
# and how its requests are counted. A system is "ext4" (the kernel's), "iomap4fs"
# or "fuse2fs"; it works on its own copy of the image, on ${disk[SYSTEM]}, and is
# mounted at ${dir[SYSTEM]}.

declare -A disk dir
fuse2fs_pid=
tracing=/sys/kernel/tracing/events/fuse/fuse_request_send

mount_system()
{
	case $1 in
	ext4) mount -t ext4 "${disk[ext4]}" "${dir[ext4]}" ;;
	iomap4fs) mount -t iomap4fs -o iomap=require "${disk[iomap4fs]}" "${dir[iomap4fs]}" ;;
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

# Which columns of the table mean something for a system.
columns_of()
{
	case $1 in
	iomap4fs) echo "$FUSE_READ $FUSE_WRITE $IOMAP_BEGIN $IOMAP_END $IOMAP_IOEND" ;;
	fuse2fs) [ ! -e "$tracing/hist" ] || echo "$FUSE_READ $FUSE_WRITE" ;;
	esac
}

# counts SYSTEM: print the requests so far, a number a column of columns_of.
counts()
{
	local op

	[ "$1" != iomap4fs ] || mountpoint -q "${dir[iomap4fs]}" || return 0
	for op in $(columns_of "$1"); do
		if [ "$1" = iomap4fs ]; then
			request_count "${dir[iomap4fs]}" "$op"
		else
			awk -v op="$op" '$1 == "{" && $3 + 0 == op { n = $NF }
				END { print n + 0 }' "$tracing/hist"
		fi
	done | paste -sd' '
}
