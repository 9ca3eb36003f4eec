# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door. Every target is a script; see its head for what it does.

.DEFAULT_GOAL := help
.PHONY: help demo check check-debug check-long bench profile bench-tree build clean format

help:		## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

demo:		## the main job: a real ext4 image on a stock kernel, proven and measured
	@vm/setup
	@tests/demo/run

check:		## unit tests, then the VM tests on the stock kernel in QEMU
	@tests/check qemu

check-debug:	## the VM tests on a kernel with KASAN and lockdep (User Mode Linux)
	@tests/check uml

check-long:	## two to three hours on that kernel: crashes, differences, little memory
	@tests/check long

bench:		## instructions per operation beside kernel ext4 and fuse2fs: 20 minutes;
bench:		## ARGS="--suite threads": operations per second of 1 to 8 threads, 10 minutes
	@vm/setup --bench
	@bench/run $(ARGS)

profile:	## the functions that they are in: WORKLOAD=create [SYSTEM=iomap4fs]
	@vm/setup --bench
	@bench/profile/run "$(WORKLOAD)" $(SYSTEM)

bench-tree:	## measure the extent tree beside the kernel's xfs_iext_tree.c
	@vm/setup
	@bench/tree/run $(ARGS)

build:		## build user space and the module for the stock kernel
	@vm/setup
	@tests/build-user
	@kernel/build qemu

clean:		## remove build/; kernels and guests stay in the cache
	rm -rf build

format:		## bring our C sources into the project's style with clang-format
	@vm/format
