#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# On a full file system an operation of several steps is done wholly or not at all: what fails
# with ENOSPC leaves mode, owner, attributes, names and data as they were, and an image without
# errors.
. "$(dirname "$0")/lib.sh"
for tool in setfacl chacl python3; do
	command -v $tool >/dev/null || skip "no $tool"
done

# fill: nothing is left for anybody, not even for root.  Directories take the last blocks.
fill() {
	python3 - "$MNT" <<'PYTHON'
import errno, os, sys
top = sys.argv[1] + '/full'
os.mkdir(top)
paths = ['%s/%d' % (top, n) for n in range(600)]
for path in paths:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))

def tried(do):
    try:
        return do() or True
    except OSError as e:
        if e.errno != errno.ENOSPC:
            raise
        # what was freed meanwhile may be used after a commit
        os.sync()
        return False

fd = os.open(top + '/data', os.O_WRONLY | os.O_CREAT)
size = 1 << 20
while size >= 512:
    if not tried(lambda: os.write(fd, b'\xff' * size)):
        size //= 2
os.close(fd)
# attribute blocks may have what is kept back for metadata
fails = 0
while fails < 2:
    if tried(lambda: os.setxattr(paths[-1], 'user.x', os.urandom(350))):
        paths.pop()
        fails = 0
    else:
        fails += 1
PYTHON
}

state() {
	stat -c '%a %u %g %h %s %z' "$1"
	getfattr -d -m - -e hex "$1" 2>/dev/null | sed 1d | sort
	[ ! -f "$1" ] || sha256sum <"$1"
}

# refused WHAT FILE COMMAND...: it fails for want of space, and FILE stays as it was.
refused() {
	local what=$1 file=$2

	shift 2
	state "$file" >"$TMP/before"
	"$@" 2>"$TMP/err" && fail "$features: $what: there was space: $(stat -f -c %f "$MNT")"
	grep -q "No space left" "$TMP/err" || fail "$features: $what: $(cat "$TMP/err")"
	state "$file" >"$TMP/after"
	cmp -s "$TMP/before" "$TMP/after" || {
		diff "$TMP/before" "$TMP/after" >&2 || :
		fail "$features: $what failed, and has changed something"
	}
}

run_full() {
	features=$*
	make_image "$TMP/image" 8M -N 4000 -m 0 "$@"
	mount_image "$TMP/image"
	# so many attributes that the next one needs a block
	for f in acl chmod xattr link; do
		echo "$f" >"$MNT/$f"
		chmod 2750 "$MNT/$f"
	done
	mkdir "$MNT/dir" "$MNT/default"
	setfacl -d -m u:1:rwx,u:2:rwx,u:3:rwx,u:4:rwx,u:5:rwx,u:6:rwx,u:7:rwx,u:8:rwx,u:9:rwx \
		"$MNT/default"
	if [ "${features#*-I 128}" = "$features" ]; then
		for f in acl xattr; do
			setfattr -n user.fill -v "$(printf 'f%.0s' {1..60})" "$MNT/$f"
		done
	fi
	fill
	refused "an ACL" "$MNT/acl" setfacl -m u:1:r,u:2:r,u:3:r,u:4:r,u:5:r,m:r "$MNT/acl"
	refused "an attribute" "$MNT/xattr" setfattr -n user.large -v "$(printf 'l%.0s' {1..900})" \
		"$MNT/xattr"
	refused "mkdir" "$MNT/dir" mkdir "$MNT/dir/new"
	refused "mkdir with a default ACL" "$MNT/default" mkdir "$MNT/default/new"
	refused "a long symlink" "$MNT/dir" ln -s "$(printf 's%.0s' {1..200})" "$MNT/dir/long"
	[ -z "$(find "$MNT/dir" "$MNT/default" -mindepth 1)" ] || fail "$features: a name is left"
	# what needs no space can be done, and gives some
	chmod 600 "$MNT/acl" || fail "$features: chmod"
	rm "$MNT/full/data" || fail "$features: rm"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
}

run_full -t ext2 -b 1024 -I 128
run_full -t ext4 -b 1024 -I 256
run_full -t ext4 -b 1024 -I 256 -O ea_inode
run_full -t ext4 -b 1024 -I 256 -O bigalloc -C 4096

