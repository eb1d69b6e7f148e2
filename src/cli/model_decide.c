/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_decide.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "cli/who.h"
#include "judge/judge.h"
#include "model/json.h"
#include "state/state.h"

enum { OPTION_REASON = 256, OPTION_BY, OPTION_CONTEXT, OPTION_FINDING };

#define FINDINGS_MAX 64

struct decide {
	const struct command *command;
	enum decision_kind kind;
	const char *path, *by, *context;
	const char *finding[FINDINGS_MAX];
	size_t finding_count;
	struct buffer who, reason, line; /* what goes into the file */
	struct model *named;             /* the behaviours to decide about */
	struct decisions *decisions;
	int64_t time;
	size_t done, before, forbidden; /* decided now; decided so already; forbidden ones left alone */
	bool failed, unsaved;
	struct error error;
};

/* ---- the command line ---- */

/* A reason is one line, whatever it was typed with. */
static void take_reason(struct buffer *out, const char *text)
{
	buffer_clear(out);
	for (text += strspn(text, " \t\n"); *text; text++)
		buffer_byte(out, strchr("\t\n", *text) ? ' ' : *text);
	while (out->size && out->data[out->size - 1] == ' ')
		out->data[--out->size] = '\0';
}

static int take_option(struct decide *decide, int option)
{
	if (option == 'd')
		decide->path = optarg;
	else if (option == OPTION_REASON)
		take_reason(&decide->reason, optarg);
	else if (option == OPTION_BY)
		decide->by = optarg;
	else if (option == OPTION_CONTEXT)
		decide->context = optarg;
	else if (option == OPTION_FINDING && decide->finding_count < FINDINGS_MAX)
		decide->finding[decide->finding_count++] = optarg;
	else
		return usage_error(decide->command, "it has no such option, or has it too often");
	return 0;
}

static int check(const struct decide *decide)
{
	if (!decide->path)
		return usage_error(decide->command, "say in which file: -d FILE");
	if (!decide->reason.size)
		return usage_error(decide->command, "say why: --reason TEXT");
	if (decide->reason.failed || decide->line.failed)
		return usage_error(decide->command, "the reason or the line is too long");
	if (!decide->line.size == !decide->finding_count || !decide->context == !!decide->line.size)
		return usage_error(decide->command, "say about what: --context CONTEXT and a LINE, or --finding FILE");
	return 0;
}

static int parse(struct decide *decide, int argc, char **argv)
{
	static const struct option options[] = { { "decisions", required_argument, NULL, 'd' },
						 { "reason", required_argument, NULL, OPTION_REASON },
						 { "by", required_argument, NULL, OPTION_BY },
						 { "context", required_argument, NULL, OPTION_CONTEXT },
						 { "finding", required_argument, NULL, OPTION_FINDING },
						 { 0 } };
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "d:", options, NULL)) != -1)
		status = take_option(decide, option);
	for (; !status && optind < argc; optind++) {
		if (decide->line.size)
			buffer_byte(&decide->line, ' ');
		buffer_text(&decide->line, argv[optind]);
	}
	return status ? status : check(decide);
}

/* ---- who and when ---- */

/* The state knows by which key a person came; not everybody may read it, nor is there one where models are kept. */
static void find_who(struct decide *decide)
{
	struct error ignored = { "" };
	struct state *state = NULL;
	struct who who;

	if (decide->by) {
		escape_append(&decide->who, decide->by, strlen(decide->by), " ");
		return;
	}
	if (state_open(STATE_DIRECTORY, STATE_READ, &state, &ignored) < 0)
		state = NULL;
	who_find(state, &who);
	state_close(state);
	escape_append(&decide->who, who.person, strlen(who.person), " ");
}

/* Now, but never before what it is to override, whoever's clock that was. -EINVAL where no time is left for that. */
static int set_time(struct decide *decide)
{
	int64_t newest = decisions_newest(decide->decisions);
	char text[DECISION_TIME_MAX];

	decide->time = (int64_t)time(NULL);
	if (!decisions_size(decide->decisions) || newest < decide->time)
		return 0;
	decide->time = newest + 1;
	if (newest < DECISION_TIME_LAST)
		return 0;
	decision_time(newest, text);
	return error_set(&decide->error, -EINVAL, "%.200s has a decision of %s, which nothing can follow: take it out",
			 decide->path, text);
}

