# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# On an image with "encrypt" each file is opened and released at the server. More files than the
# server has threads are deleted and closed while their data is being written: it goes on.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_slow_device
make_ext4 "$dm" -O encrypt
# Without delayed allocation a close waits for nothing, so files can be closed while the server
# is stopped. A commit of the server would wait for the slow device, with all requests behind
# it: none begins during this test.
mount_iomap4fs "$dm" "$m" nodelalloc,commit=300
at_exit delay_writes 0
server=$(server_pids)
threads=$(find "/proc/$server/task" -mindepth 1 -maxdepth 1 | wc -l)
nr=$((threads + 4))
# RELEASEs: of these files, and when their writing is begun
before=$(request_count "$m" 18)
fds=()
for i in $(seq $nr); do
	exec {fd}<>"$m/f$i"
	fds+=("$fd")
	head -c 262144 /usr/bin/perl >&"$fd"
done
# the metadata is written: what the server has to write later waits with the data
sync -f "$m"
for i in $(seq $nr); do
	head -c 262144 /usr/bin/perl >&"${fds[i - 1]}"
done
delay_writes 60000
for i in $(seq $nr); do
	rm "$m/f$i"
	expect_op 0 writeback "/dev/fd/${fds[i - 1]}" 262144 262144
done
# the answers come when nobody else has the inodes
stop_server "$server"
for fd in "${fds[@]}"; do
	exec {fd}>&-
done
kill -CONT "$server"
wait_until 20 eval "[ \$(request_count '$m' 18) -ge $((before + 2 * nr)) ]" || fail "no RELEASE comes"
# Some thread of it has to answer this, before and after the data has been written.
timeout 20 stat -f "$m" >/dev/null || fail "the server hangs"
delay_writes 0
timeout 20 stat -f "$m" >/dev/null || fail "the server hangs when the data has been written"
umount_iomap4fs "$m"
check_clean "$dm"
