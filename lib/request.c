// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handles of iomap requests.
 *
 * A server may answer a request twice, late, or never; none of that may touch
 * memory that is not a request's, nor answer a request of somebody else.  So
 * requests live in slots that are never freed before the session, and a handle
 * carries a generation:
 *
 *	 63                          8 7          0
 *	+-----------------------------+------------+
 *	|  address of the slot        | generation |
 *	+-----------------------------+------------+
 *
 * Slots are aligned to 256 bytes, which leaves eight bits for the generation.
 * It changes each time a slot is answered, and free slots are reused in the
 * order they were freed, so a stale handle is recognised unless the slot has
 * meanwhile been used exactly a multiple of 256 times.
 *
 * The state word (generation and the "live" bit) is changed by compare-exchange:
 * of two threads that answer the same request one wins.
 */
#include "iomap_i.h"

#define SLOT_SIZE	256
#define SLOTS_PER_SLAB	64
#define GEN_MASK	((uintptr_t)SLOT_SIZE - 1)
#define STATE_LIVE	(1U << 8)	/* above the generation */

struct iomap_slot {
	alignas(SLOT_SIZE) struct fuse_iomap_session *fis;
	struct iomap_slot *next_free;
	struct fuse_ctx ctx;
	_Atomic uint64_t unique;
	_Atomic uint32_t opcode;
	uint32_t room;			/* of a BEGIN: FUSE_IOMAP_ROOM() */
	atomic_uint state;
};

struct iomap_slab {
	struct iomap_slot slots[SLOTS_PER_SLAB];
	struct iomap_slab *next;
};

static_assert(sizeof(struct iomap_slot) == SLOT_SIZE, "a handle has 8 bits of generation");

static struct iomap_slot *handle_slot(fuse_iomap_req_t req)
{
	return (struct iomap_slot *)((uintptr_t)req & ~GEN_MASK);
}

static unsigned int handle_gen(fuse_iomap_req_t req)
{
	return (uintptr_t)req & GEN_MASK;
}

/* Call with the session's lock held. */
static void slot_put(struct fuse_iomap_session *fis, struct iomap_slot *slot)
{
	slot->next_free = NULL;
	if (fis->free_tail)
		fis->free_tail->next_free = slot;
	else
		fis->free_head = slot;
	fis->free_tail = slot;
}

/* Call with the session's lock held. */
static struct iomap_slot *slot_get(struct fuse_iomap_session *fis)
{
	struct iomap_slot *slot = fis->free_head;
	struct iomap_slab *slab;
	unsigned int i;

	if (!slot) {
		slab = aligned_alloc(SLOT_SIZE, sizeof(*slab));
		if (!slab)
			return NULL;
		memset(slab, 0, sizeof(*slab));
		slab->next = fis->slabs;
		fis->slabs = slab;
		for (i = 0; i < SLOTS_PER_SLAB; i++) {
			slab->slots[i].fis = fis;
			slot_put(fis, &slab->slots[i]);
		}
		slot = fis->free_head;
	}
	fis->free_head = slot->next_free;
	if (!fis->free_head)
		fis->free_tail = NULL;
	return slot;
}

/*
 * A handle for the request whose header is @in, with the body behind it, or NULL
 * when out of memory.
 */
fuse_iomap_req_t iomap_request_new(struct fuse_iomap_session *fis,
				   const struct fuse_in_header *in)
{
	struct iomap_slot *slot;
	unsigned int gen;

	pthread_mutex_lock(&fis->lock);
	slot = slot_get(fis);
	pthread_mutex_unlock(&fis->lock);
	if (!slot)
		return NULL;

	atomic_store(&slot->opcode, in->opcode);
	slot->ctx.uid = in->uid;
	slot->ctx.gid = in->gid;
	slot->ctx.pid = in->pid;
	slot->ctx.umask = 0;
	slot->room = 0;
	if (in->opcode == FUSE_IOMAP_BEGIN) {
		const struct fuse_iomap_begin_in *begin = (const void *)(in + 1);

		slot->room = begin->room;
	}
	atomic_store(&slot->unique, in->unique);
	gen = atomic_load(&slot->state) & GEN_MASK;
	atomic_store(&slot->state, gen | STATE_LIVE);
	return (fuse_iomap_req_t)((uintptr_t)slot | gen);
}

/* The kernel's number of @req, which has not been answered. */
uint64_t iomap_request_unique(fuse_iomap_req_t req)
{
	return atomic_load(&handle_slot(req)->unique);
}

/*
 * Take the right to answer @req.  -EALREADY if somebody has answered it; the
 * handle is dead after this in any case.
 */
int iomap_request_claim(fuse_iomap_req_t req, struct iomap_claim *claim)
{
	struct iomap_slot *slot = handle_slot(req);
	unsigned int gen = handle_gen(req);
	unsigned int expected = gen | STATE_LIVE;
	struct fuse_iomap_session *fis;

	if (!slot)
		return -EINVAL;
	/* the slot can be reused as soon as it is dead: read it before */
	fis = slot->fis;
	claim->fis = fis;
	claim->unique = atomic_load(&slot->unique);
	claim->opcode = atomic_load(&slot->opcode);
	if (!atomic_compare_exchange_strong(&slot->state, &expected, (gen + 1) & GEN_MASK)) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: the server answered a request twice\n");
		return -EALREADY;
	}
	pthread_mutex_lock(&fis->lock);
	slot_put(fis, slot);
	pthread_mutex_unlock(&fis->lock);
	return 0;
}

/* Is a request with this number waiting for the server's answer? */
bool iomap_request_is_live(struct fuse_iomap_session *fis, uint64_t unique)
{
	struct iomap_slab *slab;
	bool found = false;
	unsigned int i;

	pthread_mutex_lock(&fis->lock);
	for (slab = fis->slabs; slab && !found; slab = slab->next)
		for (i = 0; i < SLOTS_PER_SLAB && !found; i++)
			found = (atomic_load(&slab->slots[i].state) & STATE_LIVE) &&
				atomic_load(&slab->slots[i].unique) == unique;
	pthread_mutex_unlock(&fis->lock);
	return found;
}

void iomap_request_free_all(struct fuse_iomap_session *fis)
{
	struct iomap_slab *slab;

	while ((slab = fis->slabs)) {
		fis->slabs = slab->next;
		free(slab);
	}
	fis->free_head = NULL;
	fis->free_tail = NULL;
}

void *fuse_iomap_req_userdata(fuse_iomap_req_t req)
{
	return handle_slot(req)->fis->userdata;
}

struct fuse_iomap_session *fuse_iomap_req_session(fuse_iomap_req_t req)
{
	return handle_slot(req)->fis;
}

const struct fuse_ctx *fuse_iomap_req_ctx(fuse_iomap_req_t req)
{
	return &handle_slot(req)->ctx;
}

unsigned int fuse_iomap_req_room(fuse_iomap_req_t req)
{
	return FUSE_IOMAP_ROOM_BEHIND(handle_slot(req)->room);
}

unsigned int fuse_iomap_req_room_before(fuse_iomap_req_t req)
{
	return FUSE_IOMAP_ROOM_BEFORE(handle_slot(req)->room);
}
