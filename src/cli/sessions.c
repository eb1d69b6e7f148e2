/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/page.h"

static const char usage[] =
	"Usage: sombrero sessions [OPTION…]\n"
	"       sombrero sessions show [OPTION…] ID\n"
	"\n"
	"Lists the sessions of persons that `sombrero watch --state` saw, newest first; or shows one: who it was, "
	"from\n"
	"where and how, the programs, changes of files and of rights, the network, and what outlived it.\n"
	"\n"
	"      --open          only those that go on\n"
	"      --person WHO    only those of a person, an account, a key (SHA256:…) or a certificate\n"
	"      --since TIME    only those seen since then: 2h, 3d, 2026-11-24, \"2026-11-24 14:00\"\n"
	"      --failed        logins that failed instead, by address, account and service\n"
	"      --json          JSON, a line each\n" SHOW_STATE_HELP "\n"
	"ID is an id, or the beginning of one.\n"
	"\n"
	"Exit status: 0, 1 failure, 2 usage.\n";

enum { OPTION_OPEN = 256, OPTION_PERSON, OPTION_SINCE, OPTION_FAILED, OPTION_JSON, OPTION_STATE };

struct sessions {
	const char *directory;
	const char *show; /* an id; NULL: list */
	bool failed, json;
	struct state_session_filter filter;
	struct state *state;
	struct columns columns;
	struct buffer out, cell;
};

static int parse_option(struct sessions *sessions, int option, const char *argument)
{
	if (option == OPTION_OPEN)
		sessions->filter.open = true;
	else if (option == OPTION_PERSON)
		sessions->filter.person = argument;
	else if (option == OPTION_FAILED)
		sessions->failed = true;
	else if (option == OPTION_JSON)
		sessions->json = true;
	else if (option == OPTION_STATE)
		sessions->directory = argument;
	else if (option == OPTION_SINCE && show_parse_time(argument, &sessions->filter.since_ns))
		return usage_error(&command_sessions, "'%s' is no time: 2h, 2026-11-24, \"2026-11-24 14:00\"",
				   argument);
	else if (option != OPTION_SINCE)
		return usage_error(&command_sessions, "that option is not known");
	return 0;
}

static int parse(struct sessions *sessions, int argc, char **argv)
{
	static const struct option options[] = { { "open", no_argument, NULL, OPTION_OPEN },
						 { "person", required_argument, NULL, OPTION_PERSON },
						 { "since", required_argument, NULL, OPTION_SINCE },
						 { "failed", no_argument, NULL, OPTION_FAILED },
						 { "json", no_argument, NULL, OPTION_JSON },
						 { "state", required_argument, NULL, OPTION_STATE },
						 { 0 } };
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		status = parse_option(sessions, option, optarg);
	if (!status && sessions->failed && (sessions->filter.open || sessions->filter.person))
		return usage_error(&command_sessions,
				   "--open and --person are for sessions, not for logins that failed");
	if (status || optind == argc)
		return status;
	if (strcmp(argv[optind], "show") != 0)
		return usage_error(&command_sessions, "'%s' is not wanted here", argv[optind]);
	if (sessions->failed || sessions->filter.open || sessions->filter.person || sessions->filter.since_ns)
		return usage_error(&command_sessions, "--open, --person, --since and --failed are for the list");
	if (optind + 2 != argc)
		return usage_error(&command_sessions, "say which session to show: the beginning of its id");
	sessions->show = argv[optind + 1];
	return 0;
}

static void show_end(struct buffer *out, const struct state_session *session)
{
	switch (session->end) {
	case STATE_OPEN:
		buffer_text(out, "open");
		break;
	case STATE_ENDED:
		show_time(out, session->end_ns);
		break;
	case STATE_UNWATCHED:
		buffer_text(out, "open, not watched since ");
		show_time(out, session->watched_ns);
		break;
	case STATE_REBOOTED:
		buffer_text(out, "unknown: the machine was started again");
		break;
	}
}

static const char *end_name(enum state_end end)
{
	static const char *const names[] = { [STATE_OPEN] = "open",
					     [STATE_ENDED] = "ended",
					     [STATE_UNWATCHED] = "unwatched",
					     [STATE_REBOOTED] = "rebooted" };

	return names[end];
}

