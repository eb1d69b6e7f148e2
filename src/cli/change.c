/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/change_priv.h"
#include "cli/page.h"

static const char usage[] =
	"Usage: sombrero change begin --id ID [--reason TEXT] [OPTION…] -- CMD…\n"
	"       sombrero change list [OPTION…]\n"
	"       sombrero change show [OPTION…] ID\n"
	"\n"
	"A change is a release or a configuration run that was declared: what it does is marked as its own, and is no\n"
	"deviation and no change by hand. `begin` runs CMD as one, as root; `list` and `show` tell what was done.\n"
	"\n"
	"      --id ID        letters, digits, ., _ and -; the same may run again\n"
	"      --reason TEXT  why, for whoever reads it later\n"
	"      --run N        show: this run of it, not the newest\n"
	"      --json         list and show: JSON, a line each\n" SHOW_STATE_HELP "\n"
	"Exit status: begin: CMD's own, 128 and a signal's number where that ended it, 126 or 127 where it can't be\n"
	"run; else 0. 1 failure, 2 usage.\n"
	"\n"
	"Example: sombrero change begin --id release-42 -- ./deploy\n";

enum { OPTION_ID = 256, OPTION_REASON, OPTION_RUN, OPTION_JSON, OPTION_STATE };

struct change {
	const char *action, *id, *reason, *directory;
	uint64_t run;
	bool json;
	struct state *state;
	struct columns columns;
	struct buffer out, cell;
};

static int parse_run(struct change *change, const char *text)
{
	char *end;

	errno = 0;
	change->run = strtoull(text, &end, 10);
	if (errno || *end || !change->run || *text == '-')
		return usage_error(&command_change, "'%s' is no run: the first is 1", text);
	return 0;
}

static int parse_option(struct change *change, int option, const char *argument)
{
	switch (option) {
	case OPTION_ID:
		change->id = argument;
		return 0;
	case OPTION_REASON:
		change->reason = argument;
		return 0;
	case OPTION_STATE:
		change->directory = argument;
		return 0;
	case OPTION_JSON:
		change->json = true;
		return 0;
	case OPTION_RUN:
		return parse_run(change, argument);
	default:
		return usage_error(&command_change, "that option is not known");
	}
}

/* Stops at what begins with no dash, so that CMD keeps its options also where "--" was forgotten. */
static int parse(struct change *change, int argc, char **argv)
{
	static const struct option options[] = { { "id", required_argument, NULL, OPTION_ID },
						 { "reason", required_argument, NULL, OPTION_REASON },
						 { "run", required_argument, NULL, OPTION_RUN },
						 { "json", no_argument, NULL, OPTION_JSON },
						 { "state", required_argument, NULL, OPTION_STATE },
						 { 0 } };
	bool begins = !strcmp(change->action, "begin");
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, begins ? "+" : "", options, NULL)) != -1)
		status = parse_option(change, option, optarg);
	return status;
}

static int begin(struct change *change, int argc, char **argv)
{
	const struct change_begin what = { .id = change->id,
					   .reason = change->reason ? change->reason : "",
					   .directory = change->directory,
					   .command = argv + optind };

	if (change->json || change->run)
		return usage_error(&command_change, "--json and --run are for list and show");
	if (!change->id)
		return usage_error(&command_change, "say which change it is: --id ID");
	if (!change_is_id(change->id))
		return usage_error(&command_change, "an id has letters, digits, ., _ and -, at most 64 of them");
	if (optind == argc)
		return usage_error(&command_change, "say what to run: -- CMD…");
	return change_begin(&what);
}

static const char *end_name(enum state_end end)
{
	static const char *const names[] = { [STATE_OPEN] = "running",
					     [STATE_ENDED] = "ended",
					     [STATE_UNWATCHED] = "unknown",
					     [STATE_REBOOTED] = "rebooted" };

	return names[end];
}

static void show_end(struct buffer *out, const struct state_change *change)
{
	switch (change->end) {
	case STATE_OPEN:
		buffer_text(out, "running");
		break;
	case STATE_ENDED:
		show_time(out, change->end_ns);
		break;
	case STATE_UNWATCHED:
		buffer_text(out, "unknown: last seen ");
		show_time(out, change->watched_ns);
		break;
	case STATE_REBOOTED:
		buffer_text(out, "unknown: the machine was started again");
		break;
	}
}

