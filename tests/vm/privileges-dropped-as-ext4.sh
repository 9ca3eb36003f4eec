# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Whatever changes a file's bytes or space takes its set-user-ID and set-group-ID bits and
# its capabilities away just where kernel ext4 does, for root and for the owner.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
# A file each, and one that is written for each mode
ops="write dwrite append dsyncwrite truncate fallocate keepsize punch zero collapse insert mwrite read dread openrw opentrunc"
modes="6755 2644 4711 2755"
# cap_net_raw+ep, as the disk has it
capability=0x0100000200200000000000000000000000000000

# table: what is left of each file after its operation, and after another one
table()
{
	local op who mode files as

	chmod 755 "$TEST_TMP" "$m"
	mkdir "$m/0" "$m/1000"
	for who in 0 1000; do
		as=(setpriv --reuid "$who" --regid "$who" --clear-groups)
		[ $who -ne 0 ] || as=()
		for op in $ops; do
			files+=("$m/$who/$op")
		done
		for mode in $modes; do
			files+=("$m/$who/write$mode")
		done
		head -c 16384 /usr/bin/perl | tee "${files[@]}" >/dev/null
		chown -R $who:$who "$m/$who"
		chmod 6755 "${files[@]}"
		for mode in $modes; do
			chmod "$mode" "$m/$who/write$mode"
		done
		setfattr -n security.capability -v $capability "${files[@]}"
		for op in $ops; do
			echo "$who $op $("${as[@]}" fileop "$op" "$m/$who/$op" 4096 4096)"
		done
		for mode in $modes; do
			"${as[@]}" fileop write "$m/$who/write$mode" 4096 4096
		done
		(cd "$m" && stat -c '%n %a %s' $who/* && getfattr -e hex -n security.capability $who/* 2>/dev/null) || :
		# The kernel has seen by now that there was nothing to take away.
		chmod 6755 "$m/$who/write"
		setfattr -n security.capability -v $capability "$m/$who/dwrite"
		"${as[@]}" fileop write "$m/$who/write" 0 4096
		"${as[@]}" fileop dwrite "$m/$who/dwrite" 0 4096
		(cd "$m" && stat -c 'again %n %a' $who/write &&
			getfattr -e hex -n security.capability $who/dwrite 2>/dev/null) || :
		files=()
	done
}

make_ext4 "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m"
table >"$TEST_TMP/want"
umount "$m"
for line in '0/write 6755 16384' '0/read 6755 16384' '1000/write 755 16384' '# file: 0/read' '1000/openrw 6755 16384'; do
	grep -qxF "$line" "$TEST_TMP/want" || fail "kernel ext4: no line '$line': $(<"$TEST_TMP/want")"
done
! grep -qxF '# file: 0/write' "$TEST_TMP/want" || fail "kernel ext4 takes nothing away: $(<"$TEST_TMP/want")"
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
table >"$TEST_TMP/got"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "the table"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
