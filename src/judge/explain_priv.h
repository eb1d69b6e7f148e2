/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of findings in words, which findings of all kinds share. */
#ifndef JUDGE_EXPLAIN_PRIV_H
#define JUDGE_EXPLAIN_PRIV_H

#include <stdint.h>

#include "base/buffer.h"
#include "event/event.h"

/* Escaped, for a terminal. */
void explain_text(struct buffer *out, const char *text);
/* Local time of day, to the millisecond. */
void explain_time(struct buffer *out, uint64_t time_ns);
void explain_context(struct buffer *out, const struct context *context);
void explain_address(struct buffer *out, int family, const uint8_t *address, uint16_t port);

/* The beginning of a line of detail; the lines of who acted, of its ancestors, and of what is odd. */
void explain_label(struct buffer *out, const char *label);
void explain_actor(struct buffer *out, const struct event *event);
void explain_lineage(struct buffer *out, const struct event *event);
void explain_flags(struct buffer *out, const struct event *event);

/* A text that is escaped already, as a JSON string. */
void explain_json_string(struct buffer *out, const char *text);

#endif