static void show_status(struct buffer *out, const struct state_change *change)
{
	if (change->exit_status < 0)
		buffer_byte(out, '-');
	else if (change->exit_status > 128)
		buffer_printf(out, "signal %d", change->exit_status - 128);
	else
		buffer_printf(out, "%d", change->exit_status);
}

static uint64_t changed_files(const struct state_tally *tally)
{
	return tally->seen[EVENT_CREATE] + tally->seen[EVENT_WRITE] + tally->seen[EVENT_RENAME] +
	       tally->seen[EVENT_REMOVE] + tally->seen[EVENT_ATTRIBUTES];
}

static void change_json(struct buffer *out, const struct state_change *change)
{
	buffer_byte(out, '{');
	json_text(out, "id", change->id);
	json_number(out, "run", change->run);
	json_text(out, "origin", change->origin);
	json_text(out, "person", change->person);
	json_text(out, "user", change->user);
	json_text(out, "reason", change->reason);
	json_text(out, "command", change->command);
	json_text(out, "login", change->login);
	json_number(out, "pid", change->pid);
	json_time(out, "begin", change->begin_ns);
	json_text(out, "state", end_name(change->end));
	json_time(out, "end", change->end_ns);
	json_time(out, "last", change->last_ns);
	if (change->exit_status >= 0)
		json_number(out, "exit_status", (uint64_t)change->exit_status);
	json_number(out, "files", changed_files(&change->tally));
	json_tally(out, &change->tally);
}

static int list_one(void *to, const struct state_change *one)
{
	struct change *change = to;

	if (change->json) {
		change_json(&change->out, one);
		buffer_text(&change->out, "}\n");
		return 0;
	}
	columns_text(&change->columns, one->id);
	columns_number(&change->columns, one->run);
	columns_text(&change->columns, one->origin);
	columns_text(&change->columns, one->person);
	columns_number(&change->columns, one->tally.seen[EVENT_EXEC]);
	columns_number(&change->columns, changed_files(&one->tally));
	show_status(&change->cell, one);
	columns_shown(&change->columns, &change->cell);
	show_time(&change->cell, one->begin_ns);
	columns_shown(&change->columns, &change->cell);
	show_end(&change->cell, one);
	columns_shown(&change->columns, &change->cell);
	return 0;
}

static int list(struct change *change)
{
	static const char *const names[] = { "ID",    "RUN",    "ORIGIN", "PERSON", "PROGRAMS",
					     "FILES", "STATUS", "BEGAN",  "ENDED" };

	change->columns = COLUMNS_INIT(sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !change->json; i++)
		columns_text(&change->columns, names[i]);
	return state_changes(change->state, list_one, change);
}

static void show_line(struct buffer *out, const char *name, const char *value)
{
	if (!*value)
		return;
	buffer_printf(out, "  %-7s  ", name);
	show_text(out, value);
	buffer_byte(out, '\n');
}

static void show_head(struct buffer *out, const struct state_change *one)
{
	buffer_text(out, "change ");
	show_text(out, one->id);
	buffer_printf(out, ", run %" PRIu64 "\n", one->run);
	show_line(out, "origin", one->origin);
	show_line(out, "person", *one->person ? one->person : "unknown");
	show_line(out, "user", one->user);
	show_line(out, "session", one->login);
	show_line(out, "reason", one->reason);
	show_line(out, "command", one->command);
	buffer_printf(out, "  %-7s  ", "began");
	show_time(out, one->begin_ns);
	buffer_printf(out, "\n  %-7s  ", "ended");
	show_end(out, one);
	if (one->end == STATE_ENDED && one->end_ns > one->begin_ns) {
		buffer_text(out, ", after ");
		show_duration(out, one->end_ns - one->begin_ns);
	}
	buffer_printf(out, "\n  %-7s  ", "status");
	show_status(out, one);
	buffer_printf(out, "\n  %-7s  ", "events");
	show_tally(out, &one->tally);
	buffer_byte(out, '\n');
}

struct news {
	struct buffer *out;
	char *context; /* whose lines go on; owned */
	uint64_t lines;
};

