/* SPDX-License-Identifier: Apache-2.0 */
#include "model/observe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"

#define HOUR_NS       (UINT64_C(3600) * 1000000000)
#define HOURS_A_DAY   24
#define BOOT_TAKES_NS (UINT64_C(600) * 1000000000)
/* So many processes that agree on when it was make another boot within one watch (a recording of several). */
#define BOOT_WITNESSES 3
#define BOOT_AGREES_NS (UINT64_C(60) * 1000000000)

struct observed_host {
	struct statistics_host *host;
	uint32_t since, hour; /* the watch: its first hour and the latest */
	bool starting;        /* the state at start is being told, with times before the watch */
	struct model_entry *
		*line; /* that were seen in it; owned, the entries are the model's and of no kind that folds */
	size_t line_count, line_capacity;
	bool began;  /* something has happened since the state at start */
	bool booted; /* a boot was noted in this watch: at `boot_ns`, of the calendar */
	uint64_t boot_ns;
	uint64_t maybe_boot_ns; /* so many processes say that there was another one then */
	unsigned maybe_boots;
	uint64_t change; /* hash of the last one */
	uint64_t first_ns, last_ns, events;
};

/* Since the start of the watch, when that is not known yet. */
#define SINCE_START UINT32_MAX

/* A service, or the boot, on a host. */
struct presence {
	struct observed_host *at;
	struct statistics_context *context;
	uint32_t since;
	uint32_t told;   /* the hour in which an event of its usage said that it was there */
	unsigned living; /* processes that are known */
};

struct member {
	const struct observed_host *at;
	uint32_t pid;
	uint64_t start_ns;
	struct presence *presence;
};

struct observer {
	struct statistics *statistics;
	struct table hosts, presences, members;
	struct observed_host *last; /* most often the next event's, too */
};

static bool same_host(const void *entry, const void *key)
{
	return strcmp(((const struct observed_host *)entry)->host->name, key) == 0;
}

static bool same_presence(const void *entry, const void *key)
{
	const struct presence *one = entry, *other = key;

	return one->at == other->at && one->context == other->context;
}

static bool same_member(const void *entry, const void *key)
{
	const struct member *one = entry, *other = key;

	return one->at == other->at && one->pid == other->pid && one->start_ns == other->start_ns;
}

static uint64_t presence_hash(const struct presence *presence)
{
	return hash_mix((uintptr_t)presence->at, (uintptr_t)presence->context);
}

static uint64_t member_hash(const struct member *member)
{
	return hash_mix(hash_mix((uintptr_t)member->at, member->pid), member->start_ns);
}

struct observer *observer_new(struct statistics *statistics)
{
	struct observer *observer = calloc(1, sizeof(*observer));

	if (!observer)
		return NULL;
	observer->statistics = statistics;
	observer->hosts = TABLE_INIT(same_host);
	observer->presences = TABLE_INIT(same_presence);
	observer->members = TABLE_INIT(same_member);
	return observer;
}

static void free_all(struct table *table)
{
	size_t cursor = 0;
	void *entry;

	while ((entry = table_next(table, &cursor)))
		free(entry);
	table_free(table);
}

void observer_free(struct observer *observer)
{
	size_t cursor = 0;
	struct observed_host *at;

	if (!observer)
		return;
	while ((at = table_next(&observer->hosts, &cursor)))
		free(at->line);
	free_all(&observer->hosts);
	free_all(&observer->presences);
	free_all(&observer->members);
	free(observer);
}

/* ---- hosts ---- */

static uint32_t hour_of(uint64_t time_ns)
{
	uint64_t hour = time_ns / HOUR_NS;

	return hour < HOURS_LATEST ? (uint32_t)hour : HOURS_LATEST;
}

/* The host that the event is of; NULL with *status 0 where there are too many. */
static struct observed_host *find_host(struct observer *observer, const struct event *event, int *status)
{
	struct observed_host *at = observer->last;
	uint64_t hash;

