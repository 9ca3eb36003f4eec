# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# kill -9 of the server at random moments, again and again with the same image, while the
# kernel writes data whose place is found late: the journal can be replayed by kernel ext4,
# e2fsck and the next server, e2fsck then finds nothing, and what fsync promised is there.
#
#	CRASH_SEED	of all that is random but the speed of the machine (any)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib-server-kills.sh
. "$(dirname "$0")/lib-server-kills.sh"

need_iomap4fs
all=iomap4fs,ext4,e2fsck
kill_often 6 "${CRASH_SEED:-$RANDOM}" \
	"$all 4096 -t ext4 -J size=4" "$all 1024 -t ext4 -J size=1"
echo "server kills: $looked, files kept: $kept"
expect_equal 0 "$bad" "kills that something was wrong after"
[ "$kept" -gt 0 ] || fail "fsync promised nothing"
