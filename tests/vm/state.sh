# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What a test could leave behind: a snapshot of it as text, one thing a line, so
# that two snapshots can be compared, and the means to get rid of a line. Reads
# /proc and /sys with builtins only: a fork is slow under KASAN.

# print_state: write the snapshot to stdout, unsorted.
print_state()
{
	local path name user line rest

	while read -r line path name rest; do
		echo "mount $path ($name, $line)"
	done </proc/self/mounts
	{
		read -r line
		while read -r path rest; do
			echo "swap $path"
		done
	} </proc/swaps
	while read -r name rest user rest; do
		case $name in
		fuseiomap) echo "module $name used $user" ;;
		brd | null_blk | scsi_debug | nbd | ublk_drv | zram) echo "module $name" ;;
		esac
	done </proc/modules
	for path in /sys/block/loop*/loop/backing_file; do
		[ ! -e "$path" ] || { path=${path#/sys/block/}; echo "loop ${path%%/*}"; }
	done
	for path in /sys/block/dm-*/dm/name; do
		[ ! -e "$path" ] || { read -r name <"$path"; echo "dm $name"; }
	done
	for path in /sys/fs/fuseiomap/connections/[0-9]*; do
		[ ! -e "$path" ] || echo "connection ${path##*/}"
	done
	for path in /proc/[0-9]*; do
		# Kernel threads and zombies have no command line.
		line=
		{ read -r -d '' line <"$path/cmdline"; } 2>/dev/null || :
		[ -z "$line" ] || [ "${path#/proc/}" = "$BASHPID" ] || echo "process ${path#/proc/} $line"
	done
}

# print_stacks PID...: where these processes are, in user space and the kernel.
print_stacks()
{
	local pid task

	for pid; do
		for task in "/proc/$pid/task/"*; do
			[ -d "$task" ] || continue
			echo "process $pid ($(cat "$task/comm")), thread ${task##*/}," \
				"$(sed -n 's/^State:[[:space:]]*//p' "$task/status")"
			sed 's/^/    /' "$task/stack"
		done
	done 2>/dev/null || :
}

# remove_leak LINE: undo one line of a snapshot, as far as it can be.
remove_leak()
{
	local kind name rest

	read -r kind name rest <<<"$1"
	case $kind in
	connection) echo 1 >"/sys/fs/fuseiomap/connections/$name/abort" ;;
	process) kill -KILL "$name" ;;
	swap) swapoff "$name" ;;
	mount) umount -l "$(printf '%b' "$name")" ;;
	dm) dmsetup remove --force "$name" ;;
	loop) losetup -d "/dev/$name" ;;
	module) [ "$name" = fuseiomap ] || rmmod "$name" ;;
	esac
}