# Names that need a block: of a directory without room
for features in "-t ext2 -b 1024 -I 128" "-t ext4 -b 1024"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 8M -N 4000 -m 0 $features
	mount_image "$TMP/image"
	mkdir "$MNT/tight" "$MNT/from"
	echo x >"$MNT/from/file"
	echo y >"$MNT/from/other"
	# three entries of this length fill a block up
	for n in 1 2 3; do
		: >"$MNT/tight/$(printf "%0250d" $n)"
	done
	fill
	long=$(printf "%0250d" 4)
	refused "link" "$MNT/from/file" ln "$MNT/from/file" "$MNT/tight/$long"
	refused "rename" "$MNT/from/file" mv "$MNT/from/file" "$MNT/tight/$long"
	refused "create" "$MNT/tight" touch "$MNT/tight/$long"
	[ "$(find "$MNT/tight" -type f | wc -l)" = 3 ] || fail "$features: a name is left"
	[ "$(cat "$MNT/from/file")" = x ] || fail "$features: the old name is gone"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
done

# Files that share an attribute block, as kernel ext4 makes them: a change needs a block of
# its own, and without one nothing changes: neither the mode of the file nor the count of those
# that use the block.
if have_kernel_ext4; then
	for features in "-t ext4 -b 1024 -I 128" "-t ext4 -b 1024 -I 128 -O ea_inode"; do
		# shellcheck disable=SC2086
		make_image "$TMP/image" 8M -N 4000 -m 0 $features
		mount_kernel "$TMP/image" rw
		for f in one two three; do
			echo $f >"$KMNT/$f"
			setfacl -m u:1:rwx,u:2:rwx "$KMNT/$f"
			chmod 2750 "$KMNT/$f"
			# a value that is an inode, where there is the feature
			[ "${features#*ea_inode}" = "$features" ] ||
				setfattr -n user.large -v "$(printf 'l%.0s' {1..3000})" "$KMNT/$f"
		done
		unmount_kernel
		mount_image "$TMP/image"
		fill
		refused "chmod with a shared ACL" "$MNT/one" chmod 600 "$MNT/one"
		refused "an ACL beside a shared one" "$MNT/one" setfacl -m u:3:r,m:r "$MNT/one"
		refused "without a shared ACL" "$MNT/two" setfacl -x u:1 "$MNT/two"
		rm "$MNT/full/data"
		sync
		for _ in $(seq 100); do
			[ "$(stat -f -c %f "$MNT")" -gt 100 ] && break
			sleep 0.1
		done
		chmod 600 "$MNT/one" || fail "$features: chmod with space"
		[ "$(stat -c %a "$MNT/two")" = 2750 ] || fail "$features: the mode of another file"
		rm "$MNT/three"
		unmount_image "$TMP/image"
		check_image "$TMP/image"
		mount_image "$TMP/image"
		rm "$MNT/one"
		getfattr -d -m - "$MNT/two" >/dev/null || fail "$features: attributes are gone"
		rm "$MNT/two"
		unmount_image "$TMP/image"
		check_image "$TMP/image"
	done
else
	LEFT_OUT="attribute blocks that kernel ext4 shares"
fi

# Inline data go to a block, or stay as they are.
features=inline_data
make_image "$TMP/image" 8M -N 4000 -m 0 -t ext4 -b 1024 -I 256 -O inline_data
if have_kernel_ext4; then
	mount_kernel "$TMP/image" rw
	printf '%0100d' 7 >"$KMNT/small"
	mkdir "$KMNT/names"
	touch "$KMNT/names/one" "$KMNT/names/two"
	unmount_kernel
	mount_image "$TMP/image"
	fill
	refused "a longer file" "$MNT/small" truncate -s 5000 "$MNT/small"
	refused "a longer file" "$MNT/small" \
		dd if=/dev/zero of="$MNT/small" bs=500 seek=1 count=1 conv=notrunc
	refused "one more name" "$MNT/names" touch "$MNT/names/three"
	[ "$(find "$MNT/names" -type f | wc -l)" = 2 ] || fail "names are lost: $(ls "$MNT/names")"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
fi
