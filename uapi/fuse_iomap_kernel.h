/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-2-Clause) */
/*
 * The fuse-iomap wire protocol: what the kernel module and a server say to each
 * other on top of the ordinary FUSE protocol of <linux/fuse.h>.
 *
 * Byte order is the host's.  Every structure is a multiple of eight bytes and
 * has the same layout for 32 and 64 bit programs.  The assertions at the end
 * pin each size and offset: a change that moves a field does not compile.
 *
 * The life of a connection that uses iomap:
 *
 *	kernel                              server
 *	INIT (FUSE_IOMAP offered)  ------>
 *	                           <------  INIT reply (FUSE_IOMAP accepted)
 *	IOMAP_CONFIG               ------>  registers its block devices
 *	                           <------  geometry
 *	LOOKUP ...                 ------>
 *	                           <------  attributes with FUSE_ATTR_IOMAP
 *	IOMAP_BEGIN                ------>
 *	                           <------  where the bytes are
 *	   (the kernel does the I/O on the block device)
 *	IOMAP_IOEND                ------>  converts, appends
 *	IOMAP_END                  ------>  takes back what was not used
 */
#ifndef FUSE_IOMAP_KERNEL_H
#define FUSE_IOMAP_KERNEL_H

#include <linux/fuse.h>
#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#else
#include <assert.h>
#include <stddef.h>
#include <sys/ioctl.h>
#endif

/* Minor version both sides announce; FUSE_ATTR_EXCLUSIVE needs it. */
#define FUSE_IOMAP_MINOR_VERSION	99

/* INIT: bit 43 of the 64 bit flags, bit 11 of flags2. */
#define FUSE_IOMAP			(1ULL << 43)

/* Opcodes */
#define FUSE_FREEZE_FS			4089
#define FUSE_UNFREEZE_FS		4090
#define FUSE_SHUTDOWN_FS		4091
#define FUSE_IOMAP_CONFIG		4092
#define FUSE_IOMAP_IOEND		4093
#define FUSE_IOMAP_BEGIN		4094
#define FUSE_IOMAP_END			4095
/* an extension of this project, see FUSE_IOMAP_CONFIG_FORGET */
#define FUSE_IOMAP_FORGET		4000

/* Notifications (server to kernel) */
#define FUSE_NOTIFY_IOMAP_BACKING_INVAL		99
#define FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS	100
#define FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS	101
/* an extension of this project, see FUSE_IOMAP_CONFIG_READ_ONLY */
#define FUSE_NOTIFY_IOMAP_READ_ONLY		1001

/*
 * fuse_attr.flags, beside FUSE_ATTR_SUBMOUNT and FUSE_ATTR_DAX.
 *
 * EXCLUSIVE and IOMAP are read when the kernel instantiates the inode and can't
 * be changed while it is in core.  IOMAP implies EXCLUSIVE, hence two bits.
 */
#define FUSE_ATTR_EXCLUSIVE		(1U << 2)
#define __FUSE_ATTR_IOMAP		(1U << 3)
#define FUSE_ATTR_IOMAP			(FUSE_ATTR_EXCLUSIVE | __FUSE_ATTR_IOMAP)
#define FUSE_ATTR_ATOMIC		(1U << 4)
#define FUSE_ATTR_SYNC			(1U << 5)
#define FUSE_ATTR_IMMUTABLE		(1U << 6)
#define FUSE_ATTR_APPEND		(1U << 7)
/*
 * An extension of this project, of EXCLUSIVE inodes: what statx(2) says in stx_attributes beside
 * IMMUTABLE and APPEND.  With TELLS_STATX the four others are meant, set or not.
 */
#define FUSE_ATTR_TELLS_STATX		(1U << 24)
#define FUSE_ATTR_COMPRESSED		(1U << 25)
#define FUSE_ATTR_NODUMP		(1U << 26)
#define FUSE_ATTR_ENCRYPTED		(1U << 27)
#define FUSE_ATTR_VERITY		(1U << 28)

