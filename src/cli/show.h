/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How commands show what the state remembers: columns, times, counted lists, and JSON. All texts are taken for hostile and come out
 * escaped (base/escape.h), in JSON as events.md describes it.
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/table.h"
#include "cli/command.h"
#include "state/history.h"

/* Of one output; what is longer says that it was cut. */
#define SHOW_MAX (256U << 20)

void show_text(struct buffer *out, const char *text);

/* Local time to the second; "-" for 0. */
void show_time(struct buffer *out, uint64_t time_ns);

/* "3 s", "12 min", "5 h", "4 days". */
void show_duration(struct buffer *out, uint64_t duration_ns);

/* "one thing", "3 things". */
void show_count(struct buffer *out, uint64_t count, const char *one, const char *many);

/* Writes it to standard output and empties it. 0, or EXIT_FAILED after having said why. */
int show_print(struct buffer *out);

/* --- tables: cells row by row, columns as wide as they need; the first row is the head ------------- */

struct columns {
	unsigned count;      /* of columns */
	struct buffer cells; /* each ended by a NUL byte */
};

#define COLUMNS_INIT(count_) ((struct columns) { .count = (count_), .cells = BUFFER_INIT(SHOW_MAX) })

/* A text or what a buffer holds; the latter is emptied. */
void columns_text(struct columns *columns, const char *text);
void columns_shown(struct columns *columns, struct buffer *shown);
void columns_number(struct columns *columns, uint64_t number);

/* Appends the table and frees the cells. */
void columns_end(struct columns *columns, struct buffer *out);

/* --- lists of texts, each once with how often it came ---------------------------------------------- */

struct counted {
	struct table table;
	struct counted_text **texts; /* in the order in which they came first; owned */
	size_t count;
	uint64_t left_out; /* how many came when there was no more room */
};

struct counted_text {
	uint64_t count;
	char text[];
};

#define COUNTED_MAX 100000

void counted_add(struct counted *counted, const char *text);

/* By text. */
void counted_sort(struct counted *counted);
void counted_free(struct counted *counted);

/* --- JSON: `{"a":…` begins with a comma where something stands before --------------------------------- */

void json_key(struct buffer *out, const char *name);
void json_text(struct buffer *out, const char *name, const char *text); /* left out where empty */
/* The same for what is escaped already: program texts. */
void json_escaped(struct buffer *out, const char *name, const char *escaped);
void json_number(struct buffer *out, const char *name, uint64_t number);
void json_bool(struct buffer *out, const char *name, bool value);
void json_time(struct buffer *out, const char *name, uint64_t time_ns); /* left out where 0 */
/* "events":{KIND:{"seen":N,"dropped":N}} */
void json_tally(struct buffer *out, const struct state_tally *tally);
/* A list of {"text":…,"count":N}, with the name of the text's member; the texts are escaped already. */
void json_counted(struct buffer *out, const char *name, const char *member, const struct counted *counted);

/* --- the rest ---------------------------------------------------------------------------------------- */

/* "exec 12, write 3"; and what of it was not kept. */
void show_tally(struct buffer *out, const struct state_tally *tally);

/* Opens it to be read; says why not, and returns EXIT_FAILED. */
int show_open(const char *directory, struct state **state);

/* "2h" (ago), "2026-11-24", "2026-11-24 14:00", "2026-11-24T14:00:05": ns since 1970. 0 or -EINVAL. */
int show_parse_time(const char *text, uint64_t *time_ns);

#define SHOW_STATE_HELP "      --state DIR   where the state is (default: " STATE_DIRECTORY ")\n"

#endif
