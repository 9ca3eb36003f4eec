#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The long crash tests fail when a figure is missing, when too little was tried, or
# something was inconsistent.
#
#	JUDGE	the script that says so
set -eu -o pipefail

figures=$(mktemp)
trap 'rm -f "$figures"' EXIT

good() {
	cat <<-'END'
		crash points: 1000
		crash points inconsistent: 0
		crash points, files compared: 7
		crash points of replays: 100
		crash points of replays inconsistent: 0
		server kills: 200
		server kills inconsistent: 0
		server kills with the module: 100
		server kills with the module inconsistent: 0
		power cuts: 50
		power cuts inconsistent: 0
	END
}

# refused SED-SCRIPT: what it makes of good figures
refused() {
	good | sed "$1" >"$figures"
	! "$JUDGE" "$figures" 2>/dev/null || {
		echo "FAIL: taken: $1" >&2
		exit 1
	}
}

good >"$figures"
"$JUDGE" "$figures"
for name in "crash points" "crash points of replays" "server kills" \
	"server kills with the module" "power cuts"; do
	refused "/^$name:/d"
	refused "/^$name inconsistent:/d"
	refused "s/^$name inconsistent: 0/$name inconsistent: 1/"
	refused "s/^$name: /$name: -/"
	# one less
	refused "s/^$name: 1000/$name: 999/; s/^$name: 200/$name: 199/; s/^$name: 100$/$name: 99/
		s/^$name: 50/$name: 49/"
	# two that say something else
	refused "s/^$name inconsistent: 0/$name inconsistent: 3\n&/"
done
refused d