static void show_how(struct buffer *out, const struct state_session *session)
{
	show_text(out, *session->service ? session->service : "?");
	if (*session->method) {
		buffer_byte(out, ' ');
		show_text(out, session->method);
	}
	if (*session->container) {
		buffer_text(out, " in ");
		show_text(out, session->container);
	}
}

static const char *or_unknown(const char *text)
{
	return *text ? text : "unknown";
}

static uint64_t changed_files(const struct state_tally *tally)
{
	return tally->seen[EVENT_CREATE] + tally->seen[EVENT_WRITE] + tally->seen[EVENT_RENAME] +
	       tally->seen[EVENT_REMOVE] + tally->seen[EVENT_ATTRIBUTES];
}

static void session_json(struct buffer *out, const struct state_session *session)
{
	buffer_byte(out, '{');
	json_text(out, "id", session->id);
	json_text(out, "person", session->person);
	json_text(out, "user", session->user);
	json_text(out, "service", session->service);
	json_text(out, "method", session->method);
	json_text(out, "key", session->key);
	json_text(out, "certificate", session->certificate);
	json_text(out, "address", session->address);
	if (session->port)
		json_number(out, "port", session->port);
	json_text(out, "tty", session->tty);
	json_text(out, "container", session->container);
	if (session->audit_session != EVENT_NO_ID)
		json_number(out, "session", session->audit_session);
	json_bool(out, "seen_login", session->seen_login);
	json_time(out, "begin", session->begin_ns);
	json_text(out, "state", end_name(session->end));
	json_time(out, "end", session->end_ns);
	json_time(out, "last", session->last_ns);
	if (session->end != STATE_ENDED)
		json_time(out, "watched_until", session->watched_ns);
	json_number(out, "processes", session->processes);
	json_number(out, "files", session->end == STATE_ENDED ? session->files : changed_files(&session->tally));
	json_tally(out, &session->tally);
}

static int list_one(void *to, const struct state_session *session)
{
	struct sessions *sessions = to;

	if (sessions->json) {
		session_json(&sessions->out, session);
		buffer_text(&sessions->out, "}\n");
		return 0;
	}
	columns_text(&sessions->columns, session->id);
	columns_text(&sessions->columns, or_unknown(session->person));
	columns_text(&sessions->columns, session->user);
	columns_text(&sessions->columns, session->address);
	show_how(&sessions->cell, session);
	columns_shown(&sessions->columns, &sessions->cell);
	columns_number(&sessions->columns, session->tally.seen[EVENT_EXEC]);
	columns_number(&sessions->columns, changed_files(&session->tally));
	columns_number(&sessions->columns, session->tally.orphans);
	show_time(&sessions->cell, session->begin_ns);
	columns_shown(&sessions->columns, &sessions->cell);
	show_end(&sessions->cell, session);
	columns_shown(&sessions->columns, &sessions->cell);
	return 0;
}

static void head(struct sessions *sessions, const char *const *names, unsigned count)
{
	sessions->columns = COLUMNS_INIT(count);
	for (unsigned i = 0; i < count && !sessions->json; i++)
		columns_text(&sessions->columns, names[i]);
}

static int list(struct sessions *sessions)
{
	static const char *const names[] = { "ID",       "PERSON", "USER",    "FROM",  "HOW",
					     "PROGRAMS", "FILES",  "ORPHANS", "BEGAN", "ENDED" };

	head(sessions, names, sizeof(names) / sizeof(names[0]));
	return state_sessions(sessions->state, &sessions->filter, list_one, sessions);
}

static int list_failed_one(void *to, const struct state_failed *failed)
{
	struct sessions *sessions = to;

	if (sessions->json) {
		buffer_byte(&sessions->out, '{');
		json_text(&sessions->out, "address", failed->address);
		json_text(&sessions->out, "user", failed->user);
		json_text(&sessions->out, "service", failed->service);
		json_number(&sessions->out, "attempts", failed->attempts);
		json_time(&sessions->out, "first", failed->first_ns);
		json_time(&sessions->out, "last", failed->last_ns);
		buffer_text(&sessions->out, "}\n");
		return 0;
	}
	columns_text(&sessions->columns, failed->address);
	columns_text(&sessions->columns, failed->user);
	columns_text(&sessions->columns, failed->service);
	columns_number(&sessions->columns, failed->attempts);
	show_time(&sessions->cell, failed->first_ns);
	columns_shown(&sessions->columns, &sessions->cell);
	show_time(&sessions->cell, failed->last_ns);
	columns_shown(&sessions->columns, &sessions->cell);
	return 0;
}

