# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# As the test crash-points, with fewer moments of more kinds of images: with indirect maps,
# clusters, quotas, inline data, without a journal, and full.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib-crash-points.sh
. "$(dirname "$0")/lib-crash-points.sh"

crash_often 300 30 "${other_images[@]}"
echo "crash points: $points, files kept: $kept"
[ "$kept" -gt 20 ] || fail "fsync promised only $kept times"
