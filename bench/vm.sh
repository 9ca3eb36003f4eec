# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The benchmark's VM: the stock kernel on one emulated processor that executes an
# instruction each nanosecond of its time. Nothing in it depends on the host: no disk, no
# random numbers, no clock; the guest is all in its initramfs.

vm_pid=
# of the script that sources this file: the checkout, and a directory for what it makes
: "${top:?}" "${work_dir=}"

targets()
{
	grep -v '^#' "$top/bench/targets"
}

# What all guests have, once; same names in the same order with the same times make the same
# archive.
make_base()
{
	local guest

	guest=$("$top/vm/make-guest")
	[ -e "$work_dir/base" ] ||
		(cd "$guest/root" && find . -mindepth 1 \( -path ./usr/share -o -path ./lib/modules -o \
			-path ./usr/lib/modules -o -path ./var -o -path '*/perl*' -o -path ./dev \) -prune -o -print |
			LC_ALL=C sort | cpio -o -H newc --reproducible --quiet) >"$work_dir/base"
}

# make_initramfs JOBS FILE [symbols]: the guest with what it is to do; it sends the addresses of
# its functions to a third serial line
make_initramfs()
{
	local kernel root programs=$top/build/user/bench/programs modules

	make_base
	kernel=$("$top/vm/fetch-kernel")
	modules=$(echo "$kernel"/modules/lib/modules/*)
	root=$work_dir/root
	rm -rf "$root"
	mkdir -p "$root/bench/bin" "$root/usr/lib"
	cp "$top/bench/guest/systems.sh" "$root/bench/"
	install -m 755 "$top/bench/guest/init" "$root/init"
	cp "$1" "$root/bench/jobs"
	if grep -qE '^[^ ]+ (untar|du-cold|grep-cold) ' "$1"; then
		echo tree >"$root/bench/needs"
	else
		: >"$root/bench/needs"
	fi
	echo "${3-}" >>"$root/bench/needs"
	cp "$top/build/kernel/qemu/fuseiomap.ko" "$root/bench/"
	xz -dc "$modules/kernel/drivers/block/brd.ko.xz" >"$root/bench/brd.ko"
	cp "$programs/bench_ops" "$programs/make_tree" "$programs/make_names" \
		"$top/build/user/tests/programs/make_fragmented" \
		"$top/build/user/servers/ext4/iomap4fs" "$root/bench/bin/"
	find "$top/build/user/lib" -maxdepth 1 -name 'libfuseiomap.so*' \( -type f -o -type l \) \
		-exec cp -P {} "$root/usr/lib/" \;
	{
		cat "$work_dir/base"
		(cd "$root" && find . -mindepth 1 -exec touch -h -d @1767225600 {} + && find . -mindepth 1 |
			LC_ALL=C sort | cpio -o -H newc --reproducible --quiet)
	} >"$2"
}

stop_vm()
{
	[ -z "$vm_pid" ] || kill "$vm_pid" 2>/dev/null || :
	vm_pid=
}

# run_vm JOBS INITRAMFS OUT [QEMU-ARGUMENT...]: leaves OUT.output and OUT.console
run_vm()
{
	local initramfs=$2 output=$3.output console=$3.console kernel line n=0 total status=0

	total=$(wc -l <"$1")
	shift 3
	kernel=$("$top/vm/fetch-kernel")
	: >"$output"
	TMPDIR=$work_dir timeout -k 10 7200 qemu-system-x86_64 -M q35 \
		-accel tcg,thread=single -icount shift=0,sleep=off \
		-rtc base=2026-01-01T00:00:00,clock=vm -seed 1 -cpu max,-rdrand,-rdseed -smp 1 -m 4G \
		-nodefaults -display none -monitor none -no-reboot \
		-serial "file:$console" -serial "file:$output" \
		-kernel "$kernel/vmlinuz" -initrd "$initramfs" \
		-append "console=ttyS0 quiet loglevel=5 nokaslr norandmaps random.trust_cpu=0 rdinit=/init panic=-1 oops=panic" \
		"$@" </dev/null &
	vm_pid=$!
	# progress: a line a measurement
	while kill -0 "$vm_pid" 2>/dev/null; do
		sleep 1
		line=$(grep -c '^doing ' "$output" || :)
		[ "$line" -gt "$n" ] || continue
		n=$line
		say "$(basename "$output" .output), $n of $total: $(sed -n 's/^doing //p' "$output" | tail -n 1 | tr -d '\r')"
	done
	wait "$vm_pid" || status=$?
	vm_pid=
	sed -i 's/\r//' "$output"
	if [ $status -ne 0 ] || ! grep '^done' "$output" >/dev/null; then
		tail -n 20 "$output" "$console" >&2
		die "the guest ended early (status $status)"
	fi
	grep -vE '^(#|$)' "$top/vm/klog-forbidden" >"$initramfs.forbidden"
	if grep -aE -f "$initramfs.forbidden" "$console" >&2; then
		die "the guest's kernel logged what must not appear"
	fi
	if grep '^failed ' "$output" >&2; then
		die "not all could be measured; see $output"
	fi
}