/* ---- about what ---- */

/* Is it about behaviours that could be lines of a model? */
static bool is_news(const char *finding)
{
	static const char *const others[] = { "runaway", "file change" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (strcmp(finding, others[i]) == 0)
			return false;
	}
	return true;
}

static int take_finding(struct decide *decide, const char *name, size_t number, const char *line, size_t size)
{
	char kind[MODEL_JSON_KIND_MAX];
	struct model *found = model_new();
	int status = found ? model_json_finding(name, number, line, size, found, kind, &decide->error) : -ENOMEM;

	if (status > 0)
		status = is_news(kind) ? model_merge(decide->named, found) : 0;
	model_free(found);
	return status;
}

/* The next line without its end, or as much of it as is too much. False at the end of the file. */
static bool next_line(FILE *file, struct buffer *line)
{
	int byte = getc(file);
	bool any = byte != EOF;

	buffer_clear(line);
	for (; byte != EOF && byte != '\n' && line->size <= MODEL_JSON_FINDING_MAX && !line->failed; byte = getc(file))
		buffer_byte(line, (char)byte);
	return any;
}

static int read_lines(struct decide *decide, const char *name, FILE *file)
{
	struct buffer line = BUFFER_INIT(MODEL_JSON_FINDING_MAX + 1);
	size_t number = 0;
	int status = 0;

	while (!status && next_line(file, &line)) {
		const char *text = buffer_string(&line);

		number++;
		if (line.size > MODEL_JSON_FINDING_MAX || line.failed)
			status = error_set(&decide->error, -EINVAL, "%.200s:%zu: a finding of more than %u bytes", name,
					   number, MODEL_JSON_FINDING_MAX);
		else if (text[strspn(text, " ")] || strlen(text) < line.size)
			status = take_finding(decide, name, number, text, line.size);
	}
	if (!status && ferror(file))
		status = error_set(&decide->error, errno ? -errno : -EIO, "%.200s: can't be read: %s", name,
				   strerror(errno));
	buffer_free(&line);
	return status;
}

static int read_findings(struct decide *decide, const char *path)
{
	bool is_input = strcmp(path, "-") == 0;
	FILE *file = is_input ? stdin : fopen(path, "re");
	int status;

	if (!file)
		return error_set(&decide->error, -errno, "%.200s: can't read the findings: %s", path, strerror(errno));
	status = read_lines(decide, path, file);
	if (!is_input)
		(void)fclose(file);
	return status;
}

static int read_named(struct decide *decide)
{
	int status = 0;

	if (decide->line.size)
		return model_parse_line(decide->context, buffer_string(&decide->line), decide->named, &decide->error);
	for (size_t i = 0; i < decide->finding_count && !status; i++)
		status = read_findings(decide, decide->finding[i]);
	if (!status && !model_size(decide->named))
		status = error_set(&decide->error, -EINVAL, "%.200s: no finding is about behaviours",
				   decide->finding[0]);
	return status;
}

/* ---- deciding ---- */

/* "service nginx: exec /usr/bin/id", escaped. */
static void show(struct buffer *out, const struct behaviour *behaviour)
{
	finding_context(out, behaviour);
	buffer_text(out, ": ");
	finding_line(out, behaviour);
}

static void say_of(const char *what, const struct behaviour *behaviour, const struct decision *decision)
{
	struct buffer line = BUFFER_INIT(65536);
	char time[DECISION_TIME_MAX];

	show(&line, behaviour);
	if (decision) {
		decision_time(decision->time, time);
		say("%s: %s, by %s at %s: %s", buffer_string(&line), what, decision->who, time, decision->reason);
	} else {
		say("%s: %s", buffer_string(&line), what);
	}
	buffer_free(&line);
}

static int revoke(struct decide *decide, const struct decision *decision)
{
	const struct decision *about = decisions_about(decide->decisions, &decision->behaviour);

	if (decisions_revoked_by(decide->decisions, decision))
		return 1;
	if (about)
		say_of("decided by a wider line: revoke that one", &decision->behaviour, about);
	else
		say_of("nothing is decided about it", &decision->behaviour, NULL);
	return 0;
}

