// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuseiomap map: where the bytes of files lie, on any file system that has FIEMAP.
 *
 * The file system answers for the file as it is on disk: what is only in the page cache
 * shows as delalloc, as unwritten or as a hole.  --sync writes it first.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "extents.h"
#include "json.h"
#include "message.h"

struct arguments {
	char **paths;
	size_t nr;
	bool blocks;
	bool no_holes;
	bool sync;
	bool json;
};

struct file_map {
	const char *path;
	uint64_t size;			/* bytes */
	uint64_t block_size;		/* bytes */
	struct mappings mappings;
};

static const struct argp_option options[] = {
	{ "blocks", 'b', NULL, 0, "Count in blocks of the file system, not in bytes", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ "no-holes", 'n', NULL, 0, "Leave out holes", 0 },
	{ "sync", 's', NULL, 0, "Write what has not been written first", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case 'b':
		args->blocks = true;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case 'n':
		args->no_holes = true;
		return 0;
	case 's':
		args->sync = true;
		return 0;
	case ARGP_KEY_ARGS:
		args->paths = state->argv + state->next;
		args->nr = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a file is needed");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "FILE...",
	.doc = "Show the mappings of files: which bytes of the file are at which address of the "
	       "device. Works on every file system that has FIEMAP.",
};

/*
 * Open @path for reading if it is a file or a directory.  Opening anything else can
 * block or make a device do something, so the file is looked at before.
 */
static int open_file(const char *path)
{
	char again[32];
	struct stat st;
	int handle, fd = -1;

	handle = open(path, O_PATH | O_CLOEXEC);
	if (handle < 0 || fstat(handle, &st) < 0) {
		complain(path, "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		complain(path, "neither a file nor a directory");
	} else {
		snprintf(again, sizeof(again), "/proc/self/fd/%d", handle);
		fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			complain(path, "%s", strerror(errno));
	}
	if (handle >= 0)
		close(handle);
	return fd;
}

static int ask_kernel(void *arg, struct fiemap *fm)
{
	return ioctl(*(int *)arg, FS_IOC_FIEMAP, fm) < 0 ? -errno : 0;
}

static const char *why(int err)
{
	switch (-err) {
	case EOPNOTSUPP:
	case ENOTTY:
	case ENOSYS:
		return "the file system has no FIEMAP for it and can't tell where its bytes lie";
	case EUCLEAN:
		return "the file system's answer to FIEMAP makes no sense";
	default:
		return strerror(-err);
	}
}

static int read_map_of(int fd, const struct arguments *args, struct file_map *map)
{
	struct stat st;
	int block_size;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	map->size = st.st_size;
	/* some have none */
	map->block_size = st.st_blksize > 0 ? st.st_blksize : 512;
	if (!ioctl(fd, FIGETBSZ, &block_size) && block_size > 0)
		map->block_size = block_size;
	err = extents_collect(ask_kernel, &fd, args->sync ? FIEMAP_FLAG_SYNC : 0, map->size,
			      !args->no_holes, &map->mappings);
	for (size_t i = 0; args->blocks && i < map->mappings.nr; i++)
		mapping_to_blocks(&map->mappings.mapping[i], map->block_size);
	return err;
}

/* 0, or 1 after having said what is wrong.  map->mappings is to be freed either way. */
static int read_map(const char *path, const struct arguments *args, struct file_map *map)
{
	int fd, err;

	memset(map, 0, sizeof(*map));
	map->path = path;
	fd = open_file(path);
	if (fd < 0)
		return STATUS_FAILED;
	err = read_map_of(fd, args, map);
	close(fd);
	if (err == -ENOMEM)
		no_memory();
	if (!err)
		return STATUS_OK;
	complain(path, "%s", why(err));
	return STATUS_FAILED;
}

static int digits(uint64_t n)
{
	int count = 1;

	for (; n > 9; n /= 10)
		count++;
	return count;
}

/* The width of a column: that of its head, or of its largest number. */
static int width(const char *head, uint64_t largest)
{
	int len = strlen(head), nr = digits(largest);

	return nr > len ? nr : len;
}

static void print_flags(const struct mapping *m)
{
	const char *separator = "", *name;
	char buf[16];

	for (unsigned int i = 0; i < MAPPING_NR_FLAGS; i++) {
		name = mapping_flag(m, i, buf);
		if (!name)
			continue;
		printf("%s%s", separator, name);
		separator = ",";
	}
	puts(*separator ? "" : "-");
}

static void print_map(const struct file_map *map)
{
	uint64_t offset = 0, length = 0, address = 0;
	int offset_width, length_width, address_width;

	for (size_t i = 0; i < map->mappings.nr; i++) {
		const struct mapping *m = &map->mappings.mapping[i];

		offset = m->offset > offset ? m->offset : offset;
		length = m->length > length ? m->length : length;
		address = m->address > address ? m->address : address;
	}
	offset_width = width("OFFSET", offset);
	length_width = width("LENGTH", length);
	address_width = width("ADDRESS", address);

	print_name(stdout, map->path);
	printf(":\n%*s  %*s  %*s  FLAGS\n", offset_width, "OFFSET", length_width, "LENGTH",
	       address_width, "ADDRESS");
	for (size_t i = 0; i < map->mappings.nr; i++) {
		const struct mapping *m = &map->mappings.mapping[i];

		printf("%*" PRIu64 "  %*" PRIu64 "  ", offset_width, m->offset, length_width,
		       m->length);
		if (mapping_has_address(m))
			printf("%*" PRIu64 "  ", address_width, m->address);
		else
			printf("%*s  ", address_width, "-");
		print_flags(m);
	}
	printf("size %" PRIu64 " bytes, blocks of %" PRIu64 " bytes, extents %zu\n", map->size,
	       map->block_size, map->mappings.nr_extents);
}

static struct json_object *json_mapping(const struct mapping *m)
{
	struct json_object *object = json_new_object(), *flags = json_new_array();
	const char *name;
	char buf[16];

	for (unsigned int i = 0; i < MAPPING_NR_FLAGS; i++) {
		name = mapping_flag(m, i, buf);
		if (name)
			json_append(flags, json_new_text(name));
	}
	json_add(object, "offset", json_new_number(m->offset));
	json_add(object, "length", json_new_number(m->length));
	json_add(object, "address", mapping_has_address(m) ? json_new_number(m->address) : NULL);
	json_add(object, "flags", flags);
	return object;
}

static struct json_object *json_map(const struct file_map *map, const struct arguments *args)
{
	struct json_object *object = json_new_object(), *mappings = json_new_array();

	for (size_t i = 0; i < map->mappings.nr; i++)
		json_append(mappings, json_mapping(&map->mappings.mapping[i]));
	json_add_name(object, "path", map->path);
	json_add(object, "size", json_new_number(map->size));
	json_add(object, "block_size", json_new_number(map->block_size));
	json_add(object, "unit", json_new_number(args->blocks ? map->block_size : 1));
	json_add(object, "extents", json_new_number(map->mappings.nr_extents));
	json_add(object, "mappings", mappings);
	return object;
}

int command_map(int argc, char **argv)
{
	struct json_object *files = NULL, *object;
	struct arguments args = { 0 };
	int status = STATUS_OK;
	bool printed = false;
	struct file_map map;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return STATUS_FAILED;
	if (args.json)
		files = json_new_array();
	for (size_t i = 0; i < args.nr; i++) {
		if (read_map(args.paths[i], &args, &map)) {
			status = STATUS_FAILED;
		} else if (args.json) {
			json_append(files, json_map(&map, &args));
		} else {
			if (printed)
				putchar('\n');
			print_map(&map);
			printed = true;
		}
		mappings_free(&map.mappings);
	}
	if (args.json) {
		object = json_new_object();
		json_add(object, "files", files);
		json_print(object);
	}
	return status;
}
