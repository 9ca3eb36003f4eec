# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# The kernel's NFS server exports a mount, in both modes. Its client writes and reads files, and
# goes on with those that it has open when the server's kernel has forgotten them and when the
# file system has been mounted anew.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
modprobe -q nfsd && modprobe -q nfsv3 || skip "this kernel has no NFS"
m=$TEST_TMP/m n=$TEST_TMP/n
mkdir "$m" "$n"
at_exit umount_all "$m"

stop_nfs()
{
	umount_all "$n"
	exportfs -ua
	rpc.nfsd 0
	kill "$mountd" "$rpcbind"
	wait "$mountd" "$rpcbind" || :
	umount_all /proc/fs/nfsd
	umount_all /var/lib/nfs/rpc_pipefs
}

export_it()
{
	exportfs -o rw,no_root_squash,no_subtree_check,fsid=7 "127.0.0.1:$m"
}

# The NFS server keeps files open for a while after each use.
unexport_and_umount()
{
	exportfs -u "127.0.0.1:$m"
	exportfs -f
	wait_until 60 umount "$m" 2>/dev/null || fail "$m stays in use"
	wait_until 30 no_server || fail "the server is still there"
}

mount_by_nfs()
{
	mount -t nfs -o vers=3,nolock,proto=tcp,mountproto=tcp,port=2049,mountport=20048,actimeo=0 \
		"127.0.0.1:$m" "$n"
}

ip link set lo up
mkdir -p /run/rpcbind
rpcbind -f -w & rpcbind=$!
mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
: >>/var/lib/nfs/etab
: >>/var/lib/nfs/rmtab
rpc.mountd -F -p 20048 --no-nfs-version 4 & mountd=$!
at_exit stop_nfs
rpc.nfsd -N 4 -p 2049 2

for mode in require off; do
	make_ext4 "$JOB_DISK1"
	mount -t iomap4fs -o "iomap=$mode" "$JOB_DISK1" "$m"
	mkdir "$m/d"
	export_it
	wait_until 30 mount_by_nfs 2>"$TEST_TMP/err" || fail "mount: $(<"$TEST_TMP/err")"
	mkdir -p "$n/d/e"
	head -c 300000 /dev/urandom >"$TEST_TMP/data"
	cp "$TEST_TMP/data" "$n/d/e/f"
	exec 7<"$n/d/e/f"
	unexport_and_umount
	mount -t iomap4fs -o "iomap=$mode" "$JOB_DISK1" "$m"
	export_it
	echo 3 >/proc/sys/vm/drop_caches
	cmp - "$TEST_TMP/data" <&7 || fail "$mode: the open file after mounting anew"
	exec 7<&-
	cmp "$n/d/e/f" "$TEST_TMP/data" || fail "$mode: the file by its name"
	mv "$n/d/e/f" "$n/g"
	cmp "$m/g" "$TEST_TMP/data" || fail "$mode: the file on the server"
	rm -r "$n/d"
	wait_until 60 umount "$n" 2>/dev/null || fail "the NFS mount stays in use"
	unexport_and_umount
	check_clean "$JOB_DISK1"
done