static int list_failed(struct sessions *sessions)
{
	static const char *const names[] = { "FROM", "USER", "SERVICE", "ATTEMPTS", "FIRST", "LAST" };

	head(sessions, names, sizeof(names) / sizeof(names[0]));
	return state_failed_logins(sessions->state, sessions->filter.since_ns, list_failed_one, sessions);
}

/* One session */

static void show_line(struct buffer *out, const char *name, const char *value)
{
	if (!*value)
		return;
	buffer_printf(out, "  %-11s  ", name);
	show_text(out, value);
	buffer_byte(out, '\n');
}

static void show_origin(struct buffer *out, const struct state_session *session)
{
	if (*session->address) {
		buffer_printf(out, "  %-11s  ", "from");
		show_text(out, session->address);
		buffer_printf(out, " port %u\n", session->port);
	}
	buffer_printf(out, "  %-11s  ", "how");
	show_how(out, session);
	buffer_text(out, session->seen_login ? "\n" : "; its login was not seen\n");
}

static void show_times(struct buffer *out, const struct state_session *session)
{
	buffer_printf(out, "  %-11s  ", "began");
	show_time(out, session->begin_ns);
	buffer_printf(out, "\n  %-11s  ", "ended");
	show_end(out, session);
	if (session->end == STATE_ENDED && session->end_ns > session->begin_ns) {
		buffer_text(out, ", after ");
		show_duration(out, session->end_ns - session->begin_ns);
	}
	buffer_byte(out, '\n');
	if (session->end == STATE_ENDED)
		buffer_printf(out, "  %-11s  %" PRIu64 "\n", "processes", session->processes);
}

static void show_head(struct buffer *out, const struct state_session *session)
{
	buffer_printf(out, "session ");
	show_text(out, session->id);
	buffer_byte(out, '\n');
	show_line(out, "person", or_unknown(session->person));
	show_line(out, "user", session->user);
	show_origin(out, session);
	show_line(out, "key", session->key);
	show_line(out, "certificate", session->certificate);
	show_line(out, "terminal", session->tty);
	show_times(out, session);
	buffer_printf(out, "  %-11s  ", "events");
	show_tally(out, &session->tally);
	buffer_byte(out, '\n');
	if (session->tally.orphans) {
		buffer_printf(out, "  %-11s  ", "orphans");
		show_count(out, session->tally.orphans, "event of what outlived it", "events of what outlived it");
		buffer_text(out, ", marked below\n");
	}
}

static int show_one(void *to, const struct state_session *session)
{
	struct sessions *sessions = to;
	struct page page;
	int status = page_begin(&page, false);

	if (!status)
		status = state_session_events(sessions->state, session->id, page_line, &page);
	if (!status && sessions->json) {
		session_json(&sessions->out, session);
		page_json(&page, &sessions->out);
		buffer_text(&sessions->out, "}\n");
	} else if (!status) {
		show_head(&sessions->out, session);
		page_show(&page, &sessions->out);
	}
	page_end(&page);
	return status;
}

static int run_all(struct sessions *sessions)
{
	int status;

	if (sessions->show)
		status = state_session_find(sessions->state, sessions->show, show_one, sessions);
	else
		status = sessions->failed ? list_failed(sessions) : list(sessions);
	if (status) {
		say("%s", status == -ENOMEM ? "out of memory" : state_error(sessions->state));
		return EXIT_FAILED;
	}
	if (!sessions->show && !sessions->json)
		columns_end(&sessions->columns, &sessions->out);
	return show_print(&sessions->out);
}

static int run(int argc, char **argv)
{
	struct sessions sessions = { .directory = STATE_DIRECTORY,
				     .out = BUFFER_INIT(SHOW_MAX),
				     .cell = BUFFER_INIT(65536) };
	int status = parse(&sessions, argc, argv);

	if (!status)
		status = show_open(sessions.directory, &sessions.state);
	if (!status)
		status = run_all(&sessions);
	state_close(sessions.state);
	buffer_free(&sessions.columns.cells);
	buffer_free(&sessions.out);
	buffer_free(&sessions.cell);
	return status;
}

const struct command command_sessions = {
	.name = "sessions",
	.summary = "who logged in, and what they did",
	.usage = usage,
	.run = run,
};
