/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON output with libjson-c, which reports that memory is short; these end the
 * command then.
 */
#ifndef FUSEIOMAP_JSON_H
#define FUSEIOMAP_JSON_H

#include <json-c/json.h>
#include <stdint.h>

struct json_object *json_new_object(void);
struct json_object *json_new_array(void);
struct json_object *json_new_text(const char *text);	/* of ours, that is ASCII */
struct json_object *json_new_number(uint64_t n);

/* These take over @value, which is null if it is NULL. */
void json_add(struct json_object *object, const char *key, struct json_object *value);
void json_append(struct json_object *array, struct json_object *value);

/*
 * Add a name that may hold any byte.  One that is not UTF-8 is added with replacement
 * characters, and its bytes as hexadecimal digits under the key KEY_hex.
 */
void json_add_name(struct json_object *object, const char *key, const char *name);

/* Print and free. */
void json_print(struct json_object *object);

#endif
