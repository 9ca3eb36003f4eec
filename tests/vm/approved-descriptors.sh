# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A process without privileges, in a user namespace of its own, has iomap if somebody
# with CAP_SYS_RAWIO approved the descriptor that it mounts with, and only then.
. "$(dirname "$0")/lib.sh"

module_loaded || skip "the module is not loaded"
m=$TEST_TMP/m
mkdir "$m"

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
	fileop dwrite "$2/f" 0 4096
	fileop write "$2/f" 4096 100
	sync "$2/f"
	umount "$2"
	exec 5>&- 6<&-
	wait $pid
EOF

# attempt NAME [COMMAND...]: which gets a process and its descriptor; what the file
# operations said goes to out
attempt()
{
	local dir=$TEST_TMP/$1

	shift
	mkdir "$dir"
	unshare -r -m bash "$TEST_TMP/inside" "$JOB_DISK1" "$m" "$dir" >"$dir/out" 2>"$dir/err" &
	wait_until 10 test -s "$dir/pid" || fail "no process: $(<"$dir/err")"
	"${@:-:}" "$(<"$dir/pid")" 9
	touch "$dir/go"
	wait $! || :
}

attempt approved approve
expect_equal "4096 100" "$(paste -sd' ' "$TEST_TMP/approved/out")" "with approval ($(<"$TEST_TMP/approved/err"))"
grep -q '^ioend' "$TEST_TMP/approved/log" || fail "no iomap with approval"
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
