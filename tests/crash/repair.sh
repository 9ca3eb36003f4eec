#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# repair.sh IMAGE: e2fsck repairs an image that has no journal.  No block may have two owners:
# whoever is right then, the data of one of them are lost.
set -eu
PATH=$PATH:/usr/sbin:/sbin
status=0
e2fsck -fy "$1" >"$1.repaired" || status=$?
cat "$1.repaired"
! grep -qi 'multiply-claimed' "$1.repaired"
# 1: errors were corrected
[ $((status & ~1)) -eq 0 ]
