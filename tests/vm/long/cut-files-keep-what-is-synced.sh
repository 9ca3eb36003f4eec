# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 1500
#
# Files that are cut while their first block is written, made longer and synced, three times
# 200 s beside three busy processes: after unmounting all of them have all their bytes.
# shellcheck source=../lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../lib-cut-appends.sh
. "$(dirname "$0")/lib-cut-appends.sh"

for round in 1 2 3; do
	echo "round $round"
	cut_appends_for 200
done
