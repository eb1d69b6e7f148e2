/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/path.h"
#include "event/ndjson.h"
#include "policy/glob.h"

/* Findings are gathered, committed and printed this often: what lasts is not written anew at each look. */
#define SETTLE_MS 100

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- options ------------------------------------------------------------------------------------- */

static int add(const char *list[], size_t *count, const struct command *command, const char *argument)
{
	if (*count == SOURCE_LIST_MAX)
		return usage_error(command, "an option can be repeated at most %d times", SOURCE_LIST_MAX);
	list[(*count)++] = argument;
	return 0;
}

bool files_option(struct files_watch *files, const struct command *command, int option, const char *argument,
		  int *status)
{
	*status = 0;
	if (option == 'p')
		files->policy_path = argument;
	else if (option == FILES_OPTION_FILES)
		*status = add(files->pattern, &files->pattern_count, command, argument);
	else if (option == FILES_OPTION_EXCEPT)
		*status = add(files->except, &files->except_count, command, argument);
	else if (option == FILES_OPTION_STATE)
		files->state_directory = argument;
	else if (option == FILES_OPTION_AUTH_LOG)
		files->auth_log = argument;
	else
		return false;
	return true;
}

/* --- what to watch ------------------------------------------------------------------------------- */

typedef bool (*pattern_test)(const char *pattern, const char *path);

/* Of the rules that are asked for differences, or of all. */
static bool any_pattern(const struct policy *policy, bool of_diffs, pattern_test test, const char *path)
{
	for (size_t i = 0; i < policy->file_count; i++) {
		const struct file_rule *rule = &policy->files[i];

		for (size_t k = 0; (rule->diff || !of_diffs) && k < rule->paths.count; k++) {
			if (test(rule->paths.text[k], path))
				return true;
		}
	}
	return false;
}

static bool wants(void *owner, const char *path)
{
	return any_pattern(((struct files_watch *)owner)->policy, false, glob_match, path);
}

static bool wants_below(void *owner, const char *path)
{
	return any_pattern(((struct files_watch *)owner)->policy, false, glob_reaches, path);
}

static bool wants_text(void *owner, const char *path)
{
	return any_pattern(((struct files_watch *)owner)->policy, true, glob_match, path);
}

static const char *written_by(void *owner, const char *path)
{
	return state_written_by(((struct files_watch *)owner)->state, path);
}

/* Where the pattern's tree begins; one that lies in another's is part of that. */
static int add_root(struct files_watch *files, const char *pattern)
{
	size_t kept = 0;
	char *root = malloc(strlen(pattern) + 1);

	if (!root)
		return -ENOMEM;
	glob_root(pattern, root);
	if (!strcmp(root, "/"))
		root[0] = '\0';
	for (size_t i = 0; i < files->watch.root_count; i++) {
		if (path_is_below(root, files->root[i])) {
			free(root);
			return 0;
		}
	}
	for (size_t i = 0; i < files->watch.root_count; i++) {
		if (path_is_below(files->root[i], root))
			free(files->root[i]);
		else
			files->root[kept++] = files->root[i];
	}
	files->root[kept] = root;
	files->watch.root_count = kept + 1;
	return 0;
}

static int find_roots(struct files_watch *files)
{
	size_t count = 0;
	int status = 0;

	for (size_t i = 0; i < files->policy->file_count; i++)
		count += files->policy->files[i].paths.count;
	files->root = calloc(count + 1, sizeof(*files->root));
	files->watch.root_count = 0;
	if (!files->root)
		return -ENOMEM;
	for (size_t i = 0; i < files->policy->file_count && !status; i++) {
		for (size_t k = 0; k < files->policy->files[i].paths.count && !status; k++)
			status = add_root(files, files->policy->files[i].paths.text[k]);
	}
	files->watch.roots = (const char *const *)files->root;
	return status;
}

int files_load_policy(struct files_watch *files)
{
	struct error error = { "" };

	if (!files->policy_path || files->policy || policy_load(files->policy_path, &files->policy, &error) == 0)
		return 0;
	say("%s", error.text);
	return EXIT_USAGE;
}

/* The policy's rules and those of the command line. */
static int complete_policy(struct files_watch *files)
{
	struct error error = { "" };
	int status = files_load_policy(files);

	if (status)
		return status;
	if (!files->policy)
		files->policy = policy_new("");
	if (!files->policy)
		status = -ENOMEM;
	for (size_t i = 0; i < files->pattern_count && !status; i++)
		status = policy_add_files(files->policy, files->pattern[i], files->except, files->except_count, &error);
	if (status < 0)
		say("%s", error.text[0] ? error.text : strerror(-status));
	return status < 0 ? EXIT_USAGE : 0;
}

