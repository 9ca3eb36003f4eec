# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A process without privileges, in a user namespace of its own, has iomap if somebody
# with CAP_SYS_RAWIO approved the descriptor that it mounts with, and only then.
# What it leaves to the kernel's own threads to write is written, although they are
# nobody in its namespace.
. "$(dirname "$0")/lib.sh"

module_loaded || skip "the module is not loaded"
m=$TEST_TMP/m
mkdir "$m"
chmod 755 "$TEST_TMP" "$m"

# Root of a user namespace has no CAP_SYS_RAWIO that counts; the descriptor must have
# been opened in it.
cat >"$TEST_TMP/inside" <<-'EOF'
	set -e
	exec 9<>/dev/fuseiomap
	echo $$ >"$3/pid"
	until [ -e "$3/go" ]; do sleep 0.1; done
	mount -i -t fuseiomap -o fd=9,rootmode=40000,user_id=0,group_id=0 none "$2"
	mkfifo "$3/puppet.in" "$3/puppet.out"
	puppet_server "$1" /dev/fd/9 "$3/log" <"$3/puppet.in" >"$3/puppet.out" &
	pid=$!
	exec 5>"$3/puppet.in" 6<"$3/puppet.out" 9>&-
	echo "size 65536" >&5
	read -r answer <&6
	[ "$answer" = ok ]
	# so that the flusher has to ask for space
	echo "delalloc on" >&5
	read -r answer <&6
	[ "$answer" = ok ]
	fileop dwrite "$2/f" 0 4096
	fileop write "$2/f" 4096 100
	sync "$2/f"
	fileop --byte=x write "$2/f" 8192 10
	# this is for the flusher
	touch "$3/wrote"
	until [ -e "$3/flushed" ]; do sleep 0.1; done
	umount "$2"
	exec 5>&- 6<&-
	wait $pid
EOF

# attempt NAME [COMMAND...]: which gets a process and its descriptor; what the file
# operations said goes to out
attempt()
{
	local dir=$TEST_TMP/$1 uid=0

	shift
	mkdir "$dir"
	if [ "${1-}" = nobody ]; then
		uid=1000
		shift
		chown $uid "$dir" "$m"
	fi
	setpriv --reuid $uid --regid $uid --clear-groups \
		unshare -r -m bash "$TEST_TMP/inside" "$JOB_DISK1" "$m" "$dir" >"$dir/out" 2>"$dir/err" &
	wait_until 10 test -s "$dir/pid" || fail "no process: $(<"$dir/err")"
	"${@:-:}" "$(<"$dir/pid")" 9
	touch "$dir/go"
	if wait_until 5 eval "[ -e '$dir/wrote' ] || ! kill -0 $! 2>/dev/null" && [ -e "$dir/wrote" ]; then
		sync
		touch "$dir/flushed"
	fi
	wait $! || :
}

attempt approved approve
expect_equal "4096 100 10" "$(paste -sd' ' "$TEST_TMP/approved/out")" "with approval ($(<"$TEST_TMP/approved/err"))"
grep -q '^ioend' "$TEST_TMP/approved/log" || fail "no iomap with approval"

# The same as somebody whose namespace does not know the flusher's ids: it writes back.
at_exit chmod "$(stat -c %a "$JOB_DISK1")" "$JOB_DISK1"
at_exit chmod "$(stat -c %a /dev/fuseiomap)" /dev/fuseiomap
chmod 666 "$JOB_DISK1" /dev/fuseiomap
dd if=/dev/zero of="$JOB_DISK1" bs=1M count=2 oflag=direct status=none
attempt unknown nobody approve
expect_equal "4096 100 10" "$(paste -sd' ' "$TEST_TMP/unknown/out")" "as uid 1000 ($(<"$TEST_TMP/unknown/err"))"
expect_equal xxxxxxxxxx "$(dd if="$JOB_DISK1" bs=4096 count=1 iflag=direct,skip_bytes \
	skip=$(((1 << 20) + 8192)) status=none | tr -d '\0')" "what the flusher thread wrote"

attempt refused
no_iomap()
{
	! grep -q '^[0-9]' "$TEST_TMP/$1/out" || fail "$1: it worked: $(<"$TEST_TMP/$1/out")"
	! grep -q '^begin' "$TEST_TMP/$1/log" || fail "$1: the server was asked for mappings"
}
no_iomap refused

# Approving takes the privilege.
refuse()
{
	expect_fail setpriv --bounding-set -sys_rawio approve "$@" 2>"$TEST_TMP/err"
	grep -q "not permitted" "$TEST_TMP/err" || fail "approving without privileges: $(<"$TEST_TMP/err")"
}
attempt unprivileged refuse
no_iomap unprivileged
