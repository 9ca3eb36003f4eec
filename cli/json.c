// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON: see json.h.
 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "message.h"

static struct json_object *made(struct json_object *object)
{
	if (!object)
		no_memory();
	return object;
}

struct json_object *json_new_object(void)
{
	return made(json_object_new_object());
}

struct json_object *json_new_array(void)
{
	return made(json_object_new_array());
}

struct json_object *json_new_text(const char *text)
{
	return made(json_object_new_string(text));
}

struct json_object *json_new_number(uint64_t n)
{
	return made(json_object_new_uint64(n));
}

void json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, value))
		no_memory();
}

void json_append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value))
		no_memory();
}

static void add_hex(struct json_object *object, const char *key, const char *name)
{
	char *digits = malloc(strlen(name) * 2 + 1), *hex_key;

	if (!digits || asprintf(&hex_key, "%s_hex", key) < 0)
		no_memory();
	for (size_t i = 0; i <= strlen(name); i++)
		sprintf(digits + 2 * i, name[i] ? "%02x" : "", (unsigned char)name[i]);
	json_add(object, hex_key, json_new_text(digits));
	free(hex_key);
	free(digits);
}

void json_add_name(struct json_object *object, const char *key, const char *name)
{
	char *text = force_utf8(name);

	if (!text)
		no_memory();
	json_add(object, key, json_new_text(text));
	free(text);
	if (!is_utf8(name))
		add_hex(object, key, name);
}

void json_print(struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_SPACED |
							  JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		no_memory();
	puts(text);
	json_object_put(object);
}
