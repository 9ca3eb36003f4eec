# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 2400
#
# As the test crash-points, at every flush and at one of four writes.
# shellcheck source=../lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../lib-crash-points.sh
. "$(dirname "$0")/lib-crash-points.sh"

crash_often 4 100 "${usual_images[@]}"
figure "crash points with the module" "$points"
figure "crash points with the module, files compared" "$kept"
[ "$points" -ge 1000 ] || fail "only $points crash points"