/* Is it to be written down? */
static bool is_needed(struct decide *decide, const struct decision *decision)
{
	const struct decision *about = decisions_about(decide->decisions, &decision->behaviour);

	if (decision->kind == DECISION_REVOKE) {
		bool revokes = revoke(decide, decision);

		decide->failed = decide->failed || !revokes;
		return revokes;
	}
	if (about && about->kind == decision->kind) {
		decide->before++;
		return false;
	}
	if (about && about->kind == DECISION_FORBID && decide->finding_count) {
		say_of("left forbidden", &decision->behaviour, about);
		decide->forbidden++;
		return false;
	}
	if (about)
		say_of(about->kind == DECISION_FORBID ? "was forbidden" : "was accepted", &decision->behaviour, about);
	return true;
}

/* A trap for who means "any program". */
static void warn_of_interpreters(const struct decision *decision)
{
	const char *program = decision->behaviour.program;

	if (decision->kind == DECISION_FORBID && strchr(program, '*') && !strchr(program, '('))
		say("%s covers no interpreter with a script or code: forbid %s(**), too, if you mean those", program,
		    program);
}

static int decide_one(void *owner, struct model_entry *entry)
{
	struct decide *decide = owner;
	const struct decision decision = {
		.behaviour = entry->behaviour,
		.kind = decide->kind,
		.time = decide->time,
		.who = buffer_string(&decide->who),
		.reason = buffer_string(&decide->reason),
	};
	int status;

	if (!is_needed(decide, &decision))
		return 0;
	status = decisions_add(decide->decisions, &decision);
	if (status == -EINVAL)
		return error_set(&decide->error, status,
				 "the reason or the name of who decided is not text: write UTF-8 "
				 "without control characters, the reason in at most 1023 bytes");
	warn_of_interpreters(&decision);
	decide->done++;
	return status < 0 ? status : 0;
}

static int load_decisions(struct decide *decide)
{
	int status = decisions_load(decide->path, &decide->decisions, &decide->error);

	if (status != -ENOENT)
		return status;
	decide->error = (struct error) { "" };
	decide->decisions = decisions_new();
	return decide->decisions ? 0 : -ENOMEM;
}

static int decide_all(struct decide *decide)
{
	int status;

	decide->named = model_new();
	status = decide->named ? read_named(decide) : -ENOMEM;
	if (!status)
		status = load_decisions(decide);
	if (status)
		return status;
	find_who(decide);
	status = set_time(decide);
	if (!status)
		status = model_each(decide->named, decide_one, decide);
	if (!status && decide->done && !decide->failed)
		decide->unsaved = decisions_save(decide->decisions, decide->path, &decide->error) < 0;
	return decide->unsaved ? -EIO : status;
}

static int report(const struct decide *decide)
{
	static const char *const done[DECISION_KIND_COUNT] = { "accepted", "forbidden", "revoked" };

	if (decide->failed) {
		say("%s is as it was", decide->path);
		return EXIT_USAGE;
	}
	say("%s: %zu %s, %zu already were%s", decide->path, decide->done, done[decide->kind], decide->before,
	    decide->forbidden ? "; what is forbidden is accepted only line by line" : "");
	return EXIT_CLEAN;
}

int model_decide(const struct command *command, enum decision_kind kind, int argc, char **argv)
{
	struct decide decide = {
		.command = command,
		.kind = kind,
		.who = BUFFER_INIT(DECISION_WHO_MAX),
		.reason = BUFFER_INIT(DECISION_REASON_MAX),
		.line = BUFFER_INIT(2 * BEHAVIOUR_PROGRAM_MAX),
	};
	int status = parse(&decide, argc, argv);

	if (!status) {
		status = decide_all(&decide);
		if (status)
			say("%s", decide.error.text[0] ? decide.error.text : "out of memory");
		status = !status ? report(&decide) : status == -ENOMEM || status == -EIO ? EXIT_FAILED : EXIT_USAGE;
	}
	buffer_free(&decide.who);
	buffer_free(&decide.reason);
	buffer_free(&decide.line);
	model_free(decide.named);
	decisions_free(decide.decisions);
	return status;
}
