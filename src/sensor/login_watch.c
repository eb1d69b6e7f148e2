/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/login_watch_priv.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sensor/authlog_source.h"
#include "sensor/sensor_priv.h"

#define SECOND_NS UINT64_C(1000000000)
/* So long a login waits for who it is. journald tells its readers a quarter of a second late, more when there is much to do. */
#define WAIT_NS (2 * SECOND_NS)
/* At the end nobody comes back for what journald has not told yet. */
#define LAST_WAIT_NS (SECOND_NS / 2)
/* One that is older than the sensor: the log has to be found and read first. */
#define WAIT_EXISTING_NS (3 * SECOND_NS)
#define LOOK_FOR_LOG_NS  SECOND_NS
/* A change of a file is told so late at most, but for large ones that are written all the time. */
#define FILES_NS (SECOND_NS * 5 / 2)
/* A line may be followed by another, which makes it doubtful: so much is left for that. */
#define DOUBT_NS (SECOND_NS / 10)
/* The latest who connected to a program that takes logins. */
#define CONNECTIONS_MAX 1024
/* Those who were let in, and whose session has not begun yet. */
#define ACCEPTED_MAX 256
struct connection {
	uint8_t family;
	uint16_t port;
	uint8_t address[16];
};

struct accepted {
	struct login_process process;
	struct authlog_entry entry;
	bool is_doubted; /* others were named, too */
};

struct change_session {
	int by;
	char *value; /* owned */
};

struct login_watch {
	char *auth_log; /* owned; NULL: what there is */
	bool is_off;
	struct change_session *change; /* owned */
	size_t change_count;
	struct authlog_source *source;
	uint64_t begin_ns, next_look_ns, next_tick_ns, now_ns;
	struct connection connection[CONNECTIONS_MAX];
	uint64_t connections; /* how many there were */
	struct accepted accepted[ACCEPTED_MAX];
	unsigned next_accepted;
	struct login_failures *failures;
};

static uint64_t boot_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

uint64_t login_watch_now(const struct sensor *sensor)
{
	return sensor->login_watch->now_ns;
}

static int copy_options(struct login_watch *watch, const struct sensor_options *options)
{
	watch->is_off = options->harness || (options->auth_log && !strcmp(options->auth_log, "none"));
	watch->failures = login_failures_new();
	watch->change = calloc(options->change_session_count + 1, sizeof(*watch->change));
	if (!watch->change || !watch->failures)
		return -1;
	if (options->auth_log && strcmp(options->auth_log, "auto") != 0) {
		watch->auth_log = strdup(options->auth_log);
		if (!watch->auth_log)
			return -1;
	}
	for (size_t i = 0; i < options->change_session_count; i++) {
		watch->change[i].by = options->change_sessions[i].by;
		watch->change[i].value = strdup(options->change_sessions[i].value);
		if (!watch->change[i].value)
			return -1;
		watch->change_count++;
	}
	return 0;
}

struct login_watch *login_watch_new(const struct sensor_options *options, struct sensor *sensor)
{
	struct login_watch *watch = calloc(1, sizeof(*watch));

	if (watch && copy_options(watch, options) < 0) {
		login_watch_free(watch);
		return NULL;
	}
	if (watch) {
		watch->begin_ns = boot_ns();
		sensor->contexts.logins.waits = !watch->is_off;
	}
	return watch;
}

void login_watch_free(struct login_watch *watch)
{
	if (!watch)
		return;
	authlog_source_close(watch->source);
	login_failures_free(watch->failures);
	for (size_t i = 0; i < watch->change_count; i++)
		free(watch->change[i].value);
	free(watch->change);
	free(watch->auth_log);
	free(watch);
}

/* ---- who it was ---- */

static bool is_process(const struct login_process *one, const struct process *other)
{
	return one->pid == other->pid && one->start_ns == other->start_ns;
}

struct process *login_watch_find(const struct sensor *sensor, uint32_t pid)
{
	struct process *process, *found = NULL;

	for (process = sensor->table.youngest; process; process = process->older) {
		if (process->namespace_pid == pid && process->pid_namespace == sensor->contexts.home.pid_namespace &&
		    (!found || process->start_ns > found->start_ns))
			found = process;
	}
	return found;
}

void login_watch_accept(struct sensor *sensor, const struct process *process, const struct sombrero_net *net)
{
	struct login_watch *watch = sensor->login_watch;
	struct connection *connection;

	if (net->protocol != IPPROTO_TCP ||
	    (!contexts_takes_logins(process->image) && !contexts_is_init(process->image)))
		return;
	connection = &watch->connection[watch->connections++ % CONNECTIONS_MAX];
	connection->family = net->family;
	connection->port = net->remote_port;
	memcpy(connection->address, net->remote, sizeof(connection->address));
}

