/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of a mount, and its output.
 */
#ifndef FUSEIOMAP_REPORT_H
#define FUSEIOMAP_REPORT_H

#include <stddef.h>

#include "control.h"
#include "mountinfo.h"
#include "probe.h"

struct mount_report {
	const struct mount *mount;
	struct control control;
	enum probe_result probe;
};

void report_text(const struct mount_report *reports, size_t nr);
void report_json(const struct mount_report *reports, size_t nr);

#endif
