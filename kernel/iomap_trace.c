// SPDX-License-Identifier: GPL-2.0
/*
 * The one place that instantiates the trace events of the iomap path.
 */
#include "iomap_i.h"

#define CREATE_TRACE_POINTS
#include "iomap_trace.h"
