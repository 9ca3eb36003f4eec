/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The extent tree in the benchmark: the kernel's words that it uses, as cheap as they
 * are there, and memory from memory.h.
 */
#ifndef EXTENT_TREE_USER_H
#define EXTENT_TREE_USER_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "memory.h"

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
#define OPTIMIZER_HIDE_VAR(x) __asm__("" : "+r"(x))
#define BUILD_BUG_ON(x) _Static_assert(!(x), #x)

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define __ffs(x) ((unsigned int)__builtin_ctz(x))
#define fls(x) ((x) ? 32 - __builtin_clz(x) : 0)
#define noinline __attribute__((noinline))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
/*
 * For one use, which is the kernel's on x86.  The compiler takes a function that does
 * nothing but prefetch for one that does nothing.
 */
#define prefetch(p) do { __builtin_prefetch(p, 0, 0); __asm__ volatile(""); } while (0)

/* the kernel puts the instruction in when it boots, where the processor has it */
static inline unsigned int hweight32(uint32_t x)
{
#ifdef __x86_64__
	__asm__("popcntl %1, %0" : "=r"(x) : "r"(x));
	return x;
#else
	return __builtin_popcount(x);
#endif
}

#define et_publish(p, n) __atomic_store_n(&(p), (n), __ATOMIC_RELEASE)

typedef unsigned int et_seq_t;

static inline void et_seq_init(et_seq_t *s)
{
	*s = 0;
}

static inline void et_write_begin(et_seq_t *s)
{
	WRITE_ONCE(*s, *s + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void et_write_end(et_seq_t *s)
{
	__atomic_store_n(s, *s + 1, __ATOMIC_RELEASE);
}

static inline unsigned int et_read_begin(const et_seq_t *s)
{
	unsigned int v;

	while ((v = __atomic_load_n(s, __ATOMIC_ACQUIRE)) & 1)
		;
	return v;
}

static inline bool et_read_retry(const et_seq_t *s, unsigned int v)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return READ_ONCE(*s) != v;
}

#define et_read_lock() do { } while (0)
#define et_read_unlock() do { } while (0)

/* as large as the kernel's */
typedef struct {
	void *room[2];
} et_head_t;

static inline void *et_alloc(size_t size)
{
	return mem_alloc(size);
}

static inline void *et_alloc_large(size_t size)
{
	return mem_alloc(size);
}

#define et_free(node, head) mem_free_later(node)
#define et_div(a, b) ((a) / (b))
#define et_pause() do { } while (0)

#endif /* EXTENT_TREE_USER_H */
