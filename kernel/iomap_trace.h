/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of the iomap path: one for each upcall, when it has been answered, for
 * each notification, and for what happens to the mappings that are kept.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fuseiomap

#if !defined(_FUSE_IOMAP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _FUSE_IOMAP_TRACE_H

#include <linux/tracepoint.h>
#include "fuse_iomap_kernel.h"

#ifndef _FUSE_IOMAP_TRACE_ONCE
#define _FUSE_IOMAP_TRACE_ONCE
#define FUSE_IOMAP_TRACE_TYPES \
	{ FUSE_IOMAP_TYPE_HOLE,			"hole" }, \
	{ FUSE_IOMAP_TYPE_DELALLOC,		"delalloc" }, \
	{ FUSE_IOMAP_TYPE_MAPPED,		"mapped" }, \
	{ FUSE_IOMAP_TYPE_UNWRITTEN,		"unwritten" }, \
	{ FUSE_IOMAP_TYPE_INLINE,		"inline" }, \
	{ FUSE_IOMAP_TYPE_UNWRITTEN_STRIPE,	"unwritten-stripe" }, \
	{ FUSE_IOMAP_TYPE_MAPPED_STRIPE,	"mapped-stripe" }, \
	{ FUSE_IOMAP_TYPE_NOCACHE,		"nocache" }, \
	{ FUSE_IOMAP_TYPE_RETRY_CACHE,		"retry" }, \
	{ FUSE_IOMAP_TYPE_PURE_OVERWRITE,	"overwrite" }

#define FUSE_IOMAP_TRACE_OPFLAGS \
	{ FUSE_IOMAP_OP_WRITE,		"WRITE" }, \
	{ FUSE_IOMAP_OP_ZERO,		"ZERO" }, \
	{ FUSE_IOMAP_OP_REPORT,		"REPORT" }, \
	{ FUSE_IOMAP_OP_FAULT,		"FAULT" }, \
	{ FUSE_IOMAP_OP_DIRECT,		"DIRECT" }, \
	{ FUSE_IOMAP_OP_NOWAIT,		"NOWAIT" }, \
	{ FUSE_IOMAP_OP_OVERWRITE_ONLY,	"OVERWRITE_ONLY" }, \
	{ FUSE_IOMAP_OP_UNSHARE,	"UNSHARE" }, \
	{ FUSE_IOMAP_OP_WRITEBACK,	"WRITEBACK" }, \
	{ FUSE_IOMAP_OP_SWAPFILE,	"SWAPFILE" }

#define FUSE_IOMAP_TRACE_IOEND_FLAGS \
	{ FUSE_IOMAP_IOEND_SHARED,	"SHARED" }, \
	{ FUSE_IOMAP_IOEND_UNWRITTEN,	"UNWRITTEN" }, \
	{ FUSE_IOMAP_IOEND_DIRECT,	"DIRECT" }, \
	{ FUSE_IOMAP_IOEND_APPEND,	"APPEND" }, \
	{ FUSE_IOMAP_IOEND_WRITEBACK,	"WRITEBACK" }, \
	{ FUSE_IOMAP_IOEND_SWAPOFF,	"SWAPOFF" }
#endif

TRACE_EVENT(iomap_begin,
	TP_PROTO(const struct inode *inode, const struct fuse_iomap_begin_in *in,
		 const struct fuse_iomap_begin_out *out, int error),
	TP_ARGS(inode, in, out, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, pos)
		__field(u64, count)
		__field(u32, opflags)
		__field(int, error)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, addr)
		__field(u16, type)
		__field(u16, flags)
		__field(u16, write_type)
		__field(u64, write_addr)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = in->attr_ino;
		__entry->pos = in->pos;
		__entry->count = in->count;
		__entry->opflags = in->opflags;
		__entry->error = error;
		__entry->offset = out->read.offset;
		__entry->length = out->read.length;
		__entry->addr = out->read.addr;
		__entry->type = out->read.type;
		__entry->flags = out->read.flags;
		__entry->write_type = out->write.type;
		__entry->write_addr = out->write.addr;
	),
	TP_printk("dev %d:%d ino %llu pos 0x%llx count 0x%llx op %s error %d offset 0x%llx length 0x%llx addr 0x%llx type %s flags 0x%x write %s addr 0x%llx",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->pos, __entry->count,
		  __print_flags(__entry->opflags, "|", FUSE_IOMAP_TRACE_OPFLAGS),
		  __entry->error, __entry->offset, __entry->length, __entry->addr,
		  __print_symbolic(__entry->type, FUSE_IOMAP_TRACE_TYPES),
		  __entry->flags,
		  __print_symbolic(__entry->write_type, FUSE_IOMAP_TRACE_TYPES),
		  __entry->write_addr)
);

