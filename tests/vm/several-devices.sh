# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A mount may use several devices, each for what its descriptor was opened for; one
# that is in use can't be removed, one that isn't can't be mapped to.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
base=$((1 << 20))
for disk in "$JOB_DISK1" "$JOB_DISK2"; do
	head -c 65536 /dev/zero | tr '\0' "${disk: -1}" |
		dd of="$disk" bs=64K oflag=direct,seek_bytes seek=$base iflag=fullblock conv=notrunc status=none
done
expect_tell ok size 65536
expect_tell "ok 2" device add "$JOB_DISK2" rw
# Consecutive by sector number, so that what looks at nothing else would go on on the
# first device
expect_tell ok set r 32768 32768 mapped $((base + 32768))
expect_tell ok device use 1
expect_tell ok set r 0 32768 mapped $base
want=${JOB_DISK1: -1}${JOB_DISK2: -1}
got=$(dd if="$m/f" bs=64K iflag=direct status=none | fold -w 1 | uniq -c | awk '{ printf "%s", $2 }')
expect_equal "$want" "$got" "a file on two devices"
expect_op 65536 dwrite "$m/f" 0 65536
for place in "$JOB_DISK1 $base" "$JOB_DISK2 $((base + 32768))"; do
	read -r disk addr <<<"$place"
	expect_equal ww "$(dd if="$disk" bs=4096 iflag=direct,skip_bytes skip="$addr" count=1 status=none | head -c 2)" \
		"what was written to $disk"
	expect_equal "${disk: -1}" "$(dd if="$disk" bs=4096 iflag=direct,skip_bytes \
		skip=$((2 * base + 32768 - addr)) count=1 status=none | head -c 1)" "the other half of $disk"
done
# The page cache of a file is for one of them.
expect_equal 32768 "$(fileop read "$m/f" 0 32768 | cut -d' ' -f1)" "bytes of the first device"
expect_op EIO read "$m/f" 32768 4096
expect_op EUCLEAN write "$m/f" 32768 4096
expect_op 4096 write "$m/f" 0 4096
sync "$m/f"

# Only for what it was opened for
expect_tell "ok 3" device add "$JOB_DISK2" r
expect_tell ok set r 0 65536 mapped $base
expect_tell ok inval r 0 -1
expect_equal 65536 "$(fileop dread "$m/f" 0 65536 | cut -d" " -f1)" "bytes read"
expect_op EACCES dwrite "$m/f" 0 4096
expect_op EACCES write "$m/f" 0 4096
expect_op EFAULT mwrite "$m/f" 0 4096
expect_tell "ok 4" device add "$JOB_DISK2" w
expect_tell ok set r 0 65536 mapped $base
expect_tell ok inval r 0 -1
expect_op EACCES dread "$m/f" 0 4096

expect_tell ENODEV device add /dev/null
expect_tell ENODEV device add "$0" r
expect_tell EBUSY device remove 1
expect_tell ok device blocksize 1 4096
expect_tell EINVAL device blocksize 1 3000
expect_tell EINVAL device blocksize 2 4096	# not opened exclusively
expect_tell ENOENT device blocksize 9 4096

# When no file is in memory
expect_op 0 fsync "$m/f"
echo 3 >/proc/sys/vm/drop_caches
expect_tell ok device remove 2
expect_tell ENOENT device remove 2
expect_tell ENOENT device remove 0
expect_tell ok device use 2
expect_tell ok set r 0 65536 mapped $base
expect_op EUCLEAN dread "$m/f" 0 4096
stop_puppet "$m"
