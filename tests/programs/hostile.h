/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of hostile_server share: the table of broken rules, the server
 * that breaks them, and the client that looks what happens to a caller.
 *
 * A rule is one file, named after what is wrong with the answers about it.  It
 * says what to do with the file and what the caller has to get.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stdint.h>
#include <fuse_iomap.h>

#define HOSTILE_BLOCK		4096U
#define HOSTILE_FILE_SIZE	65536U
/* where the client reads and writes: not at the start, so that offsets count */
#define HOSTILE_POS		8192U
#define HOSTILE_MAXBYTES	(1LL << 40)

/* what the devices of a mapping are called in the table */
#define HOSTILE_DEV		1	/* read and write */
#define HOSTILE_DEV_RO		2	/* registered from a read-only descriptor */
#define HOSTILE_DEV_WO		3	/* registered from a write-only descriptor */

/* what to do with a file, as a set */
enum hostile_op {
	OP_READ		= 1 << 0,	/* O_DIRECT */
	OP_BREAD	= 1 << 1,	/* through the page cache */
	OP_WRITE	= 1 << 2,	/* through the page cache, not written back */
	OP_DWRITE	= 1 << 3,	/* O_DIRECT */
	OP_SYNC		= 1 << 4,	/* OP_WRITE and fsync */
	OP_FAULT	= 1 << 5,	/* load from a mapping */
	OP_FIEMAP	= 1 << 6,
	OP_SEEK		= 1 << 7,	/* SEEK_DATA */
	OP_TRUNCATE	= 1 << 8,	/* to a longer file */
};

/* how a BEGIN is answered */
enum hostile_answer {
	ANSWER_MAPPING,			/* with the slots as the rule spoils them */
	ANSWER_ERRNO,			/* with an error */
	ANSWER_SIZE,			/* with a number of zero bytes */
	ANSWER_NEVER,
	ANSWER_MORE,			/* in two halves, the second as the rule spoils it */
	/* with blocks 0 and 1 before it, this one spoilt, and as many as arg behind it */
	ANSWER_BEFORE,
	ANSWER_BEFORE_LAST,		/* the same with block 1 at the end of the list */
};

/* what the server lets the kernel do */
enum hostile_keeping {
	KEEP_NOTHING,
	KEEP_MAPPINGS,			/* and several come in one answer */
	KEEP_BEFORE,			/* some of them before the one asked for */
};

/* the fields of a mapping that a rule replaces, as a set */
enum hostile_field {
	SET_OFFSET	= 1 << 0,
	SET_LENGTH	= 1 << 1,
	SET_ADDR	= 1 << 2,
	SET_TYPE	= 1 << 3,
	SET_FLAGS	= 1 << 4,
	SET_DEV		= 1 << 5,
	/* a mapping without space; SET_TYPE says which */
	NO_SPACE	= SET_TYPE | SET_ADDR | SET_DEV,
};

enum hostile_slot {
	SLOT_READ	= 1 << 0,
	SLOT_WRITE	= 1 << 1,
	SLOT_BOTH	= SLOT_READ | SLOT_WRITE,	/* two files, one for each */
	SLOT_SAME	= 1 << 2,			/* one file, both spoilt alike */
	SLOT_SOURCE	= 1 << 3,	/* the read slot, beside a write slot with space */
};

struct hostile_rule {
	const char *name;
	const char *errors;		/* "EIO", "EUCLEAN|EIO", "0", "SIGBUS" */
	unsigned int ops;		/* enum hostile_op */
	enum hostile_slot slots;
	uint32_t when;			/* only for BEGINs with these opflags, 0: any */
	uint32_t size;			/* of the file, 0: HOSTILE_FILE_SIZE */
	enum hostile_answer answer;
	uint32_t arg;			/* of the answer */
	unsigned int set;		/* enum hostile_field */
	struct fuse_iomap_io to;	/* the values */
	/* how an IOEND or END is answered: -1 well, errno, or the reply's size | RAW */
	int32_t ioend, end;
	bool huge_newsize;		/* in the answer to IOEND */
	bool by_name_only;		/* not part of a check of all */
	enum hostile_keeping keeping;	/* of which server it is */
};
#define RAW	0x10000

/* One file: a rule applied to a slot. */
struct hostile_file {
	char name[64];
	const struct hostile_rule *rule;
	enum hostile_slot slot;
};

/* The files in the order of their inode numbers. */
unsigned int hostile_files(const struct hostile_file **files);

/* One way to answer CONFIG. */
struct hostile_config {
	const char *name;
	bool works;			/* the mount is usable */
	int error;			/* answer with this errno instead */
	uint32_t size;			/* of the answer, 0: the right one */
	struct fuse_iomap_config_out out;
};
extern const struct hostile_config hostile_configs[];	/* ends with a NULL name */

/*
 * Do what the table says below @dir, for the rules of a server of this kind; @name: only for
 * this file, of whatever kind, or NULL.
 */
int hostile_check(const char *dir, const char *name, enum hostile_keeping keeping);
/* Print the table. */
void hostile_list(void);
const char *hostile_op_name(enum hostile_op op);

#endif /* HOSTILE_H */
