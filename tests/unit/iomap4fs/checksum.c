// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The checksums by the processor's instruction and by tables are libext2fs's, of any length and
 * alignment, and in pieces; and the first one is the one that is called.
 */
#include <dlfcn.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>

#include "checksum.h"

int main(void)
{
	__u32 (*library)(__u32, const unsigned char *, size_t);
	unsigned char buf[4096 + 8];
	const char *version;
	Dl_info where;

	/* something else of it, or it would not be loaded */
	ext2fs_get_library_version(&version, NULL);
	*(void **)&library = dlsym(RTLD_NEXT, "ext2fs_crc32c_le");
	if (!library) {
		fprintf(stderr, "libext2fs has no checksum (%s)\n", version);
		return 1;
	}
#ifdef __x86_64__
	if ((void *)library == (void *)ext2fs_crc32c_le ||
	    !dladdr((void *)library, &where) || !where.dli_sname) {
		fprintf(stderr, "libext2fs's own function is called\n");
		return 1;
	}
#endif
	srand(1);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = rand();
	for (size_t len = 0; len <= 4096; len += len < 64 ? 1 : 61) {
		for (size_t off = 0; off < 8; off++) {
			__u32 want = library(~0U, buf + off, len);
			__u32 got = ext2fs_crc32c_le(ext2fs_crc32c_le(~0U, buf + off, len / 3),
						     buf + off + len / 3, len - len / 3);

			if (ext2fs_crc32c_le(~0U, buf + off, len) != want || got != want ||
			    checksum_crc32c_by_tables(~0U, buf + off, len) != want) {
				fprintf(stderr, "%zu bytes at %zu: not %x\n", len, off, want);
				return 1;
			}
		}
	}
	return 0;
}