	if (at && strcmp(at->host->name, event->host) == 0)
		return at;
	hash = hash_text(event->host);
	at = table_find(&observer->hosts, hash, event->host);
	if (!at) {
		struct statistics_host *host = statistics_host(observer->statistics, event->host);

		if (!host)
			return NULL;
		at = calloc(1, sizeof(*at));
		if (!at || table_insert(&observer->hosts, hash, at) < 0) {
			free(at);
			*status = -ENOMEM;
			return NULL;
		}
		*at = (struct observed_host) { .host = host, .first_ns = event->time_ns };
		at->since = at->hour = hour_of(event->time_ns);
	}
	observer->last = at;
	return at;
}

/* What was there until `hour`. */
static int add_presence(const struct presence *presence, uint32_t hour)
{
	struct statistics_place *place = statistics_place(presence->context, presence->at->host);

	if (!place)
		return -ENOMEM;
	return hour < presence->since ? 0 : hours_add(&place->hours, presence->since, hour);
}

/* The watch ends, with it what is known of processes. */
static int end_watch(struct observer *observer, struct observed_host *at)
{
	int status = hours_add(&at->host->watched, at->since, at->hour);
	struct table kept = TABLE_INIT(same_member);
	size_t cursor = 0;
	struct presence *presence;
	struct member *member;

	while (!status && (presence = table_next(&observer->presences, &cursor))) {
		if (presence->at == at && presence->living)
			status = add_presence(presence, at->hour);
		if (presence->at == at)
			presence->living = 0;
	}
	cursor = 0;
	while ((member = table_next(&observer->members, &cursor))) {
		if (member->at == at || status || table_insert(&kept, member_hash(member), member) < 0)
			free(member);
	}
	table_free(&observer->members);
	observer->members = kept;
	at->began = at->booted = false;
	return status;
}

static void locate(struct observed_host *at, uint32_t hour, uint64_t run, struct sighting *where)
{
	uint64_t host = at->host->hash;

	where->host = at;
	where->hour = hour;
	where->is_run = run;
	where->at_start = at->starting;
	where->moment.host = host;
	where->moment.day = hour / HOURS_A_DAY;
	where->moment.unit = distinct_mix(host, run ? run : hour);
}

/* The watch began in that hour: what was there before is seen in it. */
static int begin_watch(struct observer *observer, struct observed_host *at, uint32_t hour)
{
	struct presence *presence;
	struct sighting where;
	size_t cursor = 0;
	int status = 0;

	at->starting = false;
	at->since = at->hour = hour;
	while ((presence = table_next(&observer->presences, &cursor))) {
		if (presence->at == at && presence->since == SINCE_START)
			presence->since = hour;
	}
	locate(at, hour, 0, &where);
	for (size_t i = 0; i < at->line_count && !status; i++)
		status = observer_line(observer, at->line[i], &where);
	at->line_count = 0;
	return status;
}

/* The state at start has the times when processes began, which may be long ago. */
static int pass_start(struct observer *observer, struct observed_host *at, uint32_t hour)
{
	int status = at->began ? end_watch(observer, at) : 0;

	if (!at->starting)
		at->since = at->hour = hour;
	at->starting = true;
	if (hour > at->hour)
		at->hour = hour;
	return status;
}

static int pass_time(struct observer *observer, struct observed_host *at, const struct event *event)
{
	uint32_t hour = hour_of(event->time_ns);
	int status = 0;

	at->events++;
	at->first_ns = event->time_ns < at->first_ns ? event->time_ns : at->first_ns;
	at->last_ns = event->time_ns > at->last_ns ? event->time_ns : at->last_ns;
	if (event->flags & EVENT_FLAG_EXISTING)
		return pass_start(observer, at, hour);
	if (at->starting)
		status = begin_watch(observer, at, hour > at->hour ? hour : at->hour);
	if (!status && (hour > at->hour + HOURS_A_DAY || hour + HOURS_A_DAY < at->since)) {
		status = end_watch(observer, at);
		at->since = at->hour = hour;
	}
	at->began = true;
	if (hour > at->hour)
		at->hour = hour;
	if (hour < at->since)
		at->since = hour;
	return status;
}

