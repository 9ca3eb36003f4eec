# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server that wants no OPEN gets none where the kernel checks permissions (default_permissions).
# Elsewhere OPEN is the only question whether somebody may use the file, and is sent.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
FUSE_OPEN=14
puppet_options=(noopen=1)
start_puppet "$JOB_DISK1" "$m"
expect_op 0 open "$m/f"
expect_op 0 open "$m/f"
expect_equal 2 "$(request_count "$m" $FUSE_OPEN)" "OPENs where the server says who may"
stop_puppet "$m"
rm "$TEST_TMP"/puppet.{in,out}
start_puppet "$JOB_DISK1" "$m" 7 idmap
expect_op 0 open "$m/f"
expect_equal 0 "$(request_count "$m" $FUSE_OPEN)" "OPENs where the kernel says who may"
stop_puppet "$m"
