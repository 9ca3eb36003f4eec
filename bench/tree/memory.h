/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for the compared trees, as the kernel's kmalloc() gives it: objects of a few
 * sizes, cut out of pages, reused last in, first out, in memory that huge pages map.
 * Allocated bytes are those of the size class, for both trees.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Forget all objects: what comes next starts in the same memory in the same state. */
void mem_reset(void);
/* Bytes of all objects in use, each counted as what its size class takes. */
size_t mem_bytes(void);
/* Did huge pages map it? */
bool mem_is_huge(void);

void *mem_alloc(size_t size);
void mem_free(void *p);
/* What @p has room for. */
size_t mem_room(const void *p);

/* Free @p after a grace period, as kfree_rcu() does: pointers are collected. */
void mem_free_later(void *p);
void mem_grace_period(void);

#endif /* MEMORY_H */
