// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for QEMU's emulator: how often each piece of code is executed while the benchmark
 * measures.
 *
 *	-plugin FILE.so,begin=ADDRESS,end=ADDRESS,out=FILE
 *
 * begin, end: the marks in bench_ops; what is executed between the two is counted, as often
 * as they are passed.  FILE gets lines "ADDRESS INSTRUCTIONS EXECUTIONS", one a
 * translation block: code without a jump into or out of it.
 *
 * QEMU's header for plugins isn't in Debian's packages, so what is used of it, version 1 of
 * the interface, is declared here.  There is one virtual processor, so nothing runs at
 * the same time.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT	__attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { ADD_U64 = 0 };
enum { NO_REGS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *ptr,
					      uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int, void *), int flags,
					    void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, void *),
				    void *data);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

/* Of all blocks of an address and a length; the emulator may make one again and again. */
struct block {
	uint64_t addr, insns;
	uint64_t executed;	/* counted by the emulator */
	uint64_t before;		/* of those, before the last begin */
	uint64_t measured;
	struct block *next;
};

#define BUCKETS	(1U << 18)

static struct block *table[BUCKETS];
static uint64_t begin, end;
static const char *out;
static bool measuring;

static struct block *get_block(uint64_t addr, uint64_t insns)
{
	struct block **p = &table[(addr * 0x9e3779b97f4a7c15ULL ^ insns) >> 46];

	for (; *p; p = &(*p)->next)
		if ((*p)->addr == addr && (*p)->insns == insns)
			return *p;
	*p = calloc(1, sizeof(**p));
	if (!*p)
		abort();
	(*p)->addr = addr;
	(*p)->insns = insns;
	return *p;
}

static void at_begin(unsigned int cpu, void *data)
{
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *b = table[i]; b; b = b->next)
			b->before = b->executed;
	measuring = true;
}

static void at_end(unsigned int cpu, void *data)
{
	if (!measuring)
		return;
	measuring = false;
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *b = table[i]; b; b = b->next)
			b->measured += b->executed - b->before;
}

/* A block that is new in the measured time has been executed 0 times before it. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	size_t insns = qemu_plugin_tb_n_insns(tb);
	struct block *b = get_block(addr, insns);

	qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &b->executed, 1);
	for (size_t i = 0; i < insns; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_vaddr(insn) == begin)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_begin, NO_REGS, NULL);
		else if (qemu_plugin_insn_vaddr(insn) == end)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_end, NO_REGS, NULL);
	}
}

static void write_out(qemu_plugin_id_t id, void *data)
{
	FILE *f = fopen(out, "we");

	if (!f) {
		perror(out);
		return;
	}
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *b = table[i]; b; b = b->next)
			if (b->measured)
				fprintf(f, "%llx %llu %llu\n", (unsigned long long)b->addr,
					(unsigned long long)b->insns,
					(unsigned long long)b->measured);
	if (fclose(f))
		perror(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "begin=", 6))
			begin = strtoull(argv[i] + 6, NULL, 16);
		else if (!strncmp(argv[i], "end=", 4))
			end = strtoull(argv[i] + 4, NULL, 16);
		else if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	}
	if (!begin || !end || !out) {
		fprintf(stderr, "profile: begin=, end= and out= are needed\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, write_out, NULL);
	return 0;
}
