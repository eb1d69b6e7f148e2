/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/hash.h"
#include "base/table.h"
#include "event/ndjson.h"
#include "policy/glob.h"

/* An event that is kept, as its line, and what the visitor keeps with it. */
struct held {
	char *line; /* owned */
	size_t size;
	uint64_t number;
	bool changed;
	bool told; /* for the last time */
};

/* What one actor does against one rule. */
struct group {
	struct group *next;
	char *key; /* owned: the rule and who it is */
	const struct file_rule *rule;
	struct held single[FILE_SINGLES]; /* in a burst only the first is in use */
	uint64_t replaced[FILE_SINGLES];
	unsigned replaced_count;
	bool burst;
	bool shut;       /* no longer found by its key; it goes once the visitor has taken all of it */
	char *directory; /* owned */
	uint64_t count, kinds[EVENT_KIND_COUNT];
	uint64_t first_ns, last_ns;
	uint64_t opened_ms, last_ms;
};

struct file_judge {
	const struct policy *policy;
	struct table by_key;
	struct group *oldest, *youngest;
	struct ndjson_reader *reader;
	struct buffer line, key;
};

static bool same_key(const void *entry, const void *key)
{
	return !strcmp(((const struct group *)entry)->key, key);
}

struct file_judge *file_judge_new(const struct policy *policy)
{
	struct file_judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->policy = policy;
	judge->by_key = TABLE_INIT(same_key);
	judge->line = BUFFER_INIT(NDJSON_LINE_MAX);
	judge->key = BUFFER_INIT(65536);
	judge->reader = ndjson_reader_new();
	if (judge->reader)
		return judge;
	file_judge_free(judge);
	return NULL;
}

static void group_free(struct group *group)
{
	for (unsigned i = 0; i < FILE_SINGLES; i++)
		free(group->single[i].line);
	free(group->directory);
	free(group->key);
	free(group);
}

void file_judge_free(struct file_judge *judge)
{
	if (!judge)
		return;
	while (judge->oldest) {
		struct group *group = judge->oldest;

		judge->oldest = group->next;
		group_free(group);
	}
	table_free(&judge->by_key);
	ndjson_reader_free(judge->reader);
	buffer_free(&judge->line);
	buffer_free(&judge->key);
	free(judge);
}

/* --- which rule ---------------------------------------------------------------------------------- */

const char *file_rule_pattern(const struct file_rule *rule, const struct event *event)
{
	for (size_t i = 0; i < rule->paths.count; i++) {
		const char *pattern = rule->paths.text[i];

		if (glob_match(pattern, event->path) ||
		    (event->path_before[0] && glob_match(pattern, event->path_before)))
			return pattern;
	}
	return "";
}

static const struct file_rule *rule_against(const struct policy *policy, const struct event *event)
{
	const struct file_rule *worst = NULL;

	for (size_t i = 0; i < policy->file_count; i++) {
		const struct file_rule *rule = &policy->files[i];

		if (!file_rule_applies(rule, event) || file_rule_excuses(rule, event))
			continue;
		if (!worst || rule->severity > worst->severity)
			worst = rule;
	}
	return worst;
}

/* --- groups -------------------------------------------------------------------------------------- */

static void add_key(struct buffer *out, const char *text)
{
	escape_append(out, text, strlen(text), "");
	buffer_byte(out, '\n');
}

/* Who it is: the same person, in the same context, by the same program. */
static const char *key_of(struct file_judge *judge, const struct file_rule *rule, const struct event *event)
{
	struct buffer *key = &judge->key;

	buffer_clear(key);
	buffer_printf(key, "%zu %d %u ", (size_t)(rule - judge->policy->files), (int)event->context.kind,
		      event->flags & EVENT_FLAG_FOUND);
	add_key(key, event->context.name);
	add_key(key, event->context.container);
	add_key(key, event->login);
	add_key(key, event->effective_user);
	add_key(key, event->program.text);
	return buffer_string(key);
}

static struct group *group_of(struct file_judge *judge, const struct file_rule *rule, const struct event *event,
			      uint64_t now_ms)
{
	const char *key = key_of(judge, rule, event);
	struct group *group = table_find(&judge->by_key, hash_text(key), key);

	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->key = strdup(key);
	if (!group->key || table_insert(&judge->by_key, hash_text(key), group) < 0) {
		group_free(group);
		return NULL;
	}
	group->rule = rule;
	group->first_ns = event->time_ns;
	group->opened_ms = now_ms;
	if (judge->youngest)
		judge->youngest->next = group;
	else
		judge->oldest = group;
	judge->youngest = group;
	return group;
}

