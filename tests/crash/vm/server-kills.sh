# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 2400
#
# As the test server-kills of tests/vm, MODULE_SERVER_KILLS times, with more kinds of images.
#
#	MODULE_SERVER_KILLS	how many (100)
#	CRASH_SEED		of all that is random but the speed of the machine (any)
# shellcheck source=../../vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../../vm/lib-server-kills.sh
. "$(dirname "$0")/lib-server-kills.sh"

need_iomap4fs
looked=0 bad=0 kept=0
# What there is to tell is told however it ends.
tell()
{
	figure "server kills with the module" "$looked"
	figure "server kills with the module inconsistent" "$bad"
	figure "files kept through server kills" "$kept"
}
at_exit tell
all=iomap4fs,ext4,e2fsck
# Files without extents are on the orphan list while they grow, and e2fsck 1.47 takes the
# attribute block of such a file away without counting it.
kill_often "${MODULE_SERVER_KILLS:-100}" "${CRASH_SEED:-$RANDOM}" \
	"$all 4096 -t ext4 -J size=4" "$all 1024 -t ext4 -J size=1" \
	"$all 4096 -t ext4 -O bigalloc -C 16384 -J size=4" \
	"iomap4fs,ext4 1024 -t ext4 -O ^extents,^64bit -J size=1"
expect_equal 0 "$bad" "kills that something was wrong after"
[ "$kept" -gt 0 ] || fail "fsync promised nothing"