TRACE_EVENT(iomap_end,
	TP_PROTO(const struct inode *inode, const struct fuse_iomap_end_in *in, int error),
	TP_ARGS(inode, in, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, pos)
		__field(u64, count)
		__field(s64, written)
		__field(u32, opflags)
		__field(u16, map_flags)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = in->attr_ino;
		__entry->pos = in->pos;
		__entry->count = in->count;
		__entry->written = in->written;
		__entry->opflags = in->opflags;
		__entry->map_flags = in->map.flags;
		__entry->error = error;
	),
	TP_printk("dev %d:%d ino %llu pos 0x%llx count 0x%llx written 0x%llx op %s map flags 0x%x error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->pos, __entry->count, __entry->written,
		  __print_flags(__entry->opflags, "|", FUSE_IOMAP_TRACE_OPFLAGS),
		  __entry->map_flags, __entry->error)
);

TRACE_EVENT(iomap_ioend,
	TP_PROTO(const struct inode *inode, const struct fuse_iomap_ioend_in *in,
		 u64 newsize, int error),
	TP_ARGS(inode, in, newsize, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, pos)
		__field(u64, written)
		__field(u64, new_addr)
		__field(u64, newsize)
		__field(u32, flags)
		__field(int, io_error)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = in->attr_ino;
		__entry->pos = in->pos;
		__entry->written = in->written;
		__entry->new_addr = in->new_addr;
		__entry->newsize = newsize;
		__entry->flags = in->flags;
		__entry->io_error = in->error;
		__entry->error = error;
	),
	TP_printk("dev %d:%d ino %llu pos 0x%llx written 0x%llx addr 0x%llx flags %s I/O error %d newsize 0x%llx error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->pos, __entry->written, __entry->new_addr,
		  __print_flags(__entry->flags, "|", FUSE_IOMAP_TRACE_IOEND_FLAGS),
		  __entry->io_error, __entry->newsize, __entry->error)
);

/* The server has told to forget mappings. */
TRACE_EVENT(iomap_inval,
	TP_PROTO(const struct inode *inode, const struct fuse_iomap_inval_mappings_out *n,
		 int error),
	TP_ARGS(inode, n, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, read_offset)
		__field(u64, read_length)
		__field(u64, write_offset)
		__field(u64, write_length)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = n->attr_ino;
		__entry->read_offset = n->read.offset;
		__entry->read_length = n->read.length;
		__entry->write_offset = n->write.offset;
		__entry->write_length = n->write.length;
		__entry->error = error;
	),
	TP_printk("dev %d:%d ino %llu read 0x%llx length 0x%llx write 0x%llx length 0x%llx error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->read_offset, __entry->read_length,
		  __entry->write_offset, __entry->write_length, __entry->error)
);

/* The server has told to remember mappings. */
TRACE_EVENT(iomap_upsert,
	TP_PROTO(const struct inode *inode, const struct fuse_iomap_upsert_mappings_out *n,
		 int error),
	TP_ARGS(inode, n, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, addr)
		__field(u16, type)
		__field(u16, write_type)
		__field(u64, write_offset)
		__field(u64, write_length)
		__field(u64, write_addr)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = n->attr_ino;
		__entry->offset = n->read.offset;
		__entry->length = n->read.length;
		__entry->addr = n->read.addr;
		__entry->type = n->read.type;
		__entry->write_type = n->write.type;
		__entry->write_offset = n->write.offset;
		__entry->write_length = n->write.length;
		__entry->write_addr = n->write.addr;
		__entry->error = error;
	),
	TP_printk("dev %d:%d ino %llu read %s offset 0x%llx length 0x%llx addr 0x%llx write %s offset 0x%llx length 0x%llx addr 0x%llx error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __print_symbolic(__entry->type, FUSE_IOMAP_TRACE_TYPES),
		  __entry->offset, __entry->length, __entry->addr,
		  __print_symbolic(__entry->write_type, FUSE_IOMAP_TRACE_TYPES),
		  __entry->write_offset, __entry->write_length, __entry->write_addr,
		  __entry->error)
);