/* Mapping types */
#define FUSE_IOMAP_TYPE_HOLE		0	/* no space, reads as zeroes */
#define FUSE_IOMAP_TYPE_DELALLOC	1	/* space promised, no address yet */
#define FUSE_IOMAP_TYPE_MAPPED		2	/* written space */
#define FUSE_IOMAP_TYPE_UNWRITTEN	3	/* space that reads as zeroes */
#define FUSE_IOMAP_TYPE_INLINE		4	/* bytes live in server metadata */
/* stripe sets: the address is one of a set of devices, not of a device */
#define FUSE_IOMAP_TYPE_UNWRITTEN_STRIPE	65531
#define FUSE_IOMAP_TYPE_MAPPED_STRIPE	65532
/* upsert only: leave this fork alone */
#define FUSE_IOMAP_TYPE_NOCACHE		65533
/* BEGIN reply only: the server has put the mapping in the cache, look again */
#define FUSE_IOMAP_TYPE_RETRY_CACHE	65534
/* write slot only: write to where the read mapping points */
#define FUSE_IOMAP_TYPE_PURE_OVERWRITE	65535

#define FUSE_IOMAP_DEV_NULL		0U
#define FUSE_IOMAP_NULL_ADDR		(~0ULL)
#define FUSE_IOMAP_INVAL_TO_EOF		(~0ULL)

/* Mapping flags a server may set */
#define FUSE_IOMAP_F_NEW		(1U << 0)	/* fresh space: zero around partial writes */
#define FUSE_IOMAP_F_DIRTY		(1U << 1)	/* datasync must write metadata too */
#define FUSE_IOMAP_F_SHARED		(1U << 2)	/* write elsewhere */
#define FUSE_IOMAP_F_MERGED		(1U << 3)	/* several records in one, for FIEMAP */
#define FUSE_IOMAP_F_BOUNDARY		(1U << 4)	/* no I/O merging across the start */
#define FUSE_IOMAP_F_ANON_WRITE		(1U << 5)	/* address known at completion */
#define FUSE_IOMAP_F_ATOMIC_BIO		(1U << 6)	/* the device can do it untorn */
#define FUSE_IOMAP_F_WANT_IOMAP_END	(1U << 7)	/* always send END */
#define FUSE_IOMAP_F_SERVER_MASK	0x00ffU
/* Mapping flags only the kernel sets, in END */
#define FUSE_IOMAP_F_SIZE_CHANGED	(1U << 8)
#define FUSE_IOMAP_F_STALE		(1U << 9)

/* What a BEGIN is for */
#define FUSE_IOMAP_OP_WRITE		(1U << 0)
#define FUSE_IOMAP_OP_ZERO		(1U << 1)
#define FUSE_IOMAP_OP_REPORT		(1U << 2)
#define FUSE_IOMAP_OP_FAULT		(1U << 3)
#define FUSE_IOMAP_OP_DIRECT		(1U << 4)
#define FUSE_IOMAP_OP_NOWAIT		(1U << 5)
#define FUSE_IOMAP_OP_OVERWRITE_ONLY	(1U << 6)
#define FUSE_IOMAP_OP_UNSHARE		(1U << 7)
#define FUSE_IOMAP_OP_DAX		(1U << 8)
#define FUSE_IOMAP_OP_ATOMIC		(1U << 9)
#define FUSE_IOMAP_OP_DONTCACHE		(1U << 10)
#define FUSE_IOMAP_OP_WRITEBACK		(1U << 11)
#define FUSE_IOMAP_OP_SWAPFILE		(1U << 31)

/* the file's bytes or its space will change */
#define FUSE_IOMAP_OP_WRITE_MASK	(FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_ZERO | \
					 FUSE_IOMAP_OP_UNSHARE | FUSE_IOMAP_OP_WRITEBACK | \
					 FUSE_IOMAP_OP_SWAPFILE)
/* never answered from the kernel's cache of mappings */
#define FUSE_IOMAP_OP_NOCACHE_MASK	(FUSE_IOMAP_OP_REPORT | FUSE_IOMAP_OP_ATOMIC | \
					 FUSE_IOMAP_OP_SWAPFILE)

/* What a finished write was */
#define FUSE_IOMAP_IOEND_SHARED		(1U << 0)
#define FUSE_IOMAP_IOEND_UNWRITTEN	(1U << 1)
#define FUSE_IOMAP_IOEND_BOUNDARY	(1U << 2)
#define FUSE_IOMAP_IOEND_DIRECT		(1U << 3)
#define FUSE_IOMAP_IOEND_APPEND		(1U << 4)
#define FUSE_IOMAP_IOEND_WRITEBACK	(1U << 5)
#define FUSE_IOMAP_IOEND_SWAPOFF	(1U << 6)