static int show_news_line(void *to, const struct state_news *one)
{
	struct news *news = to;

	if (!*one->line) {
		buffer_printf(news->out, "  … and %" PRIu64 " more\n", one->count);
		return 0;
	}
	if (!news->context || strcmp(news->context, one->context) != 0) {
		free(news->context);
		news->context = strdup(one->context);
		buffer_printf(news->out, "  %s\n", one->context); /* escaped, as the line is */
	}
	buffer_text(news->out, "    ");
	show_time(news->out, one->first_ns);
	buffer_printf(news->out, "  %s\n", one->line);
	news->lines++;
	return 0;
}

/* What it did itself is not judged: nothing of that is new. */
static int show_news(struct change *change, const struct state_change *one)
{
	struct news news = { .out = &change->out };
	int status;

	buffer_text(&change->out, "\nnew\n");
	status = state_change_news_each(change->state, one->id, one->run, show_news_line, &news);
	if (!status && !news.lines)
		buffer_text(&change->out,
			    "  nothing that a model did not know of the services it brought; what it did itself, "
			    "no model is asked about\n");
	free(news.context);
	return status;
}

static int json_news_line(void *to, const struct state_news *one)
{
	struct news *news = to;

	buffer_printf(news->out, "%s{", news->lines++ ? "," : "");
	if (*one->line) {
		json_escaped(news->out, "context", one->context);
		json_escaped(news->out, "line", one->line);
		json_time(news->out, "first", one->first_ns);
	} else {
		json_number(news->out, "more", one->count);
	}
	buffer_byte(news->out, '}');
	return 0;
}

static int json_news(struct change *change, const struct state_change *one)
{
	struct news news = { .out = &change->out };
	int status;

	json_key(&change->out, "new");
	buffer_byte(&change->out, '[');
	status = state_change_news_each(change->state, one->id, one->run, json_news_line, &news);
	buffer_byte(&change->out, ']');
	return status;
}

static int show_one(void *to, const struct state_change *one)
{
	struct change *change = to;
	struct page page;
	int status = page_begin(&page, true);

	if (!status)
		status = state_change_events(change->state, one->id, one->run, page_line, &page);
	if (!status && change->json) {
		change_json(&change->out, one);
		status = json_news(change, one);
		page_json(&page, &change->out);
		buffer_text(&change->out, "}\n");
	} else if (!status) {
		show_head(&change->out, one);
		status = show_news(change, one);
		page_show(&page, &change->out);
	}
	page_end(&page);
	return status;
}

static int look(struct change *change, const char *id)
{
	int status = show_open(change->directory, &change->state);

	if (status)
		return status;
	status = id ? state_change_find(change->state, id, change->run, show_one, change) : list(change);
	if (status) {
		say("%s", status == -ENOMEM ? "out of memory" : state_error(change->state));
		status = EXIT_FAILED;
	} else {
		if (!id && !change->json)
			columns_end(&change->columns, &change->out);
		status = show_print(&change->out);
	}
	state_close(change->state);
	buffer_free(&change->columns.cells);
	buffer_free(&change->out);
	buffer_free(&change->cell);
	return status;
}

static int run(int argc, char **argv)
{
	struct change change = { .directory = STATE_DIRECTORY,
				 .out = BUFFER_INIT(SHOW_MAX),
				 .cell = BUFFER_INIT(65536) };
	int status;

	if (argc < 2 || *argv[1] == '-')
		return usage_error(&command_change, "say what to do: begin, list or show");
	change.action = argv[1];
	argc--;
	argv++;
	status = parse(&change, argc, argv);
	if (status)
		return status;
	if (!strcmp(change.action, "begin"))
		return begin(&change, argc, argv);
	if (change.id || change.reason)
		return usage_error(&command_change, "--id and --reason are for begin");
	if (!strcmp(change.action, "list") && optind == argc)
		return look(&change, NULL);
	if (!strcmp(change.action, "show") && optind + 1 == argc)
		return look(&change, argv[optind]);
	if (!strcmp(change.action, "show"))
		return usage_error(&command_change, "say which change to show: its id");
	return usage_error(&command_change, "'%s' is not wanted here",
			   strcmp(change.action, "list") ? change.action : argv[optind]);
}

const struct command command_change = {
	.name = "change",
	.summary = "run a declared change, and show what changes did",
	.usage = usage,
	.run = run,
};