static bool came_from_there(const struct login_watch *watch, const struct authlog_entry *entry)
{
	size_t count = watch->connections < CONNECTIONS_MAX ? (size_t)watch->connections : CONNECTIONS_MAX;

	for (size_t i = 0; i < count; i++) {
		const struct connection *connection = &watch->connection[i];

		if (connection->family == entry->family && connection->port == entry->port &&
		    !memcmp(connection->address, entry->address, sizeof(entry->address)))
			return true;
	}
	return false;
}

/* Could it have come from there, for all that the kernel has shown? */
static bool may_be_true(const struct sensor *sensor, const struct process *process, const struct authlog_entry *entry)
{
	const struct login_watch *watch = sensor->login_watch;

	return process->start_ns < watch->begin_ns || sensor->losses[SOMBRERO_LOSS_RING_FULL] || !entry->family ||
	       came_from_there(watch, entry);
}

static bool same_person(const struct authlog_entry *one, const struct authlog_entry *other)
{
	return !strcmp(one->user, other->user) && !strcmp(one->method, other->method) &&
	       !strcmp(one->key, other->key) && !strcmp(one->certificate, other->certificate) &&
	       one->port == other->port && one->family == other->family &&
	       !memcmp(one->address, other->address, sizeof(one->address));
}

/* Not the second time, and not after all was said. An account that home's passwd doesn't have may be anybody's. */
static bool is_for(const struct login *login, const struct accepted *accepted)
{
	if (login->is_settled || strcmp(login->service, "sshd") != 0)
		return false;
	if (strcmp(login->user, accepted->entry.user) != 0 && strncmp(login->user, "uid:", strlen("uid:")) != 0)
		return false;
	for (unsigned i = 0; i < login->taker_count; i++) {
		if (login->taker[i].pid == accepted->process.pid &&
		    login->taker[i].start_ns == accepted->process.start_ns)
			return true;
	}
	return false;
}

static void set_person(const struct login_watch *watch, struct login *login, const struct accepted *accepted)
{
	const struct authlog_entry *entry = &accepted->entry;

	if (!login->named_ns)
		login->named_ns = watch->now_ns;
	login->family = entry->family;
	login->remote_port = entry->port;
	memcpy(login->remote_address, entry->address, sizeof(login->remote_address));
	login_set(&login->method, accepted->is_doubted ? "" : entry->method);
	login_set(&login->key, accepted->is_doubted ? "" : entry->key);
	login_set(&login->certificate, accepted->is_doubted ? "" : entry->certificate);
}

/* A login that has not been settled yet, of those whom the log named. */
static void look_for_person(const struct login_watch *watch, struct login *login)
{
	for (size_t i = 0; i < ACCEPTED_MAX; i++) {
		const struct accepted *accepted = &watch->accepted[i];

		if (accepted->process.pid && is_for(login, accepted))
			set_person(watch, login, accepted);
	}
}

static struct accepted *accepted_by(struct login_watch *watch, const struct process *process)
{
	struct accepted *accepted;

	for (size_t i = 0; i < ACCEPTED_MAX; i++) {
		if (is_process(&watch->accepted[i].process, process))
			return &watch->accepted[i];
	}
	accepted = &watch->accepted[watch->next_accepted++ % ACCEPTED_MAX];
	*accepted = (struct accepted) { .process = { process->pid, process->start_ns } };
	return accepted;
}

/* An sshd lets one in, once. Where two lines of one sshd differ, and both could be true, neither is believed. */
static void on_accepted(struct sensor *sensor, const struct authlog_entry *entry, const struct authlog_origin *origin)
{
	struct process *process = login_watch_find(sensor, entry->pid);
	struct accepted *accepted;

	if (!process || !contexts_takes_logins(process->image) || process->credentials.euid ||
	    !may_be_true(sensor, process, entry))
		return;
	if (origin->time_ns && origin->time_ns + SECOND_NS < process->start_ns + sensor->clock_offset_ns)
		return; /* of who had the pid before */
	accepted = accepted_by(sensor->login_watch, process);
	if (accepted->entry.kind && !same_person(&accepted->entry, entry))
		accepted->is_doubted = true;
	accepted->entry = *entry;
}

/* ---- changes ---- */

static bool is_change(const struct login_watch *watch, const struct login *login)
{
	for (size_t i = 0; i < watch->change_count; i++) {
		const struct change_session *change = &watch->change[i];

		if (change->by == CHANGE_BY_KEY && login->key[0] && !strcmp(change->value, login->key))
			return true;
		if (change->by == CHANGE_BY_CERTIFICATE && login->certificate[0] &&
		    contexts_fits(login->certificate, change->value))
			return true;
		if (change->by == CHANGE_BY_USER && !strcmp(change->value, login->user))
			return true;
	}
	return false;
}

