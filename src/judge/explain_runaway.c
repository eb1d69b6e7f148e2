/* SPDX-License-Identifier: Apache-2.0 */
/* Runaways in words, and as NDJSON. */
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "event/ndjson.h"
#include "judge/explain_priv.h"
#include "judge/judge.h"
#include "judge/runaway.h"

#define CONSEQUENCE "does far more of what it does anyway than it ever did while the model was learned"

static const char *const titles[] = {
	[RUNAWAY_BEGINS] = "RUNAWAY",
	[RUNAWAY_LASTS] = "RUNAWAY GOES ON",
	[RUNAWAY_OVER] = "RUNAWAY IS OVER",
};

static void add_duration(struct buffer *out, uint64_t duration_ns)
{
	uint64_t seconds = duration_ns / 1000000000;

	if (seconds < 120)
		buffer_printf(out, "%" PRIu64 " s", seconds);
	else if (seconds < 7200)
		buffer_printf(out, "%" PRIu64 " min", seconds / 60);
	else
		buffer_printf(out, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
}

/* What it did, as a clause. */
static void add_deed(struct buffer *out, const struct behaviour *behaviour)
{
	static const char *const words[BEHAVIOUR_KIND_COUNT] = {
		[BEHAVIOUR_ACCEPT] = "was reached",
		[BEHAVIOUR_CONNECT] = "reached out",
		[BEHAVIOUR_EXEC] = "was started",
		[BEHAVIOUR_LISTEN] = "listened",
		[BEHAVIOUR_OWNER] = "ran",
		[BEHAVIOUR_PRIVILEGE] = "gained the rights of",
		[BEHAVIOUR_RAW] = "opened a raw socket",
		[BEHAVIOUR_WRITE] = "changed",
	};

	/* The texts of a behaviour are escaped already. */
	buffer_printf(out, "%s %s%s%s", behaviour->program, words[behaviour->kind], behaviour->object[0] ? " " : "",
		      behaviour->object);
}

static void add_amount(struct buffer *out, const struct runaway_part *part, uint64_t amount)
{
	static const char *const units[RUNAWAY_MEASURE_COUNT] = {
		[RUNAWAY_RATE] = " times",
		[RUNAWAY_PROCESSES] = " processes",
		[RUNAWAY_BEGUN] = " new processes",
	};

	if (part->measure == RUNAWAY_CPU)
		buffer_printf(out, "%" PRIu64 ".%" PRIu64 " s of CPU", amount / 1000, amount / 100 % 10);
	else
		buffer_printf(out, "%" PRIu64 "%s", amount, units[part->measure]);
}

static void add_part(struct buffer *out, const struct runaway_part *part, bool is_news)
{
	bool has_sum = part->measure != RUNAWAY_PROCESSES && !is_news;

	if (part->entry) {
		add_deed(out, &part->entry->behaviour);
		buffer_text(out, ": ");
	}
	if (has_sum) {
		add_amount(out, part, part->total);
		buffer_text(out, " in all, ");
	}
	add_amount(out, part, is_news ? part->now : part->most);
	buffer_text(out, part->measure == RUNAWAY_PROCESSES ? " at a time" : " in a minute");
	buffer_text(out, part->usual ? ", usually at most " : ", usually none");
	if (part->usual)
		add_amount(out, part, part->usual);
}

void runaway_explain(struct buffer *out, const struct runaway *runaway)
{
	bool begins = runaway->state == RUNAWAY_BEGINS;

	explain_time(out, begins ? runaway->since_ns : runaway->last_ns);
	buffer_printf(out, "  %s %s  ", titles[runaway->state], severity_name(RUNAWAY_SEVERITY));
	explain_context(out, &runaway->context);
	if (begins) {
		buffer_text(out, ": ");
		add_part(out, &runaway->part[0], true);
	} else {
		buffer_text(out, runaway->state == RUNAWAY_OVER ? ": it lasted for " : ": it has lasted for ");
		add_duration(out, runaway->last_ns - runaway->since_ns);
	}
	buffer_byte(out, '\n');
	for (unsigned i = 0; i < runaway->part_count && !begins; i++) {
		explain_label(out, "size");
		add_part(out, &runaway->part[i], false);
		buffer_byte(out, '\n');
	}
	explain_label(out, "means");
	explain_context(out, &runaway->context);
	buffer_text(out, " " CONSEQUENCE "\n");
	if (begins && runaway->event->program.text[0]) {
		explain_actor(out, runaway->event);
		explain_lineage(out, runaway->event);
		explain_flags(out, runaway->event);
	}
	explain_label(out, "where");
	explain_text(out, runaway->host);
	buffer_byte(out, '\n');
	explain_label(out, "limit");
	add_amount(out, &runaway->part[0], runaway->part[0].limit);
	buffer_text(out, runaway->part[0].measure == RUNAWAY_PROCESSES ? " at a time" : " in a minute");
	buffer_printf(out, "; runaway %016" PRIx64 "\n", runaway->id);
}

static void write_part(struct buffer *out, const struct runaway_part *part)
{
	static const char *const names[RUNAWAY_MEASURE_COUNT] = {
		[RUNAWAY_PROCESSES] = "processes",
		[RUNAWAY_BEGUN] = "processes_begun",
		[RUNAWAY_CPU] = "cpu_ms",
	};

	buffer_byte(out, '{');
	if (part->entry) {
		buffer_printf(out, "\"of\":\"%s\",\"program\":", behaviour_kind_name(part->entry->behaviour.kind));
		explain_json_string(out, part->entry->behaviour.program);
		buffer_text(out, ",\"object\":");
		explain_json_string(out, part->entry->behaviour.object);
	} else {
		buffer_printf(out, "\"of\":\"%s\"", names[part->measure]);
	}
	buffer_printf(out,
		      ",\"usual\":%" PRIu64 ",\"limit\":%" PRIu64 ",\"now\":%" PRIu64 ",\"most\":%" PRIu64
		      ",\"total\":%" PRIu64 "}",
		      part->usual, part->limit, part->now, part->most, part->total);
}

static void write_context(struct buffer *out, const struct context *context)
{
	struct buffer name = BUFFER_INIT(65536);

	escape_append(&name, context->name, strlen(context->name), "");
	buffer_printf(out, "{\"kind\":\"%s\",\"name\":", context_kind_name(context->kind));
	explain_json_string(out, buffer_string(&name));
	buffer_printf(out, ",\"in_container\":%s}", context->container[0] ? "true" : "false");
	buffer_free(&name);
}

void runaway_write(struct buffer *out, const struct runaway *runaway)
{
	static const char *const states[] = {
		[RUNAWAY_BEGINS] = "begins", [RUNAWAY_LASTS] = "lasts", [RUNAWAY_OVER] = "over"
	};

	buffer_printf(out,
		      "{\"finding\":\"runaway\",\"id\":\"%016" PRIx64 "\",\"state\":\"%s\",\"severity\":\"%s\","
		      "\"consequence\":\"" CONSEQUENCE "\",\"context\":",
		      runaway->id, states[runaway->state], severity_name(RUNAWAY_SEVERITY));
	write_context(out, &runaway->context);
	buffer_printf(out, ",\"seconds\":%.3f,\"amounts\":[", (double)(runaway->last_ns - runaway->since_ns) / 1e9);
	for (unsigned i = 0; i < runaway->part_count; i++) {
		buffer_text(out, i ? "," : "");
		write_part(out, &runaway->part[i]);
	}
	buffer_text(out, "],\"event\":");
	ndjson_write(out, runaway->event);
	/* The event ended its line; the finding ends there too. */
	if (out->size && out->data[out->size - 1] == '\n')
		out->size--;
	buffer_text(out, "}\n");
}
