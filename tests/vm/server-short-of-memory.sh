# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# A server with less memory than it needs, and dirty pages of many times that, goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-short-of-memory.sh"

need_iomap4fs
short_of_memory 0 32 70
