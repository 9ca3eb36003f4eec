# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# Idmapped mounts of iomap4fs behave as those of kernel ext4: who owns what is made
# through them, who may do what, ACLs, set-id bits, flags. The same steps are done on
# both, by different users and in a user namespace, and each result is compared.
# r is the file system, v the same with the ids 0 to 9999 shown as 10000 and up, w with
# them as 20000 and up. The user namespace has v's ids. (tests/programs/idmapped)
. "$(dirname "$0")/lib.sh"

need_iomap4fs
map_v=0:10000:10000
map_w=0:20000:5000,5000:30000:5000
r=$TEST_TMP/r v=$TEST_TMP/v w=$TEST_TMP/w
mkdir "$r" "$v" "$w"
chmod 755 "$TEST_TMP" "$r" "$v" "$w"

# mount_views: of what is at $r
mount_views()
{
	at_exit umount_all "$v"
	at_exit umount_all "$w"
	expect_equal 0 "$(idmapped mount "$map_v" "$r" "$v")" "idmapped mount"
	expect_equal 0 "$(idmapped mount "$map_w" "$r" "$w")" "second idmapped mount"
}

steps()
{
	cat <<'STEPS'
umask 022
0:0 look .

# root has no id behind the mount, and nobody has one that is not mapped
0:0 mkdir v/x 0755
0:0 create v/x 0644
0:0 symlink x v/x
0:0 mknod v/x p 0644
5:5 create v/x 0644
10001:10001 mkdir v/x 0755
10000:10000 mkdir v/pub 0777
10000:5 mkdir v/y 0777
10000:10000 chmod v/pub 01777
10000:10000 mkdir v/open 0755
10000:10000 chmod v/open 0777
0:0 look pub
0:0 look open

# files of all kinds
10001:10002 create v/pub/f 0666
10001:10002 mkdir v/pub/d 0777
10001:10002 symlink f v/pub/l
10001:10002 mknod v/pub/p p 0666
10001:10002 mknod v/pub/s s 0666
10001:10002 mknod v/pub/n f 0666
10001:10002 mknod v/pub/c c 0666
10003:10003+m mknod v/pub/c c 0666
10003:10003+m mknod v/pub/b b 0666
25001:25002 create w/pub/w 0666
30001:30002 create w/pub/w 0666
1:2 create r/pub/r 0666
12000:12000 create r/pub/far 0666
0:0 look pub/f
0:0 look pub/d
0:0 look pub/l
0:0 look pub/p
0:0 look pub/s
0:0 look pub/n
0:0 look pub/c
0:0 look pub/b
0:0 look pub/w
0:0 look pub/r
0:0 look pub/far

# owners
10001:10002 chown v/pub/f 10003 -1
10001:10002 chown v/pub/f -1 10004
10001:10002,10004 chown v/pub/f -1 10004
10001:10002+c chown v/pub/f 10005 10006
10001:10002+c chown v/pub/f 5 6
10001:10002+c chown v/pub/f 25005 -1
0:0 chown v/pub/l 10007 10008
0:0 chown r/pub/d 9 10
0:0 chown v/pub/d 9 10
0:0 look pub/f
0:0 look pub/l
0:0 look pub/d

# a file whose owner the mounts do not show
1:2 create r/pub/u 0644
0:0 chown r/pub/u 40000 40001
0:0 look pub/u
0:0 read v/pub/u
0:0 write v/pub/u
0:0 truncate v/pub/u 5
0:0 chmod v/pub/u 0600
0:0 times v/pub/u then
0:0 setxattr v/pub/u user.name value
0:0 setxattr v/pub/u trusted.name value
0:0 acl v/pub/u access u::rw,u:10005:r,g::r,m::r,o::r
0:0 flag v/pub/u +d
0:0 link v/pub/u v/open/u
0:0 rename v/pub/u v/open/u
0:0 unlink v/pub/u
10000:10000+do write v/pub/u
10000:10000+do unlink v/pub/u
N0:0 chown v/pub/u 1 1
0:0 look pub/u
0:0 chown v/pub/u 10001 10001
0:0 look pub/u

# modes
10001:10002 create v/open/m 0644
10002:10002 chmod v/open/m 0666
1:2 chmod v/open/m 0666
1:2 chmod r/open/m 0664
10002:10002+o chmod v/open/m 0640
10001:10002 chmod v/open/m 02755
0:0 look open/m
10001:10003 chmod v/open/m 02755
0:0 look open/m
10001:10003+s chmod v/open/m 02755
0:0 look open/m
10001:10002 chmod v/open/m 0640

# access
10001:10002 read v/open/m
10003:10002 read v/open/m
10003:10002 write v/open/m
10003:10003,10002 read v/open/m
10003:10003 read v/open/m
1:2 read v/open/m
1:2 read r/open/m
10001:10002 read r/open/m
25001:1 read w/open/m
20001:1 read w/open/m
20001:1 write w/open/m
0:0 read v/open/m
0:0 write v/open/m
10003:10003+d read v/open/m
10001:10002 access v/open/m 6
10003:10002 access v/open/m 6
10003:10003 access v/open/m 4
10003:10002 truncate v/open/m 10
10001:10002 truncate v/open/m 10
10001:10002 dwrite v/open/m
10001:10002 mwrite v/open/m
10001:10002 fallocate v/open/m 20000
0:0 look open/m
10001:10002 opentrunc v/open/m
10003:10002 opentrunc v/open/m
0:0 look open/m

# times
10002:10002 times v/open/m now
10002:10002 times v/open/m then
10001:10001 times v/open/m then
10001:10001 times v/open/m now
1:1 times v/open/m then

# the sticky bit
10002:10002 unlink v/pub/n
10002:10002 rename v/pub/n v/pub/n2
10001:10001 rename v/pub/n v/pub/n2
20001:20001 rename w/pub/n2 w/pub/n3
10001:10001 unlink v/pub/n3
10001:10001 create v/open/n 0644
10002:10002 unlink v/open/n

# names
10001:10002 create v/open/a 0644
10002:10002 create v/open/b 0644
10001:10002 link v/open/a v/open/a2
10001:10002 rename v/open/a2 v/pub/a3
10001:10002 exchange v/open/a v/open/b
10001:10002 mkdir v/open/dir 0700
10002:10002 rename v/open/b v/open/dir/b
10001:10002 rename v/open/b v/open/dir/b
10002:10002 create v/open/dir/c 0644
10002:10002 rmdir v/open/dir
10001:10002 rmdir v/open/dir
0:0 look open/a
0:0 look open/dir/b
0:0 look pub/a3

# the group of the directory
10001:10001 mkdir v/open/sg 0777
10001:10001,10004 chown v/open/sg -1 10004
10001:10001,10004 chmod v/open/sg 02777
umask 0
10002:10002,10004 create v/open/sg/member 02775
10002:10002 create v/open/sg/other 02775
10002:10002 mkdir v/open/sg/dir 0775
10002:10002 create v/open/sg/dir/f 0664
10002:10002 symlink x v/open/sg/l
10002:10002 mknod v/open/sg/p p 02664
2:2 create r/open/sg/raw 0664
umask 022
0:0 look open/sg
0:0 look open/sg/member
0:0 look open/sg/other
0:0 look open/sg/dir
0:0 look open/sg/dir/f
0:0 look open/sg/l
0:0 look open/sg/p
0:0 look open/sg/raw

# set-id bits go when somebody writes
10001:10002 create v/open/su 0777
10001:10002 chmod v/open/su 06777
10001:10002 write v/open/su
0:0 look open/su
10001:10002 chmod v/open/su 06777
10003:10003 write v/open/su
0:0 look open/su
10001:10002 chmod v/open/su 06777
10001:10002 truncate v/open/su 1
0:0 look open/su
10001:10002 chmod v/open/su 06777
10001:10002 dwrite v/open/su
0:0 look open/su
10001:10002 chmod v/open/su 06777
10001:10002 fallocate v/open/su 8192
0:0 look open/su
10001:10002 chmod v/open/su 06777
10001:10002+s write v/open/su
0:0 look open/su
10001:10002,10004 chown v/open/su -1 10004
0:0 look open/su
10001:10004 chmod v/open/su 06767
10003:10003 write v/open/su
0:0 look open/su
10001:10004 chmod v/open/su 02767
10003:10004 write v/open/su
0:0 look open/su

# programs
0:0 exec v/id -u
10001:10001 exec v/id -u
20001:20001 exec w/id -u
10001:10001 exec v/mine -g
10002:10002 exec v/mine -g
5:5 exec v/mine -g
0:0 exec v/mine -g
N7:7 exec v/id -u
N6:6 exec v/mine -g

# extended attributes
10001:10002 setxattr v/open/m user.name value
10003:10003 setxattr v/open/m user.name value
1:1 setxattr v/open/m user.name value
1:1 setxattr r/open/m user.raw value
10001:10002 setxattr v/open/m trusted.name value
0:0 setxattr v/open/m trusted.name value
10003:10002 getxattr v/open/m user.name
10003:10003 getxattr v/open/m user.name
10001:10002 getxattr v/open/m trusted.name
0:0 getxattr v/open/m trusted.name
0:0 listxattr v/open/m
0:0 listxattr r/open/m
10001:10002 listxattr v/open/m
N0:0 listxattr v/open/m
N0:0 setxattr v/open/m trusted.other value
N0:0 setxattr v/open/m user.ns value
10003:10003 rmxattr v/open/m user.name
10001:10002 rmxattr v/open/m user.name
10002:10002 setxattr v/pub user.name value
10000:10000 setxattr v/pub user.name value
0:0 listxattr v/pub

# capabilities of files
10001:10002 create v/open/cap 0777
10001:10002 setcap v/open/cap
0:0 setcap v/open/cap
0:0 getcap r/open/cap
0:0 getcap v/open/cap
0:0 setcap r/open/cap
0:0 getcap v/open/cap
10001:10002 write v/open/cap
0:0 getcap v/open/cap
N0:0 setcap v/open/cap
N0:0 setcap v/pub/far
0:0 getcap r/open/cap
0:0 getcap v/open/cap
0:0 getcap w/open/cap
N0:0 getcap v/open/cap
N0:0 getcap r/open/cap
10001:10002 truncate v/open/cap 1
0:0 getcap r/open/cap

# flags: who owns a file may change them, some with a capability
10001:10002 create v/open/fl 0644
10001:10002 flag v/open/fl +d
10003:10003 flag v/open/fl -d
1:1 flag v/open/fl -d
1:1 flag r/open/fl -d
10003:10003+o flag v/open/fl +d
10001:10002 flag v/open/fl +i
10003:10003+i flag v/open/fl +i
10001:10002+i flag v/open/fl +i
10001:10002 write v/open/fl
10001:10002 chmod v/open/fl 0644
10001:10002 rename v/open/fl v/open/fl2
10001:10002 unlink v/open/fl
10001:10002 flag v/open/fl -i
0:0 flag v/open/fl -i
10001:10002+i flag v/open/fl +a
10001:10002 write v/open/fl
10001:10002 flag v/open/fl -a
10001:10002+i flag v/open/fl -a
10001:10002 write v/open/fl
10001:10002 project v/open/fl 7
10003:10003 project v/open/fl 8
1:1 project v/open/fl 8
N1:2 project v/open/fl 9
0:0 project v/open/fl 10

# ACLs
10001:10002 acl v/open/m access u::rw,u:10005:r,g::,g:10006:rw,m::rw,o::
0:0 look open/m
10005:10005 read v/open/m
10005:10005 write v/open/m
10007:10006 write v/open/m
10007:10007 read v/open/m
10003:10002 read v/open/m
5:5 read v/open/m
5:5 read r/open/m
20005:1 read w/open/m
10003:10003 acl v/open/m access u::rw,g::r,o::r
1:1 acl v/open/m access u::rw,g::r,o::r
10003:10003+o acl v/open/m access u::rw,u:10005:rw,g::r,m::rw,o::
10001:10002 acl v/open/m access u::rw,u:5:rw,g::r,m::rw,o::
10001:10002 acl v/open/m access u::rw,u:29000:rw,g::r,m::rw,o::
0:0 acl v/open/m access u::rw,u:10009:rw,g:10008:x,g::r,m::rw,o::
0:0 acl v/open/m access u::rw,u:10009:rw,g::r,g:10008:x,m::rw,o::
1:1 acl r/open/m access u::rw,u:9:rw,g::r,g:8:x,g:12000:r,m::rw,o::r
0:0 look open/m
N0:0 look open/m
10001:10002 chmod v/open/m 0604
0:0 look open/m
10001:10002 acl v/open/m access u::rw,g::r,o::r
0:0 look open/m
10001:10002 acl v/open/m access u::rw,u:10005:r,g::r,m::rw,o::r
10001:10002 acl v/open/m access none
0:0 look open/m
10001:10002 acl v/open/m default u::rw,g::r,o::r

# a new ACL takes the set-gid bit from who is not of the group
10001:10002 chmod v/open/su 0755
10001:10004 chmod v/open/su 02755
10001:10004 acl v/open/su access u::rwx,u:10005:rx,g::rx,m::rwx,o::
0:0 look open/su
10001:10002 acl v/open/su access u::rwx,u:10005:rx,g::rx,m::rwx,o::
0:0 look open/su
10001:10004 chmod v/open/su 02755
4:4 acl r/open/su access u::rwx,u:5:rx,g::rx,m::rwx,o::
1:2 acl r/open/su access u::rwx,u:5:rx,g::rx,m::rwx,o::
0:0 look open/su
10001:10004 chmod v/open/su 02755
10001:10002 acl v/open/su access u::rwx,g::rx,o::
0:0 look open/su
10001:10004 chmod v/open/su 02755
10001:10002+s acl v/open/su access u::rwx,u:10005:rx,g::rx,m::rwx,o::
0:0 look open/su

# inherited ACLs
10001:10002 mkdir v/open/acl 0777
10001:10002 chmod v/open/acl 02777
10001:10002 acl v/open/acl default u::rwx,u:10005:rwx,g::rx,g:10006:r,m::rwx,o::
10001:10002 acl v/open/acl default u::rwx,u:5:rwx,g::rx,m::rwx,o::
umask 077
10001:10002 create v/open/acl/f 0666
10003:10003 create v/open/acl/g 02640
10003:10003 mkdir v/open/acl/d 0777
10003:10003 create v/open/acl/d/f 0644
10003:10003 mknod v/open/acl/p p 0666
10003:10003 symlink f v/open/acl/l
3:3 mkdir r/open/acl/raw 0750
25003:25003 mkdir w/open/acl/far 0750
20003:20003 mkdir w/open/acl/w 0750
umask 022
0:0 look open/acl
0:0 look open/acl/f
0:0 look open/acl/g
0:0 look open/acl/d
0:0 look open/acl/d/f
0:0 look open/acl/p
0:0 look open/acl/l
0:0 look open/acl/raw
0:0 look open/acl/far
0:0 look open/acl/w
10005:10005 write v/open/acl/f
5:5 write v/open/acl/f
5:5 write r/open/acl/f
10007:10006 read v/open/acl/f
10007:10007 read v/open/acl/f
10005:10005 create v/open/acl/d/named 0644
10007:10007 create v/open/acl/d/other 0644
0:0 look open/acl/d/named

# in a user namespace, whose ids are the file system's
N0:0 look open/m
N0:0 mkdir v/open/ns 0755
N5:6 create v/open/ns5 0644
N0:0 chown v/open/ns 7 8
N0:0 chown v/open/ns5 20000 8
N0:0 chown r/open/ns5 7 8
N5:6 chown v/open/ns5 7 8
N0:0 chmod v/open/ns5 0600
N0:0 read v/open/ns5
N0:0 read r/open/ns5
N0:0 read w/open/ns5
N0:0 write v/pub/far
N0:0 mknod v/open/nsc c 0644
N0:0 acl v/open/ns default u::rwx,u:9:rx,g::rx,m::rx,o::
N0:0 acl v/open/ns access u::rwx,u:20000:rx,g::rx,m::rx,o::
N5:6 flag v/open/ns5 +d
N5:6 flag v/open/ns5 +i
N0:0 flag v/open/ns5 +i
N9:9 create v/open/ns/f 0666
N0:0 create v/open/ns/f 0666
0:0 look open/ns
0:0 look open/ns5
0:0 look open/ns/f
N0:0 look open/ns/f
STEPS
}