/* ---- who is there ---- */

static struct presence *find_presence(struct observer *observer, struct observed_host *at,
				      struct statistics_context *context)
{
	struct presence key = { .at = at, .context = context }, *presence;

	presence = table_find(&observer->presences, presence_hash(&key), &key);
	if (presence)
		return presence;
	presence = malloc(sizeof(*presence));
	if (!presence)
		return NULL;
	*presence = key;
	if (table_insert(&observer->presences, presence_hash(presence), presence) == 0)
		return presence;
	free(presence);
	return NULL;
}

static int leave(struct observer *observer, struct observed_host *at, const struct event *event)
{
	const struct member key = { .at = at, .pid = event->pid, .start_ns = event->start_ns };
	struct member *member = table_remove(&observer->members, member_hash(&key), &key);
	int status = 0;

	if (!member)
		return 0;
	if (member->presence->living && !--member->presence->living)
		status = add_presence(member->presence, hour_of(event->time_ns));
	free(member);
	return status;
}

static int join(struct observer *observer, struct observed_host *at, const struct event *event,
		const struct behaviour *context)
{
	struct statistics_context *whose = statistics_context(observer->statistics, context);
	struct member *member;
	int status = leave(observer, at, event);

	if (status || !whose || observer->members.count >= OBSERVER_PROCESSES_MAX)
		return status;
	member = malloc(sizeof(*member));
	if (!member)
		return -ENOMEM;
	*member = (struct member) { at, event->pid, event->start_ns, find_presence(observer, at, whose) };
	if (!member->presence || table_insert(&observer->members, member_hash(member), member) < 0) {
		free(member);
		return -ENOMEM;
	}
	if (!member->presence->living++)
		member->presence->since = at->starting ? SINCE_START : hour_of(event->time_ns);
	return 0;
}

/* An event of what a service used says that it is there. */
static int note_usage(struct observer *observer, struct observed_host *at, const struct event *event,
		      const struct behaviour *context)
{
	struct statistics_context *whose = statistics_context(observer->statistics, context);
	struct presence *presence = whose ? find_presence(observer, at, whose) : NULL;
	struct statistics_place *place;
	uint32_t hour = hour_of(event->time_ns);

	if (!whose || !event->processes)
		return 0;
	if (!presence)
		return -ENOMEM;
	if (presence->told == hour)
		return 0;
	presence->told = hour;
	place = statistics_place(whose, at->host);
	return place ? hours_add(&place->hours, hour, hour) : -ENOMEM;
}

/* A job is to come on that host. */
static int note_schedule(struct observer *observer, struct observed_host *at, const struct event *event)
{
	uint32_t period = event->period < UINT32_MAX ? (uint32_t)event->period : UINT32_MAX;
	char name[BEHAVIOUR_NAME_MAX];
	struct behaviour context;
	struct statistics_scheduled *scheduled;

	if (event->context.kind != CONTEXT_JOB || !behaviour_of_context(&event->context, name, &context))
		return 0;
	scheduled = statistics_scheduled(observer->statistics, context.context_name, period);
	return scheduled && distinct_add(&scheduled->hosts, at->host->hash) < 0 ? -ENOMEM : 0;
}

static int follow(struct observer *observer, struct observed_host *at, const struct event *event)
{
	char name[BEHAVIOUR_NAME_MAX];
	struct behaviour context;
	bool stays = event->context.kind == CONTEXT_SERVICE || event->context.kind == CONTEXT_BOOT;

	if (event->kind == EVENT_EXIT)
		return leave(observer, at, event);
	if (event->kind == EVENT_SCHEDULE)
		return note_schedule(observer, at, event);
	if (event->kind == EVENT_USAGE && stays && behaviour_of_context(&event->context, name, &context))
		return note_usage(observer, at, event, &context);
	if (event->kind != EVENT_EXEC && event->kind != EVENT_CONTEXT && event->kind != EVENT_LISTEN)
		return 0;
	if (!stays)
		return leave(observer, at, event);
	return behaviour_of_context(&event->context, name, &context) ? join(observer, at, event, &context) : 0;
}

