# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 7200
#
# As the test journals-are-replayed-as-kernel-ext4-does, at every flush and at one of four writes.
# shellcheck source=../lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../lib-replays.sh
. "$(dirname "$0")/lib-replays.sh"

begin_replays
for kind in "${kinds_of_journals[@]}"; do
	replay_often 4 60 "$kind"
done
figure "crash points of kernel ext4, replayed" "$points"
[ "$points" -ge 1000 ] || fail "only $points crash points"