# tree DIR: what is there, as the file system has it
tree()
{
	find "$1" -path "$1/lost+found" -prune -o -printf '%P %M %U:%G %n\n' | sort
}

# run_steps FILE: with the file system mounted on $r; unmounts it
run_steps()
{
	cp /usr/bin/id "$r/id"
	cp /usr/bin/id "$r/mine"
	chown 5:5 "$r/id"
	chmod 4755 "$r/id"
	chown 1:6 "$r/mine"
	chmod 2710 "$r/mine"
	mount_views
	steps | (cd "$TEST_TMP" && idmapped run "$map_v" r v w) >"$1"
	tree "$r" >>"$1"
	tree "$v" >>"$1"
	umount "$v"
	umount "$w"
	tree "$r" >>"$1"
}

make_ext4 "$JOB_DISK1" -O project -I 256
if ! mount_ext4 "$JOB_DISK1" "$r" 2>/dev/null; then
	echo "no project ids: kernel ext4 has no quota here"
	make_ext4 "$JOB_DISK1" -I 256
	mount_ext4 "$JOB_DISK1" "$r"
	project=
else
	project="-O project"
fi
run_steps "$TEST_TMP/want"
umount "$r"
check_clean "$JOB_DISK1"
cp "$TEST_TMP/want" "$JOB_OUT/want"

