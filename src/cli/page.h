/* SPDX-License-Identifier: Apache-2.0 */
/* What was kept of a session or a change, event by event, as the sections of one page. */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "cli/show.h"

struct ndjson_reader;

struct page {
	bool of_change; /* files and programs by how often; else one after the other */
	struct ndjson_reader *reader;
	struct buffer programs, files, privileges, network, events;
	struct counted by_program, by_file, listeners, services, restarts;
	uint64_t by_kind[EVENT_KIND_COUNT];
	struct page_process *process; /* how deep each stands in the tree */
	size_t process_count, process_capacity;
	uint64_t unread; /* lines that could not be understood */
};

/* 0 or -ENOMEM; page_end() either way. */
int page_begin(struct page *page, bool of_change);

/* A state_line_visitor whose `to` is the page. */
int page_line(void *to, const char *line, size_t size, bool orphan);

/* The sections that have something in them. */
void page_show(struct page *page, struct buffer *out);

/* The same as members of the JSON object that `out` is in; "kept" are the events themselves. */
void page_json(struct page *page, struct buffer *out);

void page_end(struct page *page);

#endif
