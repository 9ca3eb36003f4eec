# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 2400
#
# 200,000 random operations on iomap4fs and on kernel ext4, with six seeds from LONG_SEED
# (1001) on. A difference ends the run of its seed, not the test.
# shellcheck source=../lib.sh
. "$(dirname "$0")/lib.sh"

need_iomap4fs
seed=${LONG_SEED:-1001}
if ! [[ $seed =~ ^[0-9]+$ ]]; then
	fail "LONG_SEED is a number, not $seed"
fi
differences=0 operations=0
for run in "4096 40000" "1024 30000" "2048 30000" "4096 40000" "1024 30000" "2048 30000"; do
	read -r block ops <<<"$run"
	echo "seed $seed, blocks of $block bytes, $ops operations"
	start=$EPOCHSECONDS
	# a process with a clean-up of its own
	# shellcheck disable=SC2016 # the inner shell's
	if bash -c '. tests/lib.sh; . tests/lib-differential.sh; compare_with_ext4 "$@"' \
		tests/one-seed "$seed" "$block" "$ops"; then
		operations=$((operations + ops))
	else
		differences=$((differences + 1))
	fi
	echo "seed $seed took $((EPOCHSECONDS - start)) s"
	seed=$((seed + 1))
done
figure "differential operations" "$operations"
figure "differential differences" "$differences"
expect_equal 0 "$differences" "seeds with a difference"