/* --- printing ------------------------------------------------------------------------------------ */

static int print(struct files_watch *files)
{
	int status = 0;

	if (files->ready.failed)
		status = -ENOMEM;
	else if (fwrite(files->ready.data, 1, files->ready.size, stdout) != files->ready.size || fflush(stdout))
		status = -errno;
	buffer_clear(&files->ready);
	return status;
}

static int note_printed(struct files_watch *files, uint64_t number)
{
	if (files->printed_count == files->printed_capacity) {
		size_t capacity = files->printed_capacity ? files->printed_capacity * 2 : 64;
		uint64_t *printed = realloc(files->printed, capacity * sizeof(*printed));

		if (!printed)
			return -ENOMEM;
		files->printed = printed;
		files->printed_capacity = capacity;
	}
	files->printed[files->printed_count++] = number;
	return 0;
}

/* The number goes into the object; people need none. */
static int make_ready(struct files_watch *files, uint64_t number, const char *line, size_t size)
{
	if (size && line[0] == '{') {
		buffer_printf(&files->ready, "{\"id\":%llu,", (unsigned long long)number);
		line++;
		size--;
	}
	buffer_append(&files->ready, line, size);
	files->findings++;
	return note_printed(files, number);
}

/* What is printed need not be kept any longer; the next commit says so. */
static int print_ready(struct files_watch *files)
{
	int status = files->ready.size ? print(files) : 0;

	for (size_t i = 0; i < files->printed_count && !status; i++)
		status = state_outbox_remove(files->state, files->printed[i]);
	files->printed_count = 0;
	return status;
}

/* Committed long ago: there may be more of them than fit into memory. */
static int print_old(void *owner, uint64_t number, const char *line, size_t size)
{
	struct files_watch *files = owner;
	int status = make_ready(files, number, line, size);

	if (!status && files->ready.size > NDJSON_LINE_MAX)
		status = print_ready(files);
	return status;
}

static int hand_over(void *owner, const struct file_finding *finding)
{
	struct files_watch *files = owner;
	int status = 0;

	if (!finding->changed && !finding->closed)
		return 0;
	/* One that was worth telling stays so until it is closed, whatever it turned into. */
	if (finding->rule->severity < files->least && !*finding->number)
		return 0;
	buffer_clear(&files->line);
	if (files->json)
		file_finding_write(&files->line, finding);
	else
		file_finding_explain(&files->line, finding);
	for (unsigned i = 0; i < finding->replaces_count && !status; i++)
		status = state_outbox_remove(files->state, finding->replaces[i]);
	if (!status && finding->changed && *finding->number)
		status = state_outbox_remove(files->state, *finding->number);
	if (!status && (finding->changed || !*finding->number))
		status = state_outbox_add(files->state, buffer_string(&files->line), files->line.size, finding->number);
	if (!status && finding->closed)
		status = make_ready(files, *finding->number, buffer_string(&files->line), files->line.size);
	return status;
}

int files_settle(struct files_watch *files, bool at_end)
{
	uint64_t now = now_ms();
	int status;

	if (!files->state || (!at_end && now - files->settled_ms < SETTLE_MS))
		return 0;
	files->settled_ms = now;
	status = file_judge_visit(files->judge, now, at_end, hand_over, files);
	if (!status)
		status = state_commit(files->state);
	if (!status)
		status = print_ready(files);
	files->printed_count = 0;
	if (!status && at_end)
		status = state_commit(files->state);
	return status;
}

/* --- life ---------------------------------------------------------------------------------------- */

static bool is_asked_for(const struct files_watch *files)
{
	return files->policy_path || files->pattern_count || files->state_directory;
}

static bool counts_change(void *policy, const char *id)
{
	return policy_counts_run(policy, id);
}

static void pass_on_session(const struct change_origin *origin, struct source *source)
{
	struct sensor_change_session session = { .value = origin->value };

	if (origin->origin == ORIGIN_KEY)
		session.by = CHANGE_BY_KEY;
	else if (origin->origin == ORIGIN_CERTIFICATE)
		session.by = CHANGE_BY_CERTIFICATE;
	else if (origin->origin == ORIGIN_USER)
		session.by = CHANGE_BY_USER;
	else
		return;
	source->change_session[source->change_session_count++] = session;
}

/* Each list has room for SOURCE_LIST_MAX. */
static int pass_on_changes(struct policy *policy, struct source *source)
{
	for (size_t i = 0; i < policy->change_count; i++) {
		if (source->change_count == SOURCE_LIST_MAX || source->change_session_count == SOURCE_LIST_MAX)
			return -E2BIG;
		if (policy->changes[i].origin == ORIGIN_UNIT)
			source->change[source->change_count++] = policy->changes[i].value;
		else
			pass_on_session(&policy->changes[i], source);
	}
	source->counts_change = counts_change;
	source->counts_owner = policy;
	return 0;
}