/* Fields of the CONFIG reply that are valid */
#define FUSE_IOMAP_CONFIG_SID		(1ULL << 0)
#define FUSE_IOMAP_CONFIG_UUID		(1ULL << 1)
#define FUSE_IOMAP_CONFIG_BLOCKSIZE	(1ULL << 2)
#define FUSE_IOMAP_CONFIG_MAX_LINKS	(1ULL << 3)
#define FUSE_IOMAP_CONFIG_TIME		(1ULL << 4)
#define FUSE_IOMAP_CONFIG_MAXBYTES	(1ULL << 5)
#define FUSE_IOMAP_CONFIG_CACHE_MAXBYTES (1ULL << 6)
#define FUSE_IOMAP_CONFIG_ALL		((1ULL << 7) - 1)
/*
 * An extension of this project, far from the bits that the protocol hands out.  In
 * config_in: the kernel can keep mappings and read several in one answer.  In
 * config_out: the server agrees that it does; then an answer to BEGIN may have up to
 * begin_in.room further mappings behind it.
 */
#define FUSE_IOMAP_CONFIG_MAPPINGS	(1ULL << 48)
/*
 * Another one, only together with MAPPINGS: further mappings may lie before the one that
 * was asked for, too, and room is two numbers.
 */
#define FUSE_IOMAP_CONFIG_BEFORE	(1ULL << 50)
/*
 * More extensions.  DIRS: READDIR and READDIRPLUS at offset 0 may come with file handle 0, of
 * a directory that has not been opened.  The server answers with all of its entries, or
 * EOVERFLOW if they don't fit; then the kernel opens it.  An answer, also of an opened
 * directory, that has room for one more entry with the longest name has the last one.
 * NO_OPEN: OPEN and RELEASE are never sent, nor is RELEASE for what CREATE has opened.
 * Both only on mounts with default_permissions; on others they change nothing.
 * REPLACE: before a RENAME over another file the kernel writes the data of the renamed one and
 * sends its IOENDs; and it begins writeback when a file that was cut to nothing is closed.
 */
#define FUSE_IOMAP_CONFIG_DIRS		(1ULL << 49)
#define FUSE_IOMAP_CONFIG_NO_OPEN	(1ULL << 51)
/*
 * The server may say, by FUSE_NOTIFY_IOMAP_READ_ONLY, that it writes nothing any more.  Then
 * the mount is read-only for the kernel, too, and stays so.
 */
#define FUSE_IOMAP_CONFIG_READ_ONLY	(1ULL << 52)
#define FUSE_IOMAP_CONFIG_REPLACE	(1ULL << 53)
/*
 * Inodes without a name may be forgotten by FUSE_IOMAP_FORGET instead of FUSE_FORGET.  It has
 * the same body (struct fuse_forget_in), and is answered when the space of the inode is free.
 */
#define FUSE_IOMAP_CONFIG_FORGET	(1ULL << 54)
#define FUSE_IOMAP_CONFIG_EXTENSIONS	(FUSE_IOMAP_CONFIG_MAPPINGS | FUSE_IOMAP_CONFIG_DIRS | \
					 FUSE_IOMAP_CONFIG_BEFORE | FUSE_IOMAP_CONFIG_NO_OPEN | \
					 FUSE_IOMAP_CONFIG_READ_ONLY | FUSE_IOMAP_CONFIG_REPLACE | \
					 FUSE_IOMAP_CONFIG_FORGET)

/* begin_in.room: mappings behind the one asked for, and before it */
#define FUSE_IOMAP_ROOM(behind, before)	((__u32)(before) << 16 | (__u16)(behind))
#define FUSE_IOMAP_ROOM_BEHIND(room)	((room) & 0xffffU)
#define FUSE_IOMAP_ROOM_BEFORE(room)	((room) >> 16)
/* the most that either ever is */
#define FUSE_IOMAP_ROOM_MAX		1024U

/* default and bounds of the cache limit, bytes for each file */
#define FUSE_IOMAP_CACHE_MAXBYTES_DEFAULT	(256U * 1024)
#define FUSE_IOMAP_CACHE_MAXBYTES_MIN		256U
#define FUSE_IOMAP_CACHE_MAXBYTES_MAX		(2U * 1024 * 1024)
/* the upper bound together with FUSE_IOMAP_CONFIG_MAPPINGS: some four million mappings */
#define FUSE_IOMAP_CACHE_MAXBYTES_KEPT_MAX	(64U * 1024 * 1024)

