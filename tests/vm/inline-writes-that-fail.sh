# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Bytes that the server keeps itself: when it does not take them, the write fails
# with its error, and the file is what it was.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m f=$TEST_TMP/m/f
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 100
expect_tell ok set r 0 4096 inline

# unchanged SIZE FIRST-BYTES
unchanged()
{
	expect_equal "$1" "$(stat -c %s "$f")" "the size"
	expect_equal "$2" "$(head -c 10 "$f")" "the first bytes"
}

expect_op 5 write "$f" 0 5
unchanged 100 wwwwwIIIII
expect_tell ok fail write 28
expect_op ENOSPC --byte=x write "$f" 2 5
unchanged 100 wwwwwIIIII
expect_tell ok fail write 28
expect_op ENOSPC --byte=x append "$f" 0 300
unchanged 100 wwwwwIIIII
expect_tell ok fail write 5
expect_op EIO --byte=x write "$f" 200 50
unchanged 100 wwwwwIIIII
# and the next one succeeds
expect_op 5 --byte=y append "$f" 0 5
unchanged 105 wwwwwIIIII
echo 1 >/proc/sys/vm/drop_caches
unchanged 105 wwwwwIIIII
expect_equal yyyyy "$(tail -c 5 "$f")" "the last bytes"
# with O_DIRECT the server's word comes the same way
expect_tell ok fail write 28
expect_op ENOSPC --byte=x dwrite "$f" 0 512
unchanged 105 wwwwwIIIII
stop_puppet "$m"