static int open_all(struct files_watch *files, struct error *error)
{
	int status = state_open(files->state_directory ? files->state_directory : STATE_DIRECTORY, STATE_WATCH,
				&files->state, error);

	if (status < 0)
		return status;
	files->line = BUFFER_INIT(4 * NDJSON_LINE_MAX);
	files->ready = BUFFER_INIT(64 * NDJSON_LINE_MAX);
	files->judge = file_judge_new(files->policy);
	status = files->judge ? find_roots(files) : -ENOMEM;
	files->watch.baseline = state_baseline(files->state);
	files->watch.owner = files;
	files->watch.wants = wants;
	files->watch.wants_below = wants_below;
	files->watch.wants_text = wants_text;
	files->watch.written_by = written_by;
	if (!status)
		status = state_outbox_each(files->state, 0, print_old, files);
	return status;
}

/* Their rules need what was known of files before. */
static int no_files_in_recordings(const struct files_watch *files)
{
	if (files->policy->file_count)
		say("%s: its file rules are for a live host; the recording is judged by the model alone",
		    files->policy_path);
	return 0;
}

int files_prepare(struct files_watch *files, const struct command *command, struct source *source)
{
	struct error error = { "" };
	int status;

	source->auth_log = files->auth_log;
	if (files->except_count && !files->pattern_count)
		return usage_error(command, "--except says who may change what --files names");
	if (!is_asked_for(files))
		return 0;
	if (source->replay && files->may_replay && !files->pattern_count && !files->state_directory)
		return no_files_in_recordings(files);
	if (source->replay)
		return usage_error(command, "files are watched on a live host, not in a recording: leave out --replay");
	status = complete_policy(files);
	if (status)
		return status;
	if (pass_on_changes(files->policy, source) < 0) {
		say("%s: more than %d origins of changes of one kind", files->policy_path, SOURCE_LIST_MAX);
		return EXIT_USAGE;
	}
	status = open_all(files, &error);
	if (!status)
		status = files_settle(files, false);
	if (status < 0) {
		say("%s", error.text[0] ? error.text : files->state ? state_error(files->state) : strerror(-status));
		return EXIT_FAILED;
	}
	source->files = files->watch.root_count ? &files->watch : NULL;
	return 0;
}

static int wear(struct files_watch *files, const struct event *event, const struct file_rule *rule)
{
	int status = 0;

	if (rule && rule->sombrero)
		status = state_sombrero_put(files->state, event, file_rule_pattern(rule, event));
	if (status > 0)
		say("the host wears a sombrero: %s was changed by hand", event->path);
	if (status < 0)
		return status;
	status = state_sombrero_rewritten(files->state, event);
	if (status > 0)
		say("the sombrero is off: change %s has rewritten all that was touched", event->change);
	return status < 0 ? status : 0;
}

int files_event(struct files_watch *files, const struct event *event)
{
	const struct file_rule *rule;
	int status;

	if (!files->state)
		return 0;
	status = state_record(files->state, event);
	if (status < 0 || !event_is_file(event))
		return status;
	status = file_judge_event(files->judge, event, now_ms(), &rule);
	return status < 0 ? status : wear(files, event, rule);
}

int files_news(struct files_watch *files, const struct finding *finding)
{
	struct buffer context = BUFFER_INIT(65536), line = BUFFER_INIT(65536);
	int status = 0;

	if (!files->state || !finding->event->change[0])
		return 0;
	for (unsigned i = 0; i < finding->count && !status; i++) {
		buffer_clear(&context);
		buffer_clear(&line);
		finding_context(&context, &finding->behaviour[i]);
		finding_line(&line, &finding->behaviour[i]);
		status = state_change_news(files->state, finding->event, buffer_string(&context), buffer_string(&line));
	}
	buffer_free(&context);
	buffer_free(&line);
	return status;
}

void files_ready(struct files_watch *files)
{
	if (files->state && state_commit(files->state) < 0)
		say("%s", state_error(files->state));
}

bool files_are_judged(const struct files_watch *files)
{
	return files->judge && files->policy->file_count;
}

const char *files_error(const struct files_watch *files)
{
	return files->state ? state_error(files->state) : "";
}

void files_free(struct files_watch *files)
{
	file_judge_free(files->judge);
	state_close(files->state);
	for (size_t i = 0; i < files->watch.root_count; i++)
		free(files->root[i]);
	free(files->root);
	free(files->printed);
	policy_free(files->policy);
	buffer_free(&files->line);
	buffer_free(&files->ready);
}
