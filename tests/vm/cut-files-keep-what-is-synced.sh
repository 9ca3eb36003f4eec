# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Files that are cut while their first block is written, made longer and synced: after
# unmounting all of them have all their bytes. A few seconds of what tests/vm/long does for
# minutes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-cut-appends.sh"

cut_appends_for 4
