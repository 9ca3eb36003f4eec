# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the kernel has once been told of names, attributes, links, directories and
# contents it does not ask again: doing it all once more costs nothing.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
mkdir -p "$m/a/b"
for i in $(seq 50); do
	echo "file $i" >"$m/a/b/f$i"
done
ln -s a/b/f1 "$m/link"
setfacl -m u:1000:r "$m/a/b/f2"
sync -f "$m"
umount_iomap4fs "$m"
mount_iomap4fs "$JOB_DISK1" "$m"

look()
{
	ls "$m" "$m/a" "$m/a/b" >/dev/null
	stat "$m"/a/b/* "$m/link" >/dev/null
	cat "$m"/a/b/* "$m/link" >/dev/null
	readlink "$m/link" >/dev/null
	ls "$m/a/b/missing" "$m/gone" 2>/dev/null && fail "a missing file is there"
	setpriv --reuid 1000 --regid 1000 --clear-groups cat "$m/a/b/f2" >/dev/null
}
chmod 755 "$TEST_TMP" "$m"

# Three times: of the larger directory all is asked for at once when its entries have been used,
# and listing a directory makes its access time old
look
look
look
cp "$(connection_dir "$m")/requests" "$TEST_TMP/before"
look
cp "$(connection_dir "$m")/requests" "$TEST_TMP/after"
asked=$(awk 'NR == FNR { n[$1] = $2; next } $2 != n[$1] { print $1 ": " $2 - n[$1] }' \
	"$TEST_TMP/before" "$TEST_TMP/after")
[ -z "$asked" ] || fail "requests by opcode: $asked"

# What changes is seen at once.
echo new >"$m/a/b/new"
rm "$m/a/b/f50"
ls "$m/a/b" >"$TEST_TMP/list"
grep -qx new "$TEST_TMP/list" || fail "the new file is not listed"
! grep -qx f50 "$TEST_TMP/list" || fail "the deleted file is listed"
mv "$m/link" "$m/gone"
readlink "$m/gone" >/dev/null || fail "the renamed link is not there"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
