# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# A server on libfuse's high-level interface: data goes through the kernel, buffered, direct
# and by mapping, to where the server says; files are renamed while they are open, alone and
# with the directory above, and removed while they are open; hard links are refused; and
# nothing is left at unmount.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-regions.sh"

k=1024
mib=$((k * k))
model=$TEST_TMP/model
dd if=/dev/urandom of="$JOB_DISK1" bs=1M count=32 oflag=direct status=none
dd if="$JOB_DISK1" of="$model" bs=1M skip=4 count=4 iflag=direct status=none
start_regions boot/loader=1M+1M a/b/data=4M+4M odd=9M+1536 spare=10M+1M
data=$m/a/b/data

expect_equal "data" "$(ls "$m/a/b")" "the directory"
expect_equal "$((4 * mib))" "$(stat -c %s "$data")" "the size"
cmp "$data" "$model"
dd if="$data" bs=64K iflag=direct status=none | cmp - "$model"
# blocks of 512 bytes, because "odd" asks for that
expect_equal "0 $((9 * mib)) 1536 written" "$(filemap fiemap "$m/odd")" "the map"
expect_equal "0 $((4 * mib)) $((4 * mib)) written" "$(filemap fiemap "$data")" "the map of data"
expect_equal 1536 "$(fileop read "$m/odd" 0 4096 | cut -d' ' -f1)" "bytes of odd"

# both OP OFFSET LENGTH: on the file and on the model
byte=a
both()
{
	expect_op "$3" --byte="$byte" "$1" "$data" "$2" "$3"
	expect_op "$3" --byte="$byte" write "$model" "$2" "$3"
	byte=$(tr '[:lower:]' 'b-za' <<<"$byte")
}

writes()
{
	both write $((100 * k + 17)) 70000
	both dwrite $((512 * k)) 65536
	both mwrite $((k * k + 4096)) 12288
	both dsyncwrite $((2 * mib)) 4096
	cmp "$data" "$model"
}
writes
sync "$data"
region_is $((4 * mib)) $((4 * mib)) "$model"

# It can't grow, nor shrink.
expect_op 0 write "$data" $((4 * mib)) 0
expect_op ENOSPC write "$data" $((4 * mib)) 4096
expect_fail truncate -s 1M "$data"
expect_fail truncate -s 8M "$data"
expect_equal "$((4 * mib))" "$(stat -c %s "$data")" "the size"

# Open, renamed, its directory renamed, another file renamed over one
exec 5<>"$data"
printf x1 >&5
mv "$data" "$m/a/b/moved"
printf x2 >&5
mv "$m/a/b" "$m/boot/c"
printf x3 >&5
mv "$m/boot" "$m/deep"
mkdir "$m/boot"
printf x4 >&5
data=$m/deep/c/moved
printf x1x2x3x4 | dd of="$model" conv=notrunc status=none
cmp "$data" "$model"
writes
expect_fail ls "$m/a/b"
expect_fail cat "$m/boot/c/moved"
mv -f "$m/deep/c/moved" "$m/spare"
data=$m/spare
writes
exec 5>&-
sync "$data"
region_is $((4 * mib)) $((4 * mib)) "$model"

# After a while nobody knows it any more, and everything begins from its path.
sync
echo 3 >/proc/sys/vm/drop_caches
cmp "$data" "$model"
writes

# One file, one name
expect_fail ln "$data" "$m/second"
expect_equal 1 "$(stat -c %h "$data")" "the links"
expect_fail ls "$m/second"

# Removed while it is open: readable and writable, and gone with the last close.
nodes()
{
	stat -f -c %c "$m"
}
fewer_nodes()
{
	[ "$(nodes)" -eq $(($1 - 1)) ]
}
before=$(nodes)
exec 5<>"$data"
rm "$data"
expect_fail ls "$data"
expect_equal "$before" "$(nodes)" "nodes while it is open"
printf y1y2 >&5
printf y1y2 | dd of="$model" conv=notrunc status=none
dd if=/proc/self/fd/5 bs=64K iflag=direct status=none | cmp - "$model"
expect_op 4096 --byte=q dwrite /proc/self/fd/5 $((3 * mib)) 4096
expect_op 4096 --byte=q write "$model" $((3 * mib)) 4096
sync /proc/self/fd/5
region_is $((4 * mib)) $((4 * mib)) "$model"
exec 5>&-
# the server keeps it until the kernel has forgotten it
wait_until 10 fewer_nodes "$before" || fail "the server was not told that the kernel forgot the file"
# removed with dirty pages and no open file
before=$(nodes)
expect_op 65536 --byte=z write "$m/deep/loader" 0 65536
rm "$m/deep/loader"
wait_until 10 fewer_nodes "$before" || fail "the server was not told of the second file"

[ "$(request_count "$m" $IOMAP_BEGIN)" -gt 0 ] || fail "no BEGIN requests"
no_data_requests
expect_fail rmdir "$m/deep"

# Dirty pages are written at unmount, also when a signal is what ends the server.
expect_op 1536 --byte=u write "$m/odd" 0 1536
head -c 1536 /dev/zero | tr '\0' u >"$TEST_TMP/odd"
stop_regions
region_is $((9 * mib)) 1536 "$TEST_TMP/odd"
wipefs -qa "$JOB_DISK1"
start_regions odd=9M+1536
expect_op 1000 --byte=v write "$m/odd" 100 1000
head -c 1000 /dev/zero | tr '\0' v | dd of="$TEST_TMP/odd" bs=1 seek=100 conv=notrunc status=none
kill -TERM $server
wait $server || [ $? -eq 143 ] || fail "iomap_regions ends with status $? after SIGTERM"
expect_fail mountpoint -q "$m"
region_is $((9 * mib)) 1536 "$TEST_TMP/odd"
