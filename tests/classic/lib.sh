# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the classic-mode tests share.  Classic mode: iomap4fs without the kernel
# module, file data through the server.  Each test makes its images in a
# temporary folder and compares with what kernel ext4 sees in them.
#
#	IOMAP4FS	the program to test
#
# Exit status: 0 passed, 77 skipped, else failed.

set -eu -o pipefail
PATH=$PATH:/usr/sbin:/sbin

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

skip() {
	echo "skipped: $*" >&2
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/fuse ] || skip "no /dev/fuse"
[ -x "${IOMAP4FS:-}" ] || fail "IOMAP4FS does not name the program"
for tool in mke2fs e2fsck debugfs getfattr setfattr flock; do
	command -v $tool >/dev/null || skip "no $tool"
done

# tests look at notes, too
export IOMAP4FS_NOTES=stderr

TMP=$(mktemp -d)
MNT=$TMP/mnt
KMNT=$TMP/kernel
mkdir "$MNT" "$KMNT"

# What a test has left out though it went through: then it counts as skipped.
LEFT_OUT=

# at_end: what a test has to say however it ends. Its own, if it has something.
at_end() {
	:
}

cleanup() {
	local status=$?

	if [ $status -eq 0 ] && [ "$LEFT_OUT" ]; then
		echo "skipped: $LEFT_OUT" >&2
		status=77
	fi
	set +e
	at_end
	cd /
	mountpoint -q "$MNT" && umount -l "$MNT"
	mountpoint -q "$KMNT" && umount -l "$KMNT"
	[ -n "${LOOP:-}" ] && losetup -d "$LOOP"
	rm -rf --one-file-system "$TMP"
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# make_image FILE SIZE MKE2FS-ARGUMENT...
make_image() {
	local image=$1 size=$2

	shift 2
	rm -f "$image"
	truncate -s "$size" "$image"
	mke2fs -q -F "$@" "$image" || fail "mke2fs $*"
}

# mount_image IMAGE [OPTIONS]
mount_image() {
	"$IOMAP4FS" "$1" "$MNT" -o "iomap=off${2:+,$2}" || fail "mounting $1"
}

# Plain FUSE lets umount return before the server has written everything; the
# server's lock on the image goes when it has.
unmount_image() {
	umount "$MNT"
	flock -w 120 "$1" true || fail "the server did not end"
}

# A clean file system, its flags too
check_image() {
	local image=$1

	e2fsck -fn "$image" >"$TMP/fsck.log" 2>&1 || {
		cat "$TMP/fsck.log" >&2
		fail "e2fsck found errors in $image"
	}
	# no error, no open orphan, no dirty state
	dumpe2fs -h "$image" 2>/dev/null | grep '^Filesystem state: *clean$' >/dev/null ||
		fail "$image is not marked clean"
}

have_kernel_ext4() {
	grep -qw ext4 /proc/filesystems
}

mount_kernel() {
	mount -t ext4 -o loop,"${2:-ro}" "$1" "$KMNT" || fail "kernel ext4 doesn't mount $1"
}

unmount_kernel() {
	umount "$KMNT"
}

# All that a file system knows about a tree, one line each; $2: without times
manifest() {
	(
		cd "$1"
		find . -path ./lost+found -prune -o -printf '%p %y %m %U %G %n %T@ %C@ %l' \
			\( -type d -printf '\n' -o -printf ' %s %b\n' \) | LC_ALL=C sort
		find . -path ./lost+found -prune -o -type f -print0 | LC_ALL=C sort -z |
			xargs -0r sha256sum
		find . -path ./lost+found -prune -o -print0 | LC_ALL=C sort -z |
			xargs -0r getfattr -h -d -m - -e hex 2>/dev/null
		find . -path ./lost+found -prune -o \( -type b -o -type c \) -printf '%p ' \
			-exec stat -c '%t %T' {} \; | LC_ALL=C sort
	)
}

# same_tree NAME DIR1 DIR2
same_tree() {
	manifest "$2" >"$TMP/one"
	manifest "$3" >"$TMP/two"
	cmp -s "$TMP/one" "$TMP/two" || {
		diff "$TMP/one" "$TMP/two" | head -20 >&2
		fail "$1: the trees differ"
	}
}

# What was written through iomap4fs must be what kernel ext4 sees: call before unmounting.
remember_tree() {
	manifest "$MNT" >"$TMP/remembered"
}

kernel_sees_remembered() {
	have_kernel_ext4 || {
		LEFT_OUT="the comparison with kernel ext4"
		return 0
	}
	mount_kernel "$1"
	manifest "$KMNT" >"$TMP/kernel.manifest"
	unmount_kernel
	cmp -s "$TMP/remembered" "$TMP/kernel.manifest" || {
		diff "$TMP/remembered" "$TMP/kernel.manifest" | head -20 >&2
		fail "kernel ext4 sees something else"
	}
}
