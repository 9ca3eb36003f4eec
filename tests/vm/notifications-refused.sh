# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Notifications that name the wrong file or device, have the wrong size, or say what can't be
# remembered are refused, each with its errno, and change nothing.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
base=$((1 << 20))
INVAL=101 UPSERT=100 BACKING=99 STORE=4 RETRIEVE=5
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
expect_tell ok set r 0 65536 mapped
expect_op 0 open "$m/f"
expect_op 0 open "$m/p"
expect_op 4096 dwrite "$m/f" 0 4096
begins=$(request_count "$m" $IOMAP_BEGIN)

# Another inode number, a file that is no iomap file, a directory, no such node
for node in "2 3 EINVAL" "1000003 1000003 EINVAL" "1 1 EINVAL" "77 77 ESTALE"; do
	read -r id ino error <<<"$node"
	expect_tell ok node "$id" "$ino"
	expect_tell "$error" inval r 0 -1
	expect_tell "$error" upsert 0 4096 hole
done
expect_tell ok node 2 2

# Sizes, by a word, and codes
for size in 0 44 52; do
	expect_tell EINVAL message $INVAL $size 2 0 2 0
done
for size in 76 84; do
	expect_tell EINVAL message $UPSERT $size 2 0 2 0
done
for size in 20 28; do
	expect_tell EINVAL message $BACKING $size 1
done
expect_tell EINVAL message 98 48 2 0 2 0
expect_tell EINVAL message 102 48 2 0 2 0
# The same ones are taken in the right size.
expect_tell ok message $INVAL 48 2 0 2 0
expect_tell ok message $BACKING 24 1

# Kinds that can't be remembered
for fork in upsert wupsert; do
	expect_tell EUCLEAN $fork 0 4096 retry
	expect_tell EUCLEAN $fork 0 4096 inline
	expect_tell EUCLEAN $fork 0 4096 mapped $base$base
	expect_tell EUCLEAN $fork 0x7fffffffc0000000 4096 mapped $base
	expect_tell EUCLEAN $fork 0x7fffffff80000000 0x40001000 mapped 0
done

# The device's page cache: device 0, the reserved word
expect_tell EINVAL message $BACKING 24 0
expect_tell EINVAL message $BACKING 24 1 1
expect_tell ENODEV message $BACKING 24 9

# A device for reading only can be remembered for reading, not for writing, one for writing
# only for neither; and only who may write to it drops its page cache.
expect_tell "ok 2" device add "$JOB_DISK1" r
expect_tell EACCES wupsert 4096 4096 mapped $base
expect_tell EACCES devinval 2 0 4096
expect_tell "ok 3" device add "$JOB_DISK1" w
expect_tell EACCES upsert 4096 4096 mapped $base
expect_tell EACCES wupsert 4096 4096 unwritten $base
expect_tell ok device use 1

# A device that somebody else has for himself
expect_tell "ok 4" device add "$JOB_DISK2" rw
expect_tell ok devinval 4 0 4096
modprobe -q dm-mod || :
dmsetup create --noudevsync held --table "0 2048 linear $JOB_DISK2 0"
at_exit eval "! dmsetup info held >/dev/null 2>&1 || dmsetup remove --retry held"
expect_tell EBUSY devinval 4 0 4096
expect_tell ok devinval 1 0 4096	# that one the server has for himself
dmsetup remove --retry held
expect_tell ok devinval 4 0 4096

# Data is not for the server to put into the page cache of an iomap file, or to get from there.
expect_tell EINVAL message $STORE 32 2 0 0 0 8 0 7 7
expect_tell ok message $STORE 32 1000003 0 0 0 8 0 7 7
expect_tell EINVAL message $RETRIEVE 32 1 0 2 0 0 0 8

# All that has changed nothing.
expect_op 4096 dwrite "$m/f" 0 4096
expect_equal "$begins" "$(request_count "$m" $IOMAP_BEGIN)" "BEGIN requests"
stop_puppet "$m"