# shellcheck disable=SC2086 # one word or none
make_ext4 "$JOB_DISK1" $project -I 256
mount_iomap4fs "$JOB_DISK1" "$r"
run_steps "$TEST_TMP/got"
umount_iomap4fs "$r"
check_clean "$JOB_DISK1"
cp "$TEST_TMP/got" "$JOB_OUT/got"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "what happens through idmapped mounts"
grep '^    r/pub/f: 100644 5:6 ' "$TEST_TMP/got" >/dev/null || fail "pub/f is not as it has to be"
grep '^    v/pub/f: 100644 10005:10006 ' "$TEST_TMP/got" >/dev/null || fail "v/pub/f is not as it has to be"

# What is reserved for root is root's, not whose ids a mount shows as root's.
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 1024 -m 20 "$JOB_DISK1" 24M
mount_iomap4fs "$JOB_DISK1" "$r"
mount_views
chmod 777 "$r"
fill()
{
	local status=0

	setpriv --reuid "$1" --regid "$1" --clear-groups \
		dd if=/dev/zero bs=64K conv=fsync of="$2" 2>"$TEST_TMP/dd" || status=$?
	[ $status -ne 0 ] || fail "the disk never was full"
	grep 'No space left' "$TEST_TMP/dd" >/dev/null || fail "$(cat "$TEST_TMP/dd")"
}
fill 10000 "$v/filler"
[ "$(stat -f -c %f "$r")" -gt 4000 ] || fail "the reserve is used up: $(stat -f "$r")"
expect_equal 0 "$(stat -c %u "$r/filler")" "owner of the file that filled the disk"
expect_op 1048576 swrite "$r/filler" 0 1048576
fileop create "$r/root" >/dev/null
expect_op 1048576 swrite "$r/root" 0 1048576
umount "$v"
umount "$w"
umount_iomap4fs "$r"

# The last mount of the file system may be an idmapped one.
make_small_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$r"
touch "$r/file"
mount_views
umount "$r"
expect_op 65536 append "$v/file" 0 65536
umount "$w"
umount_iomap4fs "$v"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$r" ro
expect_equal 65536 "$(tr -d -c w <"$r/file" | wc -c)" "bytes written through the last mount"
umount "$r"

# A mount that can't have it says so.
make_small_ext4 "$JOB_DISK1"
mount -t iomap4fs -o iomap=off "$JOB_DISK1" "$r"
at_exit umount_all "$r"
expect_equal EINVAL "$(idmapped mount "$map_v" "$r" "$v" || :)" "idmapped mount of plain FUSE"
umount_iomap4fs "$r"