/* ---- occasions ---- */

/* What puts packages in, by its name and one of its arguments. */
static const struct {
	const char *program;
	const char *arguments[7];
} upgraders[] = {
	{ "dpkg", { "--unpack", "--configure", "--install", "-i" } },
	{ "rpm", { "-U", "-i", "-F", "--upgrade", "--install", "--freshen" } },
	{ "dnf", { "upgrade", "update", "install" } },
	{ "yum", { "upgrade", "update", "install" } },
	{ "zypper", { "update", "up", "patch", "dup", "install" } },
	{ "apk", { "upgrade", "add" } },
	{ "pacman", { "-S", "-Syu", "-Su", "-U" } },
};

static bool has_argument(const struct event *event, const char *const *arguments)
{
	for (size_t at = 0; at < event->argv_size; at += strlen(event->argv + at) + 1) {
		for (const char *const *argument = arguments; *argument; argument++) {
			if (strcmp(event->argv + at, *argument) == 0)
				return true;
		}
	}
	return false;
}

static bool is_upgrade(const struct event *event)
{
	const char *name = program_name(&event->program);

	for (size_t i = 0; i < sizeof(upgraders) / sizeof(*upgraders); i++) {
		if (strcmp(name, upgraders[i].program) == 0)
			return has_argument(event, upgraders[i].arguments);
	}
	return false;
}

/* The change that the event belongs to, or that explains it: hash of its id; 0 for none. */
static uint64_t change_of(const struct event *event)
{
	if (event->change[0])
		return distinct_hash(event->change) | 1;
	return event->context.kind == CONTEXT_CHANGE ? distinct_hash(event->context.name) | 1 : 0;
}

static uint64_t apart(uint64_t one, uint64_t other)
{
	return one < other ? other - one : one - other;
}

/*
 * A process that began soon after the boot became another program; `boot_ns` is when the boot was if it did so at once. One that
 * does so later (a daemon that is told to start anew) is alone with what it says.
 */
static bool is_new_boot(struct observed_host *at, uint64_t boot_ns)
{
	if (at->booted && apart(boot_ns, at->boot_ns) < BOOT_TAKES_NS)
		return false;
	if (apart(boot_ns, at->maybe_boot_ns) > BOOT_AGREES_NS)
		at->maybe_boots = 0;
	at->maybe_boot_ns = boot_ns;
	if (at->booted && ++at->maybe_boots < BOOT_WITNESSES)
		return false;
	at->booted = true;
	at->boot_ns = boot_ns;
	at->maybe_boots = 0;
	return true;
}

static int note_occasions(struct observed_host *at, const struct event *event)
{
	uint32_t hour = hour_of(event->time_ns);
	uint64_t change;
	int status = 0;

	if (event->kind != EVENT_EXEC || event->flags & EVENT_FLAG_EXISTING)
		return 0;
	if (event->start_ns && event->start_ns < BOOT_TAKES_NS && is_new_boot(at, event->time_ns - event->start_ns))
		status = statistics_add_occasion(at->host, OCCASION_BOOT, hour);
	change = change_of(event);
	if (!status && change && change != at->change) {
		at->change = change;
		status = statistics_add_occasion(at->host, OCCASION_CHANGE, hour);
	}
	if (!status && is_upgrade(event))
		status = statistics_add_occasion(at->host, OCCASION_UPGRADE, hour);
	if (!status && strcmp(program_name(&event->program), "logrotate") == 0)
		status = statistics_add_occasion(at->host, OCCASION_ROTATION, hour);
	return status;
}

/* ---- events and lines ---- */

