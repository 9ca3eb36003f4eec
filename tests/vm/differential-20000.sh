# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 900
#
# 20,000 random operations of fixed seeds on iomap4fs and on kernel ext4.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-differential.sh"

need_iomap4fs
compare_with_ext4 0x10ca1 4096 14000
compare_with_ext4 0x5eed5 1024 6000