/* A mapping: file bytes [offset, offset + length) are at addr of device dev. */
struct fuse_iomap_io {
	__u64 offset;		/* bytes in the file */
	__u64 length;		/* bytes */
	__u64 addr;		/* bytes on the device, or FUSE_IOMAP_NULL_ADDR */
	__u16 type;		/* FUSE_IOMAP_TYPE_* */
	__u16 flags;		/* FUSE_IOMAP_F_* */
	__u32 dev;		/* device id, or FUSE_IOMAP_DEV_NULL */
};

struct fuse_iomap_begin_in {
	__u32 opflags;		/* FUSE_IOMAP_OP_* */
	__u32 room;		/* FUSE_IOMAP_ROOM() of what may follow fuse_iomap_begin_out */
	__u64 attr_ino;		/* fuse_attr.ino of the file */
	__u64 pos;		/* bytes */
	__u64 count;		/* bytes */
};

struct fuse_iomap_begin_out {
	struct fuse_iomap_io read;
	struct fuse_iomap_io write;
};

struct fuse_iomap_end_in {
	__u32 opflags;		/* as BEGIN had them */
	__u32 reserved;
	__u64 attr_ino;
	__u64 pos;		/* bytes */
	__u64 count;		/* bytes asked for */
	__s64 written;		/* bytes done, or a negative errno */
	struct fuse_iomap_io map;	/* the mapping used */
};

struct fuse_iomap_ioend_in {
	__u32 flags;		/* FUSE_IOMAP_IOEND_* */
	__s32 error;		/* 0 or the negative errno of the I/O */
	__u64 attr_ino;
	__u64 pos;		/* bytes */
	__u64 new_addr;		/* bytes on the device, or FUSE_IOMAP_NULL_ADDR */
	__u64 written;		/* bytes */
	__u32 dev;		/* device id, or FUSE_IOMAP_DEV_NULL */
	__u32 pad;
};

struct fuse_iomap_ioend_out {
	__u64 newsize;		/* file size on disk, bytes */
};

struct fuse_iomap_config_in {
	__u64 flags;		/* FUSE_IOMAP_CONFIG_* the kernel understands */
	__s64 maxbytes;		/* largest file the kernel can handle */
	__u32 cache_maxbytes;	/* default cache limit */
	__u32 zero;
	__u64 padding[5];
};

/*
 * A reply may end after s_maxbytes (FUSE_IOMAP_CONFIG_OUT_V1_SIZE), after
 * cache_maxbytes, or be the whole structure.
 */
struct fuse_iomap_config_out {
	__u64 flags;		/* FUSE_IOMAP_CONFIG_* fields that are set */
	char s_id[32];
	__u8 s_uuid[16];
	__u8 s_uuid_len;
	__u8 s_pad[3];
	__u32 s_blocksize;	/* bytes */
	__u32 s_max_links;
	__u32 s_time_gran;	/* ns */
	__s64 s_time_min;	/* s */
	__s64 s_time_max;	/* s */
	__s64 s_maxbytes;
	__u32 cache_maxbytes;
	__u32 zero;
};
#define FUSE_IOMAP_CONFIG_OUT_V1_SIZE	96
#define FUSE_IOMAP_CONFIG_OUT_V2_SIZE	100

struct fuse_freezefs_in {
	__u64 unlinked;		/* inodes that are open but have no name */
};

struct fuse_shutdownfs_in {
	__u64 flags;		/* 0 */
};

struct fuse_range {
	__u64 offset;		/* bytes */
	__u64 length;		/* bytes; 0: nothing; FUSE_IOMAP_INVAL_TO_EOF */
};

struct fuse_iomap_backing_inval_out {
	__u32 dev;
	__u32 reserved;
	struct fuse_range range;	/* bytes of the device */
};

struct fuse_iomap_upsert_mappings_out {
	__u64 nodeid;
	__u64 attr_ino;
	struct fuse_iomap_io read;
	struct fuse_iomap_io write;
};

struct fuse_iomap_inval_mappings_out {
	__u64 nodeid;
	__u64 attr_ino;
	struct fuse_range read;
	struct fuse_range write;
};

struct fuse_iomap_read_only_out {
	__u64 reserved;		/* 0 */
};

/* What the module can do (FUSE_DEV_IOC_IOMAP_SUPPORT) */
#define FUSE_IOMAP_SUPPORT_FILEIO	(1ULL << 0)
#define FUSE_IOMAP_SUPPORT_ATOMIC	(1ULL << 1)
/* this project's: blocks may be larger than a page */
#define FUSE_IOMAP_SUPPORT_LARGE_BLOCKS	(1ULL << 52)
struct fuse_iomap_support {
	__u64 flags;		/* 0: not available to the caller */
	__u64 padding;
};

