/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The extent tree outside the kernel: the kernel's words that it uses, one writer,
 * and grace periods when the test wants one.
 *
 * Loads are acquire here: the thread sanitizer does not know of dependencies.
 */
#ifndef EXTENT_TREE_USER_H
#define EXTENT_TREE_USER_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define U8_MAX UINT8_MAX
#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max_t(type, a, b) ((type)(a) > (type)(b) ? (type)(a) : (type)(b))
#define hweight32(x) ((unsigned int)__builtin_popcount(x))
#define __ffs(x) ((unsigned int)__builtin_ctz(x))
#define fls(x) ((x) ? 32 - __builtin_clz(x) : 0)
#define noinline __attribute__((noinline))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
/* the compiler takes a function that does nothing but prefetch for one that does nothing */
#define prefetch(p) do { __builtin_prefetch(p); __asm__ volatile(""); } while (0)
#define OPTIMIZER_HIDE_VAR(x) __asm__("" : "+r"(x))
#define BUILD_BUG_ON(x) _Static_assert(!(x), #x)

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)

#define et_div(a, b) ((a) / (b))
#define et_pause() do { } while (0)

#define et_publish(p, n)	 __atomic_store_n(&(p), (n), __ATOMIC_RELEASE)

typedef struct {
	atomic_uint value;
} et_seq_t;

static inline void et_seq_init(et_seq_t *s)
{
	atomic_init(&s->value, 0);
}

/* pairs with the fence in et_read_retry() */
static inline void et_write_begin(et_seq_t *s)
{
	atomic_store_explicit(&s->value, atomic_load_explicit(&s->value, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

/* pairs with the acquire in et_read_begin() */
static inline void et_write_end(et_seq_t *s)
{
	atomic_store_explicit(&s->value, atomic_load_explicit(&s->value, memory_order_relaxed) + 1,
			      memory_order_release);
}

static inline unsigned int et_read_begin(const et_seq_t *s)
{
	unsigned int v;

	while ((v = atomic_load_explicit(&s->value, memory_order_acquire)) & 1)
		;
	return v;
}

static inline bool et_read_retry(const et_seq_t *s, unsigned int v)
{
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&s->value, memory_order_relaxed) != v;
}

/* What readers may still be in. */
typedef struct et_head {
	struct et_head *next;
	void *node;
} et_head_t;

extern et_head_t *et_garbage;
extern long et_fail_after; /* allocations until one fails; below 0: none does */

void et_read_lock(void);
void et_read_unlock(void);
void *et_alloc(size_t size);
#define et_alloc_large(size) et_alloc(size)

/* once only: a reader may be looking at the numbers that lay there */
#define et_free(n, m)                           \
	do {                                    \
		WRITE_ONCE((n)->m.node, (n));   \
		WRITE_ONCE((n)->m.next, et_garbage); \
		et_garbage = &(n)->m;           \
	} while (0)

/* Wait until no reader is in the tree, and free what was put aside. */
void et_collect_garbage(void);

#endif /* EXTENT_TREE_USER_H */