/* The dead go along: what they did may not have been told yet. */
static void move_to_change(struct sensor *sensor, const struct login *login, struct context_node *node,
			   uint64_t time_ns)
{
	for (struct process *process = sensor->table.oldest; process; process = process->younger) {
		struct context_node *before = process->context;
		struct event event;

		if (process->login != login || !before || before->context.kind != CONTEXT_SESSION)
			continue;
		before->references++;
		process_set_context(process, node, process->is_context_root);
		sensor_describe(sensor, process, EVENT_CONTEXT, time_ns, &event);
		event.context_before = before->context;
		if (!process->dead)
			sensor_emit(sensor, process, &event);
		context_release(before);
	}
}

/* A session that is a change by who it is: all of it, from its beginning. Never one in a container, where anyone is root. */
static void look_for_change(struct sensor *sensor, const struct login *login, uint64_t time_ns)
{
	char name[AUTHLOG_NAME_MAX + 16], change[AUTHLOG_NAME_MAX + 32];
	const struct context context = { .kind = CONTEXT_CHANGE, .name = name, .container = "" };
	struct context_node *node;

	if (strchr(login->key_of_session, '/') || login->has_no_person || !is_change(sensor->login_watch, login))
		return;
	(void)snprintf(name, sizeof(name), "session:%s", login->user);
	(void)snprintf(change, sizeof(change), "%s-%.8s", name, login->id);
	node = context_new(&context, "", login->key_of_session, change);
	if (node)
		move_to_change(sensor, login, node, time_ns);
	else
		sensor->losses[LOSS_MEMORY]++;
	context_release(node);
}

/* ---- logins ---- */

/* Its first, or another: what it is told of by. */
static struct process *process_of(const struct sensor *sensor, const struct login *login)
{
	struct process *process = login->held;

	if (process)
		return process;
	for (process = sensor->table.youngest; process; process = process->older) {
		if (process->login == login)
			return process;
	}
	return NULL;
}

/* The dead are forgotten, but not before all is told of their session. */
static void hold_process(const struct sensor *sensor, struct login *login)
{
	if (login->held || login->is_end_told)
		return;
	login->held = process_find(&sensor->table, login->first.pid, login->first.start_ns);
	if (login->held)
		process_hold(login->held);
}

static void drop_process(struct sensor *sensor, struct login *login)
{
	login->is_end_told = true;
	process_drop(&sensor->table, login->held);
	login->held = NULL;
}

static void find_terminal(const struct sensor *sensor, struct login *login)
{
	const struct process *process = sensor->table.oldest;

	for (; process && !login->tty_major; process = process->younger) {
		if (process->login == login && process->tty_major) {
			login->tty_major = process->tty_major;
			login->tty_minor = process->tty_minor;
		}
	}
}

static void describe_login(struct sensor *sensor, const struct login *login, struct process *process,
			   enum event_kind kind, uint64_t time_ns, struct event *event)
{
	sensor_describe(sensor, process, kind, time_ns, event);
	if (process->login != login) {
		event->context = (struct context) { .kind = CONTEXT_SESSION, .name = login->user, .container = "" };
		event->change = "";
	}
	event->flags &= ~(uint32_t)EVENT_FLAG_ORPHAN;
	event->login = login->id;
	event->person = login_person(login);
	event->login_user = login->user;
	event->login_service = login->service;
	event->login_method = login->method;
	event->key = login->key;
	event->certificate = login->certificate;
	event->family = login->family;
	event->remote_port = login->remote_port;
	memcpy(event->remote_address, login->remote_address, sizeof(event->remote_address));
	if (login->tty_major)
		event->tty = sensor_tty(sensor, login->tty_major, login->tty_minor);
}

/* Nobody is there to tell it of only where the table had no room. */
static void tell_login(struct sensor *sensor, struct login *login)
{
	struct process *process = process_of(sensor, login);
	struct event event;

	login->is_told = true;
	find_terminal(sensor, login);
	if (!process)
		return;
	describe_login(sensor, login, process, EVENT_LOGIN, login->begin_ns, &event);
	if (login->is_existing)
		event.flags |= EVENT_FLAG_EXISTING;
	sensor_emit(sensor, process, &event);
}

static void tell_logout(struct sensor *sensor, struct login *login)
{
	struct process *process = process_of(sensor, login);
	struct event event;

	if (!process)
		return;
	describe_login(sensor, login, process, EVENT_LOGOUT, login->end_ns, &event);
	event.processes = login->processes;
	event.files = login->files;
	sensor_emit(sensor, process, &event);
}