int observer_event(struct observer *observer, const struct event *event, struct sighting *where)
{
	struct observed_host *at;
	int status = 0;

	*where = (struct sighting) { .host = NULL };
	if (event->kind == EVENT_LOSS)
		observer->statistics->lost = seen_sum(observer->statistics->lost, event->loss_count);
	at = find_host(observer, event, &status);
	if (!at)
		return status;
	status = pass_time(observer, at, event);
	if (!status)
		status = follow(observer, at, event);
	if (!status)
		status = note_occasions(at, event);
	locate(at, at->starting ? at->hour : hour_of(event->time_ns),
	       event->context.kind == CONTEXT_JOB ? event->run : 0, where);
	return status;
}

int observer_context(struct observer *observer, const struct behaviour *behaviour, const struct sighting *where)
{
	bool known = where->host && !where->at_start;
	struct statistics_context *context = known ? statistics_context(observer->statistics, behaviour) : NULL;
	struct statistics_place *place = context ? statistics_place(context, where->host->host) : NULL;

	if (!context)
		return 0;
	if (!place || hours_add(&place->hours, where->hour, where->hour) < 0)
		return -ENOMEM;
	if (context->sample.context_kind == CONTEXT_JOB && distinct_add(&context->runs, where->moment.unit) < 0)
		return -ENOMEM;
	return 0;
}

/* Until it is known when the watch began. */
static int keep_line(struct observed_host *at, struct model_entry *entry)
{
	if (at->line_count == OBSERVER_LINES_MAX || entry->behaviour.kind == BEHAVIOUR_WRITE)
		return 0;
	if (at->line_count == at->line_capacity) {
		size_t capacity = at->line_capacity ? 2 * at->line_capacity : 64;
		struct model_entry **line = reallocarray(at->line, capacity, sizeof(struct model_entry *));

		if (!line)
			return -ENOMEM;
		at->line = line;
		at->line_capacity = capacity;
	}
	at->line[at->line_count++] = entry;
	return 0;
}

int observer_line(struct observer *observer, struct model_entry *entry, const struct sighting *where)
{
	int status;

	if (where->at_start)
		return keep_line(where->host, entry);
	if (!where->host || (entry->seen && entry->seen->last_unit == where->moment.unit && entry->seen->units.size))
		return 0;
	if (!entry->seen)
		entry->seen = seen_new();
	if (!entry->seen)
		return -ENOMEM;
	status = observer_context(observer, &entry->behaviour, where);
	return status ? status : seen_note(entry->seen, &where->moment);
}

void observer_clock(struct observer *observer, uint64_t time_ns)
{
	size_t cursor = 0;
	struct observed_host *at;

	while ((at = table_next(&observer->hosts, &cursor))) {
		if (hour_of(time_ns) > at->hour)
			at->hour = hour_of(time_ns);
	}
}

int observer_settle(struct observer *observer)
{
	size_t cursor = 0;
	struct observed_host *at;
	struct presence *presence;
	int status = 0;

	while (!status && (at = table_next(&observer->hosts, &cursor))) {
		if (at->starting)
			status = begin_watch(observer, at, at->hour);
		if (!status)
			status = hours_add(&at->host->watched, at->since, at->hour);
	}
	cursor = 0;
	while (!status && (presence = table_next(&observer->presences, &cursor))) {
		if (presence->living)
			status = add_presence(presence, presence->at->hour);
	}
	return status;
}

int observer_finish(struct observer *observer)
{
	size_t cursor = 0;
	uint64_t source = 0;
	const struct observed_host *at;
	int status = observer_settle(observer);

	/* What it was made of says which run it is: the same recording learned twice is the same. */
	while ((at = table_next(&observer->hosts, &cursor)))
		source +=
			distinct_mix(distinct_mix(at->host->hash, at->first_ns), distinct_mix(at->last_ns, at->events));
	return status || !observer->hosts.count ? status : statistics_add_source(observer->statistics, source);
}