/* The directory that all have in common. */
static void widen(struct group *group, const char *path)
{
	size_t same = 0, end = 0;

	if (!group->directory) {
		const char *slash = strrchr(path, '/');

		group->directory = strndup(path, slash ? (size_t)(slash - path) : 0);
		return;
	}
	while (group->directory[same] && group->directory[same] == path[same]) {
		if (group->directory[same] == '/')
			end = same;
		same++;
	}
	/* One that was itself changed has them all in it. */
	if (group->directory[same] == '/' && !path[same])
		end = same;
	if (group->directory[same] || (path[same] && path[same] != '/'))
		group->directory[end] = '\0';
}

static int hold(struct file_judge *judge, struct group *group, const struct event *event)
{
	struct held *held = &group->single[group->count];

	buffer_clear(&judge->line);
	ndjson_write(&judge->line, event);
	held->line = judge->line.failed ? NULL : strdup(buffer_string(&judge->line));
	held->size = judge->line.size;
	held->changed = true;
	return held->line ? 0 : -ENOMEM;
}

/* The first stands for all. What was handed over one by one is one from now on. */
static void make_burst(struct group *group)
{
	for (unsigned i = 0; i < FILE_SINGLES; i++) {
		if (group->single[i].number)
			group->replaced[group->replaced_count++] = group->single[i].number;
		if (i) {
			free(group->single[i].line);
			group->single[i] = (struct held) { 0 };
		}
	}
	group->single[0].number = 0;
	group->burst = true;
}

int file_judge_event(struct file_judge *judge, const struct event *event, uint64_t now_ms,
		     const struct file_rule **rule)
{
	struct group *group;
	int status = 0;

	*rule = event_is_file(event) ? rule_against(judge->policy, event) : NULL;
	if (!*rule)
		return 0;
	group = group_of(judge, *rule, event, now_ms);
	if (!group)
		return -ENOMEM;
	if (group->count == FILE_SINGLES && !group->burst)
		make_burst(group);
	if (group->burst)
		group->single[0].changed = true;
	else
		status = hold(judge, group, event);
	widen(group, event->path);
	group->count++;
	group->kinds[event->kind]++;
	if (event->time_ns < group->first_ns)
		group->first_ns = event->time_ns;
	if (event->time_ns > group->last_ns)
		group->last_ns = event->time_ns;
	group->last_ms = now_ms;
	return status;
}

/* --- findings ------------------------------------------------------------------------------------ */

static bool is_closed(const struct group *group, uint64_t now_ms)
{
	if (!group->burst)
		return now_ms - group->opened_ms >= FILE_MOMENT_MS;
	return now_ms - group->last_ms >= FILE_QUIET_MS || now_ms - group->opened_ms >= FILE_LONGEST_MS;
}

static int show(struct file_judge *judge, struct group *group, unsigned at, bool closed, file_finding_visitor visit,
		void *owner)
{
	struct held *held = &group->single[at];
	struct error error = { "" };
	struct event event;
	struct file_finding finding = {
		.policy = judge->policy,
		.rule = group->rule,
		.event = &event,
		.directory = group->burst && group->directory ? group->directory : "",
		.count = group->burst ? group->count : 1,
		.closed = closed,
		.changed = held->changed,
		.number = &held->number,
		.replaces = group->replaced,
		.replaces_count = group->replaced_count,
	};
	int status = ndjson_read(judge->reader, held->line, held->size, &event, &error);

	if (status < 0)
		return status;
	finding.pattern = file_rule_pattern(group->rule, &event);
	finding.first_ns = group->burst ? group->first_ns : event.time_ns;
	finding.last_ns = group->burst ? group->last_ns : event.time_ns;
	if (group->burst)
		memcpy(finding.kinds, group->kinds, sizeof(group->kinds));
	else
		finding.kinds[event.kind] = 1;
	status = visit(owner, &finding);
	if (status)
		return status;
	held->changed = false;
	held->told = closed;
	group->replaced_count = 0;
	return 0;
}

/* What comes from now on is another group's. */
static void shut(struct file_judge *judge, struct group *group)
{
	if (!group->shut)
		(void)table_remove(&judge->by_key, hash_text(group->key), group->key);
	group->shut = true;
}

static void drop(struct file_judge *judge, struct group *before, struct group *group)
{
	if (before)
		before->next = group->next;
	else
		judge->oldest = group->next;
	if (judge->youngest == group)
		judge->youngest = before;
	group_free(group);
}

int file_judge_visit(struct file_judge *judge, uint64_t now_ms, bool at_end, file_finding_visitor visit, void *owner)
{
	struct group *before = NULL, *group = judge->oldest;

	while (group) {
		struct group *next = group->next;
		bool closed = at_end || group->shut || is_closed(group, now_ms);
		unsigned count = group->burst ? 1 : (unsigned)group->count;

		if (closed)
			shut(judge, group);
		for (unsigned i = 0; i < count; i++) {
			int status = group->single[i].told ? 0 : show(judge, group, i, closed, visit, owner);

			if (status)
				return status;
		}
		if (closed)
			drop(judge, before, group);
		else
			before = group;
		group = next;
	}
	return 0;
}
