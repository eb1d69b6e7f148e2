/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was seen beside a model's text: on which hosts and in which hours each context was there, which occasions came, what is
 * scheduled, and, at the model's lines, where each was seen (struct seen). docs/reference/statistics.md is the manual of its
 * text. All of it but the counts are sets, so that merging is a union: in any order, and twice counts once.
 */
#ifndef MODEL_STATISTICS_H
#define MODEL_STATISTICS_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/distinct.h"
#include "model/hours.h"
#include "model/model.h"

/* What comes now and then, and makes services do what they otherwise don't. */
enum occasion {
	OCCASION_BOOT,
	OCCASION_CHANGE,   /* a release or configuration run */
	OCCASION_UPGRADE,  /* a package manager put something in */
	OCCASION_ROTATION, /* logrotate ran */
	OCCASION_COUNT,
};

/* So many runs of a job are exact; beyond it is an estimate, off by about 6 %. */
#define STATISTICS_RUNS 256
/* Of each kind of occasion the first so many on a host are kept. */
#define STATISTICS_OCCASIONS 32
/* More than so many of each are not taken; learning counts them, reading is an error. */
#define STATISTICS_HOSTS_MAX     4096U
#define STATISTICS_CONTEXTS_MAX  16384U
#define STATISTICS_SCHEDULED_MAX 4096U
#define STATISTICS_SOURCES_MAX   65536U
#define STATISTICS_TEXT_MAX      (256U * 1024 * 1024)

struct statistics_host {
	char *name;
	uint64_t hash;
	struct hours watched;
	struct hours occasion[OCCASION_COUNT];
};

/* A context on one host. */
struct statistics_place {
	const struct statistics_host *host;
	struct hours hours; /* in which it was there */
};

struct statistics_context {
	struct behaviour sample;        /* only its context counts; the name is owned */
	struct distinct runs;           /* of a job */
	struct statistics_place *place; /* sorted by the host's name */
	size_t place_count, place_capacity;
};

/* Something that a host does at times: a timer or a crontab's entry. */
struct statistics_scheduled {
	char *job;       /* what its context is called */
	uint32_t period; /* about how many seconds lie between two; 0 where unknown */
	struct distinct hosts;
};

struct statistics {
	struct statistics_host **host; /* owned, as are the next; each sorted by name */
	size_t host_count, host_capacity;
	struct statistics_context **context;
	size_t context_count, context_capacity;
	struct statistics_scheduled **scheduled;
	size_t scheduled_count, scheduled_capacity;
	uint64_t *source; /* the runs of learning that this is from; sorted */
	size_t source_count, source_capacity;
	uint64_t lost;    /* events that the sensor missed meanwhile */
	bool at_least;    /* the counts are those of one of several that had a source in common */
	uint64_t refused; /* had no room; not part of the text */
};

struct statistics *statistics_new(void);
void statistics_free(struct statistics *statistics);

/* Each is found, or made where it is missing. NULL: out of memory, or too many, which is counted in `refused`. */
struct statistics_host *statistics_host(struct statistics *statistics, const char *name);
struct statistics_context *statistics_context(struct statistics *statistics, const struct behaviour *sample);
struct statistics_place *statistics_place(struct statistics_context *context, const struct statistics_host *host);
struct statistics_scheduled *statistics_scheduled(struct statistics *statistics, const char *job, uint32_t period);

/* The context, or NULL. */
const struct statistics_context *statistics_find(const struct statistics *statistics, const struct behaviour *sample);

/* 0, -ENOMEM, or -E2BIG. One that is there already is fine. */
int statistics_add_source(struct statistics *statistics, uint64_t source);

/* Keeps the first of them. 0 or -ENOMEM. */
int statistics_add_occasion(struct statistics_host *host, enum occasion occasion, uint32_t hour);
int statistics_add_occasions(struct statistics_host *host, enum occasion occasion, const struct hours *hours);

/* "boot", "change" …; NULL for a number without one. */
const char *occasion_name(enum occasion occasion);

/*
 * Brings two models and their statistics together, `from` into `into`. Counts are added up, unless both have a source in
 * common: then each is the larger of the two, and `at_least` says so. 0, -ENOMEM, or -E2BIG.
 */
int statistics_merge(struct statistics *into, struct model *lines, const struct statistics *from,
		     struct model *from_lines);

/* The canonical text: of `statistics`, and of what was seen at the lines of `model`. 0 or -ENOMEM. */
int statistics_print(const struct statistics *statistics, struct model *model, struct buffer *out);

/*
 * Reads text; strict. What was seen goes to the lines of `model`: to the same line, else to the pattern that covers it.
 * *strangers (may be NULL) is how many lines of the text the model has not. Errors are -EINVAL with
 * NAME:LINE:COLUMN; nothing is half read, but `model` may have got some of what was seen.
 */
int statistics_parse(const char *name, const char *text, size_t size, struct model *model, struct statistics **out,
		     size_t *strangers, struct error *error);

/* Where they lie: beside the model, MODEL.stats. False if that is too long. */
bool statistics_path(const char *model_path, char *out, size_t size);

/* Those beside the model at `model_path`; empty ones where there is no such file. Errors as above, and those of reading. */
int statistics_load(const char *model_path, struct model *model, struct statistics **out, size_t *strangers,
		    struct error *error);

/* Writes them beside the model, as model_save() does. */
int statistics_save(const struct statistics *statistics, struct model *model, const char *model_path,
		    struct error *error);

#endif