struct fuse_iomap_backing_info {
	__u32 backing_id;
	__u32 blocksize;	/* bytes */
};

/* fuse_backing_map.flags: what the descriptor is for */
#define FUSE_BACKING_TYPE_MASK		0xffU
#define FUSE_BACKING_TYPE_PASSTHROUGH	0U
#define FUSE_BACKING_TYPE_IOMAP		1U

#ifndef FUSE_DEV_IOC_BACKING_OPEN	/* <linux/fuse.h> before 6.9 */
struct fuse_backing_map {
	__s32 fd;
	__u32 flags;
	__u64 padding;
};
#define FUSE_DEV_IOC_BACKING_OPEN	_IOW(FUSE_DEV_IOC_MAGIC, 1, struct fuse_backing_map)
#define FUSE_DEV_IOC_BACKING_CLOSE	_IOW(FUSE_DEV_IOC_MAGIC, 2, __u32)
#endif

/* ids of one connection are 1 ... this */
#define FUSE_IOMAP_MAX_DEVICES		1024

#define FUSE_DEV_IOC_IOMAP_SUPPORT	_IOR(FUSE_DEV_IOC_MAGIC, 99, struct fuse_iomap_support)
#define FUSE_DEV_IOC_SET_NOFS		_IOW(FUSE_DEV_IOC_MAGIC, 100, __u32)
#define FUSE_DEV_IOC_ADD_IOMAP		_IO(FUSE_DEV_IOC_MAGIC, 101)
#define FUSE_DEV_IOC_IOMAP_BACKING_SET_BLOCKSIZE \
	_IOW(FUSE_DEV_IOC_MAGIC, 102, struct fuse_iomap_backing_info)

/*
 * The layout, pinned.
 */
#define FUSE_IOMAP_SIZE(type, size) \
	static_assert(sizeof(struct type) == (size), "size of " #type)
#define FUSE_IOMAP_AT(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset), "offset of " #type "." #field)

FUSE_IOMAP_SIZE(fuse_iomap_io, 32);
FUSE_IOMAP_AT(fuse_iomap_io, offset, 0);
FUSE_IOMAP_AT(fuse_iomap_io, length, 8);
FUSE_IOMAP_AT(fuse_iomap_io, addr, 16);
FUSE_IOMAP_AT(fuse_iomap_io, type, 24);
FUSE_IOMAP_AT(fuse_iomap_io, flags, 26);
FUSE_IOMAP_AT(fuse_iomap_io, dev, 28);

FUSE_IOMAP_SIZE(fuse_iomap_begin_in, 32);
FUSE_IOMAP_AT(fuse_iomap_begin_in, opflags, 0);
FUSE_IOMAP_AT(fuse_iomap_begin_in, room, 4);
FUSE_IOMAP_AT(fuse_iomap_begin_in, attr_ino, 8);
FUSE_IOMAP_AT(fuse_iomap_begin_in, pos, 16);
FUSE_IOMAP_AT(fuse_iomap_begin_in, count, 24);

FUSE_IOMAP_SIZE(fuse_iomap_begin_out, 64);
FUSE_IOMAP_AT(fuse_iomap_begin_out, read, 0);
FUSE_IOMAP_AT(fuse_iomap_begin_out, write, 32);

FUSE_IOMAP_SIZE(fuse_iomap_end_in, 72);
FUSE_IOMAP_AT(fuse_iomap_end_in, opflags, 0);
FUSE_IOMAP_AT(fuse_iomap_end_in, reserved, 4);
FUSE_IOMAP_AT(fuse_iomap_end_in, attr_ino, 8);
FUSE_IOMAP_AT(fuse_iomap_end_in, pos, 16);
FUSE_IOMAP_AT(fuse_iomap_end_in, count, 24);
FUSE_IOMAP_AT(fuse_iomap_end_in, written, 32);
FUSE_IOMAP_AT(fuse_iomap_end_in, map, 40);

FUSE_IOMAP_SIZE(fuse_iomap_ioend_in, 48);
FUSE_IOMAP_AT(fuse_iomap_ioend_in, flags, 0);
FUSE_IOMAP_AT(fuse_iomap_ioend_in, error, 4);
FUSE_IOMAP_AT(fuse_iomap_ioend_in, attr_ino, 8);
FUSE_IOMAP_AT(fuse_iomap_ioend_in, pos, 16);
FUSE_IOMAP_AT(fuse_iomap_ioend_in, new_addr, 24);
FUSE_IOMAP_AT(fuse_iomap_ioend_in, written, 32);
FUSE_IOMAP_AT(fuse_iomap_ioend_in, dev, 40);
FUSE_IOMAP_AT(fuse_iomap_ioend_in, pad, 44);

FUSE_IOMAP_SIZE(fuse_iomap_ioend_out, 8);
FUSE_IOMAP_AT(fuse_iomap_ioend_out, newsize, 0);

FUSE_IOMAP_SIZE(fuse_iomap_config_in, 64);
FUSE_IOMAP_AT(fuse_iomap_config_in, flags, 0);
FUSE_IOMAP_AT(fuse_iomap_config_in, maxbytes, 8);
FUSE_IOMAP_AT(fuse_iomap_config_in, cache_maxbytes, 16);
FUSE_IOMAP_AT(fuse_iomap_config_in, zero, 20);
FUSE_IOMAP_AT(fuse_iomap_config_in, padding, 24);

FUSE_IOMAP_SIZE(fuse_iomap_config_out, 104);
FUSE_IOMAP_AT(fuse_iomap_config_out, flags, 0);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_id, 8);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_uuid, 40);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_uuid_len, 56);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_pad, 57);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_blocksize, 60);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_max_links, 64);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_time_gran, 68);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_time_min, 72);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_time_max, 80);
FUSE_IOMAP_AT(fuse_iomap_config_out, s_maxbytes, 88);
FUSE_IOMAP_AT(fuse_iomap_config_out, cache_maxbytes, FUSE_IOMAP_CONFIG_OUT_V1_SIZE);
FUSE_IOMAP_AT(fuse_iomap_config_out, zero, FUSE_IOMAP_CONFIG_OUT_V2_SIZE);

