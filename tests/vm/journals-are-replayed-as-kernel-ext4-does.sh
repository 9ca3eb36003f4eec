# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# What a crash leaves in a journal of kernel ext4 is replayed by the server as by kernel ext4 and by
# debugfs, block for block, whatever kind of journal it is.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib-replays.sh
. "$(dirname "$0")/lib-replays.sh"

begin_replays
for kind in "${kinds_of_journals[@]}"; do
	replay_often 400 8 "$kind"
done
replay_logs "" -t ext4 -O ^metadata_csum,64bit
replay_logs "-c -v 2" -t ext4 -O metadata_csum,^64bit
replay_logs "-c -v 2" -t ext4 -O metadata_csum,64bit
echo "crash points: $points"
for what in copies escaped revokes turns; do
	echo "$what: $(found $what)"
	[ "$(found $what)" -gt 0 ] || fail "no $what in any log"
done
