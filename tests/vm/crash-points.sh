# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 600
#
# A crash of the machine at some of many moments, while the kernel writes data and the
# server metadata, leaves an image that journal replay makes consistent, with all that
# fsync promised.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=lib-crash-points.sh
. "$(dirname "$0")/lib-crash-points.sh"

crash_often 240 60 "${usual_images[@]}"
echo "crash points: $points, files kept: $kept"
[ "$kept" -gt 20 ] || fail "fsync promised only $kept times"