FUSE_IOMAP_SIZE(fuse_freezefs_in, 8);
FUSE_IOMAP_SIZE(fuse_shutdownfs_in, 8);
FUSE_IOMAP_SIZE(fuse_range, 16);
FUSE_IOMAP_AT(fuse_range, length, 8);

FUSE_IOMAP_SIZE(fuse_iomap_backing_inval_out, 24);
FUSE_IOMAP_AT(fuse_iomap_backing_inval_out, dev, 0);
FUSE_IOMAP_AT(fuse_iomap_backing_inval_out, reserved, 4);
FUSE_IOMAP_AT(fuse_iomap_backing_inval_out, range, 8);

FUSE_IOMAP_SIZE(fuse_iomap_upsert_mappings_out, 80);
FUSE_IOMAP_AT(fuse_iomap_upsert_mappings_out, nodeid, 0);
FUSE_IOMAP_AT(fuse_iomap_upsert_mappings_out, attr_ino, 8);
FUSE_IOMAP_AT(fuse_iomap_upsert_mappings_out, read, 16);
FUSE_IOMAP_AT(fuse_iomap_upsert_mappings_out, write, 48);

FUSE_IOMAP_SIZE(fuse_iomap_inval_mappings_out, 48);
FUSE_IOMAP_AT(fuse_iomap_inval_mappings_out, nodeid, 0);
FUSE_IOMAP_AT(fuse_iomap_inval_mappings_out, attr_ino, 8);
FUSE_IOMAP_AT(fuse_iomap_inval_mappings_out, read, 16);
FUSE_IOMAP_AT(fuse_iomap_inval_mappings_out, write, 32);

FUSE_IOMAP_SIZE(fuse_iomap_read_only_out, 8);

FUSE_IOMAP_SIZE(fuse_iomap_support, 16);
FUSE_IOMAP_AT(fuse_iomap_support, padding, 8);
FUSE_IOMAP_SIZE(fuse_iomap_backing_info, 8);
FUSE_IOMAP_AT(fuse_iomap_backing_info, blocksize, 4);

static_assert(FUSE_DEV_IOC_IOMAP_SUPPORT == 0x8010E563U, "ioctl 99");
static_assert(FUSE_DEV_IOC_SET_NOFS == 0x4004E564U, "ioctl 100");
static_assert(FUSE_DEV_IOC_ADD_IOMAP == 0x0000E565U, "ioctl 101");
static_assert(FUSE_DEV_IOC_IOMAP_BACKING_SET_BLOCKSIZE == 0x4008E566U, "ioctl 102");

#endif /* FUSE_IOMAP_KERNEL_H */
