# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# How the benchmark's guest makes images, mounts them and measures; see init. A system is
# "ext4" (the kernel's), "iomap4fs" or "fuse2fs".

disk=/dev/ram0
dir=/mnt
# shellcheck disable=SC2154 # read in init
: "${system-}" "${workload-}" "${scale-}" "${image-}"

# The same each time
mke2fs_same()
{
	mke2fs -q -F -t ext4 -U 3a0dbc0f-8b1f-4c1e-9d0b-1f3c5f6e7a80 \
		-E "lazy_itable_init=0,lazy_journal_init=0,nodiscard,hash_seed=3a0dbc0f-8b1f-4c1e-9d0b-1f3c5f6e7a81" "$@"
}

# new_disk KIB MKE2FS-ARGUMENT...: in memory, with a file system
new_disk()
{
	local kib=$1

	shift
	insmod /bench/brd.ko rd_nr=1 rd_size="$kib" max_part=0 && mke2fs_same "$@" "$disk"
}

# copy_metadata FROM TO
copy_metadata()
{
	e2image -r "$1" "$2" >/run/e2image.log 2>&1 || { cat /run/e2image.log; return 1; }
}

# What all jobs of this scale get a copy of, so that it is made once: the metadata of an image,
# whose directory kernel ext4 has filled for all systems.
make_master()
{
	case $1 in
	extents)
		# no more than it takes: all of it is copied and checked each time
		new_disk $((1024 * 1024 + scale * 4)) -O ^metadata_csum -N 2000 &&
			make_fragmented "$disk" 1 "$scale"
		;;
	files)
		new_disk $((1024 * 1024)) -N $((scale * 2 + 2000)) && mount -t ext4 "$disk" "$dir" || return
		(cd "$dir" && bench_ops prepare create "$scale") || { umount "$dir"; return 1; }
		umount "$dir"
		;;
	esac || return
	rm -f /run/master.*
	copy_metadata "$disk" "/run/master.$1.$scale" && rmmod brd
}

# make_image IMAGE: plain; or extents, with a file of $scale extents; files, with a directory of
# $scale files; or names, 100 GiB with a million files
make_image()
{
	case $1 in
	plain) new_disk $((1024 * 1024)) ;;
	extents | files)
		[ -e "/run/master.$1.$scale" ] || make_master "$1" || return
		insmod /bench/brd.ko rd_nr=1 \
			rd_size=$(($(stat -c %s "/run/master.$1.$scale") / 1024)) max_part=0 &&
			copy_metadata "/run/master.$1.$scale" "$disk"
		;;
	names)
		# takes long, and nothing is written to it but what mounting does
		[ ! -e "/run/$1" ] || return 0
		new_disk $((100 * 1024 * 1024)) -O ^metadata_csum -N 1100000 &&
			make_names "$disk" 1000 1000 && : >"/run/$1"
		;;
	esac
}

# A disk taken away gives back its memory.
drop_image()
{
	[ "$image" != names ] || return 0
	rmmod brd
}

mount_command()
{
	case $system in
	ext4) echo "mount -t ext4 $disk $dir" ;;
	iomap4fs) echo "mount -t iomap4fs -o iomap=require $disk $dir" ;;
	fuse2fs) echo "fuse2fs -o allow_other $disk $dir" ;;
	esac
}

mount_system()
{
	local command

	read -ra command < <(mount_command)
	"${command[@]}" >/run/mount.log 2>&1 || { cat /run/mount.log; return 1; }
	stat "$dir" >/dev/null
	BENCH_REQUESTS=
	if [ "$system" = iomap4fs ]; then
		dev=$(mountpoint -d "$dir")
		BENCH_REQUESTS=/sys/fs/fuseiomap/connections/${dev#*:}/requests
	fi
	export BENCH_REQUESTS
}

# For the profiler: where the kernel's functions are, and the servers' files; and what was
# asked of the server, all in all
show_addresses()
{
	local pid

	grep -q symbols /bench/needs || return 0
	stty -F /dev/ttyS2 raw -echo
	gzip -c /proc/kallsyms >/dev/ttyS2
	[ -z "$BENCH_REQUESTS" ] || sed 's/^/requests /' "$BENCH_REQUESTS"
	# waits until it is out
	stty -F /dev/ttyS2 sane
	for pid in $(pidof iomap4fs mount.iomap4fs fuse2fs); do
		sed 's/^/map /' "/proc/$pid/maps"
	done
}

# Servers write after umount has returned.
umount_system()
{
	umount "$dir" || return
	while pidof iomap4fs mount.iomap4fs fuse2fs >/dev/null; do
		sleep 0.05
	done
}

# What the workload needs is made by the system itself, but kernel ext4 makes it for fuse2fs, which
# would take most of the benchmark's time for it.
prepare_workload()
{
	local system=$system

	# has what it takes
	[ "$image" != files ] || return 0
	[ "$system" != fuse2fs ] || system=ext4
	mount_system || return
	(cd "$dir" && bench_ops prepare "$workload" "$scale") || { umount_system; return 1; }
	umount_system
}

measure_workload()
{
	prepare_workload || return
	sync && echo 3 >/proc/sys/vm/drop_caches && mount_system || return
	(cd "$dir" && bench_ops run "$workload" "$scale" >/run/result) || { cat /run/result; umount_system; return 1; }
	echo "result $system $scale $(cat /run/result)"
	show_addresses
	umount_system || return
	# what is measured is to be right as well
	e2fsck -fn "$disk" >/run/e2fsck 2>&1 || { tail -n 5 /run/e2fsck; return 1; }
}

measure_mount()
{
	BENCH_COMMAND=$(mount_command) BENCH_DIR=$dir bench_ops run mount >/run/result || return
	echo "result $system $scale $(cat /run/result)"
	show_addresses
	# fuse2fs had not ended after 18 minutes, and its memory is not asked for
	if [ "$system" != fuse2fs ]; then
		find "$dir" | wc -l >/run/found
		echo "found $system $(cat /run/found)"
	fi
	for pid in $(pidof iomap4fs mount.iomap4fs fuse2fs); do
		echo "memory $system $(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")"
	done
	umount_system
}
