# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 2400
#
# As the test crash-points-of-other-images, at one of four flushes and at one of sixteen
# writes.
# shellcheck source=../lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../lib-crash-points.sh
. "$(dirname "$0")/lib-crash-points.sh"

crash_often 16 100 "${other_images[@]}"
figure "crash points with the module, more images" "$points"
figure "crash points with the module, more images, files compared" "$kept"
[ "$points" -ge 200 ] || fail "only $points crash points"
