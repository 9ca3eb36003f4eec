# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 1500
# memory: 512
#
# As the test server-short-of-memory, for LONG_MINUTES (60, which is the most).
# shellcheck source=../lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../lib-short-of-memory.sh
. "$(dirname "$0")/lib-short-of-memory.sh"

need_iomap4fs
minutes=${LONG_MINUTES:-60}
if ! [[ $minutes =~ ^[0-9]+$ ]] || [ "$minutes" -gt 60 ]; then
	fail "LONG_MINUTES is a number up to 60, not $minutes"
fi
start=$EPOCHSECONDS rounds=0 reached=0
short_of_memory $((minutes * 60)) 80 85 70 55
figure "memory test minutes" $(((EPOCHSECONDS - start) / 60))
figure "memory test rounds" "$rounds"
figure "memory test limit reached" "$reached"