/* An operation needs not ask: @out is kept. */
TRACE_EVENT(iomap_cache_hit,
	TP_PROTO(const struct inode *inode, u64 ino, u64 pos, u32 opflags,
		 const struct fuse_iomap_begin_out *out),
	TP_ARGS(inode, ino, pos, opflags, out),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, pos)
		__field(u32, opflags)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, addr)
		__field(u16, type)
		__field(u16, flags)
		__field(u16, write_type)
		__field(u64, write_addr)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = ino;
		__entry->pos = pos;
		__entry->opflags = opflags;
		__entry->offset = out->read.offset;
		__entry->length = out->read.length;
		__entry->addr = out->read.addr;
		__entry->type = out->read.type;
		__entry->flags = out->read.flags;
		__entry->write_type = out->write.type;
		__entry->write_addr = out->write.type == FUSE_IOMAP_TYPE_PURE_OVERWRITE ?
				      FUSE_IOMAP_NULL_ADDR : out->write.addr;
	),
	TP_printk("dev %d:%d ino %llu pos 0x%llx op %s offset 0x%llx length 0x%llx addr 0x%llx type %s flags 0x%x write %s addr 0x%llx",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->pos,
		  __print_flags(__entry->opflags, "|", FUSE_IOMAP_TRACE_OPFLAGS),
		  __entry->offset, __entry->length, __entry->addr,
		  __print_symbolic(__entry->type, FUSE_IOMAP_TRACE_TYPES),
		  __entry->flags,
		  __print_symbolic(__entry->write_type, FUSE_IOMAP_TRACE_TYPES),
		  __entry->write_addr)
);

/* An answer has come to the question for @pos; with @late it was too late to be kept. */
TRACE_EVENT(iomap_cache_fill,
	TP_PROTO(const struct inode *inode, u64 ino, u64 pos, unsigned int further, bool late),
	TP_ARGS(inode, ino, pos, further, late),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, pos)
		__field(unsigned int, further)
		__field(bool, late)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = ino;
		__entry->pos = pos;
		__entry->further = further;
		__entry->late = late;
	),
	TP_printk("dev %d:%d ino %llu pos 0x%llx further mappings %u%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->pos,
		  __entry->further, __entry->late ? " late" : "")
);

DECLARE_EVENT_CLASS(iomap_cache_range,
	TP_PROTO(const struct inode *inode, u64 ino, u64 offset, u64 length),
	TP_ARGS(inode, ino, offset, length),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)
		__field(u64, length)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = ino;
		__entry->offset = offset;
		__entry->length = length;
	),
	TP_printk("dev %d:%d ino %llu offset 0x%llx length 0x%llx",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->offset, __entry->length)
);

/* The mappings of a range have changed, or are about to, and are forgotten. */
DEFINE_EVENT(iomap_cache_range, iomap_cache_drop,
	TP_PROTO(const struct inode *inode, u64 ino, u64 offset, u64 length),
	TP_ARGS(inode, ino, offset, length));

/* Unwritten space of a range has become written, and what is kept says so. */
DEFINE_EVENT(iomap_cache_range, iomap_cache_written,
	TP_PROTO(const struct inode *inode, u64 ino, u64 offset, u64 length),
	TP_ARGS(inode, ino, offset, length));

/* @bytes of memory have been given back. */
TRACE_EVENT(iomap_cache_evict,
	TP_PROTO(dev_t dev, u64 ino, size_t bytes, size_t left, bool limit),
	TP_ARGS(dev, ino, bytes, left, limit),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, bytes)
		__field(u64, left)
		__field(bool, limit)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->ino = ino;
		__entry->bytes = bytes;
		__entry->left = left;
		__entry->limit = limit;
	),
	TP_printk("dev %d:%d ino %llu bytes %llu left %llu for %s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->bytes,
		  __entry->left, __entry->limit ? "the limit of a file" : "memory pressure")
);

/* A mapping from the server broke a rule and was refused. */
TRACE_EVENT(iomap_bad_mapping,
	TP_PROTO(const struct inode *inode, const struct fuse_iomap_io *io, const char *rule),
	TP_ARGS(inode, io, rule),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned long, ino)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, addr)
		__field(u16, type)
		__field(u16, flags)
		__field(u32, map_dev)
		__string(rule, rule)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->offset = io->offset;
		__entry->length = io->length;
		__entry->addr = io->addr;
		__entry->type = io->type;
		__entry->flags = io->flags;
		__entry->map_dev = io->dev;
		__assign_str(rule);
	),
	TP_printk("dev %d:%d ino %lu offset 0x%llx length 0x%llx addr 0x%llx type %u flags 0x%x device %u rule: %s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->offset, __entry->length, __entry->addr,
		  __entry->type, __entry->flags, __entry->map_dev, __get_str(rule))
);

#endif /* _FUSE_IOMAP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE iomap_trace
#include <trace/define_trace.h>