static bool is_waited_for(struct login *login, uint64_t now)
{
	if (!login->wait_until_ns)
		login->wait_until_ns = now + (login->is_existing ? WAIT_EXISTING_NS : WAIT_NS);
	return now < (login->named_ns ? login->named_ns + DOUBT_NS : login->wait_until_ns);
}

static void settle_login(struct sensor *sensor, struct login *login, uint64_t now, bool at_end)
{
	look_for_person(sensor->login_watch, login);
	if (!at_end && is_waited_for(login, now))
		return;
	login->is_settled = true;
	look_for_change(sensor, login, now);
}

void login_watch_exit(struct login *login, uint64_t time_ns)
{
	if (login && login->had_roots && !login->roots && !login->end_ns)
		login->end_ns = time_ns;
}

/* Those who were there before the sensor, and whose login had ended by then, have no beginning that could be told. */
static void watch_begin(struct sensor *sensor, struct login *login, uint64_t now, bool at_end)
{
	hold_process(sensor, login);
	if (!login->is_settled)
		settle_login(sensor, login, now, at_end);
	else if (!login->is_told)
		look_for_change(sensor, login, now);
	if (!login->is_settled)
		return;
	if (!login->is_told && login->had_roots)
		tell_login(sensor, login);
	login->is_told = true;
}

/* … nor an end. What a session did to files is told before, and a moment after it was done. */
static void watch_end(struct sensor *sensor, struct login *login, uint64_t now, bool at_end)
{
	uint64_t wait_ns = sensor->files && !at_end ? FILES_NS : 0;

	if (!login->is_settled)
		return;
	login_watch_exit(login, now);
	if (login->is_end_told)
		return;
	if (!login->had_roots) {
		drop_process(sensor, login);
	} else if (login->end_ns && now >= login->end_ns + wait_ns) {
		tell_logout(sensor, login);
		drop_process(sensor, login);
	}
}

/* ---- the log ---- */

static void on_entry(void *owner, const struct authlog_entry *entry, const struct authlog_origin *origin)
{
	struct sensor *sensor = owner;
	struct login_watch *watch = sensor->login_watch;

	if (entry->kind == AUTHLOG_ACCEPTED) {
		on_accepted(sensor, entry, origin);
		login_failures_forget(watch->failures, sensor, entry);
	} else if (!origin->is_old) {
		login_failures_take(watch->failures, sensor, entry);
	}
}

/* Where the scope is a part of a host, its log counts only once something there takes logins. */
static bool is_log_wanted(const struct sensor *sensor)
{
	return !sensor->scope_count || sensor->contexts.logins.takers_seen;
}

static void look_for_log(struct sensor *sensor, uint64_t now)
{
	struct login_watch *watch = sensor->login_watch;
	char root[32];

	if (now < watch->next_look_ns || !is_log_wanted(sensor))
		return;
	watch->next_look_ns = now + LOOK_FOR_LOG_NS;
	(void)authlog_source_open(watch->auth_log, contexts_home_root(&sensor->contexts, root), &watch->source);
}

/* Of whom the log will say who they are. */
static bool is_any_unnamed(const struct sensor *sensor)
{
	const struct logins *logins = &sensor->contexts.logins;

	for (size_t i = 0; sensor->login_watch->source && i < logins->count; i++) {
		if (!logins->all[i]->is_settled && !logins->all[i]->named_ns &&
		    !strcmp(logins->all[i]->service, "sshd"))
			return true;
	}
	return false;
}

void login_watch_settle(struct sensor *sensor)
{
	static const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	struct logins *logins = &sensor->contexts.logins;
	uint64_t end = boot_ns() + LAST_WAIT_NS;

	login_watch_poll(sensor, false);
	while (is_any_unnamed(sensor) && boot_ns() < end) {
		(void)nanosleep(&pause, NULL);
		login_watch_poll(sensor, false);
	}
	for (size_t i = 0; i < logins->count; i++)
		watch_begin(sensor, logins->all[i], sensor->login_watch->now_ns, true);
}

void login_watch_poll(struct sensor *sensor, bool at_end)
{
	struct login_watch *watch = sensor->login_watch;
	struct logins *logins = &sensor->contexts.logins;
	uint64_t now = boot_ns();

	watch->now_ns = now;
	if (!watch->is_off && !watch->source)
		look_for_log(sensor, now);
	if (watch->source)
		sensor->losses[LOSS_LOG] += authlog_source_read(watch->source, on_entry, sensor);
	for (size_t i = 0; i < logins->count; i++) {
		watch_begin(sensor, logins->all[i], now, at_end);
		watch_end(sensor, logins->all[i], now, at_end);
	}
	if (!at_end && now < watch->next_tick_ns)
		return;
	watch->next_tick_ns = now + SECOND_NS;
	login_failures_tell(watch->failures, sensor, now, at_end);
	logins_sweep(logins);
}
