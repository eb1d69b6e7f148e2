/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/context_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "sensor/cgroup.h"
#include "sensor/proc_priv.h"
#include "sensor/unit.h"

/* So many services, units and containers are remembered before those without processes are let go. */
#define SHARED_SWEEP 256

/*
 * Some names give rights: their children are jobs, sessions, or in containers of their own. Whoever wants such a right could
 * call a program so, or a script, or make a link: it is the executable's own name that counts, and root has to have
 * started it.
 */
static const char *const schedulers[] = { "cron", "crond", "anacron", "atd", "fcron" };
static const char *const known_services[] = { "cron", "crond", "anacron", "atd", "fcron", "sshd" };
/* What hands a login over to a person's shell. */
static const char *const login_programs[] = { "sshd", "sshd-session", "dropbear", "login" };
/* What makes a person's audit session, besides. */
static const char *const session_programs[] = {
	"cockpit-session", "gdm-session-worker", "greetd", "kdm", "lightdm",     "lxdm-session",
	"proftpd",         "sddm-helper",        "slim",   "xdm", "xrdp-sesman", "xrdp-sesexec",
	"systemd",         "systemd-executor",   "vsftpd",
};
/* What takes logins and is the init's own child. */
static const char *const login_roots[] = { "systemd", "login" };
/* The first program of a host or of a container that is one: not a service, but what starts them. */
static const char *const inits[] = { "systemd",   "init",  "openrc-init", "runit",  "runit-init",
				     "s6-svscan", "dinit", "finit",       "upstart" };
static const char *const known_changes[] = { "apt-daily-upgrade.service", "chef-client.service", "puppet.service",
					     "puppet-agent.service", "salt-minion.service" };
static const char *const container_runtimes[] = {
	"containerd-shim", "containerd-shim-runc-v2", "runc",      "crun",       "conmon",
	"dockerd",         "systemd-nspawn",          "lxc-start", "lxc-execute"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(name, list[i]))
			return true;
	}
	return false;
}

static char **copy_list(const char *const *list, size_t count)
{
	char **copy = calloc(count + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < count; i++)
		copy[i] = strdup(list[i]);
	return copy;
}

static void free_list(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

static uint32_t own_namespace(const char *path)
{
	struct stat status;

	return stat(path, &status) ? 0 : (uint32_t)status.st_ino;
}

int contexts_init(struct contexts *contexts, const struct sensor_options *options, struct users *users)
{
	*contexts = (struct contexts) {
		.users = users,
		.harness = options->harness,
		.services = copy_list(options->services, options->service_count),
		.service_count = options->service_count,
		.jobs = copy_list(options->jobs, options->job_count),
		.job_count = options->job_count,
		.changes = copy_list(options->changes, options->change_count),
		.change_count = options->change_count,
		.counts_change = options->counts_change,
		.counts_owner = options->counts_owner,
		.mount_namespace = own_namespace("/proc/self/ns/mnt"),
		.proc_namespace = proc_namespace(),
		.home_is_open = options->cgroup_count && !options->harness,
	};
	logins_init(&contexts->logins);
	contexts->home = (struct home) {
		.pid_namespace = own_namespace("/proc/self/ns/pid"),
		.mount_namespace = contexts->mount_namespace,
		.user_namespace = own_namespace("/proc/self/ns/user"),
	};
	return contexts->services && contexts->jobs && contexts->changes ? 0 : -ENOMEM;
}

void contexts_free(struct contexts *contexts)
{
	for (size_t i = 0; i < contexts->shared_count; i++)
		context_release(contexts->shared[i]);
	free(contexts->shared);
	free_list(contexts->services, contexts->service_count);
	free_list(contexts->jobs, contexts->job_count);
	free_list(contexts->changes, contexts->change_count);
	logins_free(&contexts->logins);
	*contexts = (struct contexts) { 0 };
}

void contexts_set_home(struct contexts *contexts, const struct home *home)
{
	if (!contexts->home_is_open || !home->pid_namespace)
		return;
	contexts->home_is_open = false;
	if (home->pid_namespace != contexts->home.pid_namespace)
		contexts->home = *home;
}

const char *contexts_home_root(const struct contexts *contexts, char out[32])
{
	const struct home *home = &contexts->home;

	out[0] = '\0';
	if (home->mount_namespace != contexts->mount_namespace)
		(void)snprintf(out, 32, "/proc/%u/root", home->number);
	return out;
}

const char *contexts_login_user(const struct contexts *contexts, uint32_t uid)
{
	char root[32];

	return users_name(contexts->users, contexts->home.mount_namespace, contexts_home_root(contexts, root), uid);
}

const char *contexts_home_group(const struct contexts *contexts, uint32_t gid)
{
	char root[32];

	return users_group(contexts->users, contexts->home.mount_namespace, contexts_home_root(contexts, root), gid);
}

uint32_t contexts_number(const struct contexts *contexts, const struct process *process)
{
	return proc_number(contexts->proc_namespace, process->pid, process->pid_namespace, process->namespace_pid);
}

const char *contexts_root(const struct contexts *contexts, const struct process *process, char out[32])
{
	out[0] = '\0';
	if (process->mount_namespace && process->mount_namespace != contexts->mount_namespace)
		(void)snprintf(out, 32, "/proc/%u/root", contexts_number(contexts, process));
	return out;
}

uint32_t contexts_accounts(const struct contexts *contexts, const struct process *process, char root[32])
{
	(void)contexts_root(contexts, process, root);
	if (!root[0] || process->pid_namespace != contexts->home.pid_namespace || !access(root, F_OK))
		return process->mount_namespace;
	(void)contexts_home_root(contexts, root);
	return contexts->home.mount_namespace;
}

/* Lets go of what no process is in any more. */
static void sweep(struct contexts *contexts)
{
	size_t kept = 0;

	for (size_t i = 0; i < contexts->shared_count; i++) {
		if (contexts->shared[i]->references > 1)
			contexts->shared[kept++] = contexts->shared[i];
		else
			context_release(contexts->shared[i]);
	}
	contexts->shared_count = kept;
}

static bool keep_shared(struct contexts *contexts, struct context_node *node)
{
	if (contexts->shared_count >= SHARED_SWEEP && contexts->shared_count == contexts->shared_capacity)
		sweep(contexts);
	if (contexts->shared_count == contexts->shared_capacity) {
		size_t capacity = contexts->shared_capacity ? contexts->shared_capacity * 2 : 16;
		struct context_node **shared = realloc(contexts->shared, capacity * sizeof(*shared));

		if (!shared)
			return false;
		contexts->shared = shared;
		contexts->shared_capacity = capacity;
	}
	contexts->shared[contexts->shared_count++] = node;
	return true;
}

static bool same_context(const struct context *one, const struct context *other)
{
	return one->kind == other->kind && !strcmp(one->name, other->name) && !strcmp(one->container, other->container);
}

/* What a shared node is known by. */
struct identity {
	struct context context;
	const char *unit, *login, *change; /* "" for none */
	bool scheduler;
};

/* A login is one wherever its processes are; anything else is one a unit. */
static bool is_it(const struct context_node *node, const struct identity *identity)
{
	return same_context(&node->context, &identity->context) && node->scheduler == identity->scheduler &&
	       !strcmp(node->login, identity->login) && !strcmp(node->change, identity->change) &&
	       (identity->login[0] || !strcmp(node->unit, identity->unit));
}

/* The one node of that identity; made when missing. A reference for the caller, or NULL. */
static struct context_node *shared_node(struct contexts *contexts, const struct identity *identity)
{
	struct context_node *node;

	for (size_t i = 0; i < contexts->shared_count; i++) {
		node = contexts->shared[i];
		if (is_it(node, identity)) {
			node->references++;
			return node;
		}
	}
	node = context_new(&identity->context, identity->unit, identity->login, identity->change);
	if (!node)
		return NULL;
	node->scheduler = identity->scheduler;
	if (keep_shared(contexts, node))
		node->references++;
	return node;
}

/* What a choice is made from. */
struct situation {
	struct contexts *contexts;
	struct process *process;
	const struct origin *origin;
	const struct context_node *current; /* inherited; NULL where unknown */
	struct cgroup_facts facts;
	const char *container;
	char namespace_name[32];
};

static enum context_kind current_kind(const struct situation *situation)
{
	return situation->current ? situation->current->context.kind : CONTEXT_UNKNOWN;
}

/* In nobody's charge: what runs there may yet turn out to be a service. */
static bool is_loose(enum context_kind kind)
{
	return kind == CONTEXT_UNKNOWN || kind == CONTEXT_BOOT || kind == CONTEXT_HARNESS;
}

static const char *own_name(const struct situation *situation)
{
	return program_name(&situation->process->image->program);
}

static const char *caller_name(const struct situation *situation)
{
	return situation->origin->caller ? program_name(&situation->origin->caller->program) : "";
}

/* Is the executable itself one of these, whatever it was called? */
static bool runs(const struct image *image, const char *const *list, size_t count)
{
	const uint32_t nowhere = EVENT_FLAG_MEMFD | EVENT_FLAG_PATH_OUTSIDE | EVENT_FLAG_PATH_TRUNCATED;

	return image && !(image->flags & nowhere) && is_one_of(program_executable(&image->program), list, count);
}

static bool takes_logins(const struct image *image)
{
	return runs(image, login_programs, COUNT(login_programs));
}

static bool is_init(const struct image *image)
{
	return runs(image, inits, COUNT(inits));
}

bool contexts_is_init(const struct image *image)
{
	return is_init(image);
}

bool contexts_takes_logins(const struct image *image)
{
	return takes_logins(image);
}

static bool is_scheduler(const struct image *image)
{
	return runs(image, schedulers, COUNT(schedulers));
}

static bool is_by_root(const struct situation *situation)
{
	return !situation->origin->euid;
}

/* … and goes on as root. */
static bool is_roots(const struct situation *situation)
{
	return is_by_root(situation) && !situation->process->credentials.euid;
}

static struct identity identity_of(const struct situation *situation, enum context_kind kind, const char *name)
{
	return (struct identity) {
		.context = { .kind = kind, .name = name, .container = situation->container },
		.unit = situation->facts.unit,
		.login = "",
		.change = "",
	};
}

/* The change that what was inherited belongs to. */
static const char *current_change(const struct situation *situation)
{
	return situation->current ? situation->current->change : "";
}

/* A context of which there is one on this host, in the situation's container and unit. */
static struct context_node *shared(const struct situation *situation, enum context_kind kind, const char *name)
{
	struct identity identity = identity_of(situation, kind, name);

	identity.scheduler = kind == CONTEXT_SERVICE && is_roots(situation) && is_scheduler(situation->process->image);
	if (kind == CONTEXT_SERVICE)
		identity.change = current_change(situation);
	return shared_node(situation->contexts, &identity);
}

/* A unit's service. What runs there first need not be its main program. */
static struct context_node *shared_of_unit(const struct situation *situation, const char *name)
{
	struct identity identity = identity_of(situation, CONTEXT_SERVICE, name);

	identity.scheduler = is_one_of(name, schedulers, COUNT(schedulers));
	return shared_node(situation->contexts, &identity);
}

/* A context that begins with this process: one run of a job, or what was inherited, in a container. */
/* Which run it is; what a run puts into another root of its own is that same run. */
static struct context_node *with_run(const struct situation *situation, struct context_node *node)
{
	const struct context_node *current = situation->current;

	if (!node || (node->context.kind != CONTEXT_JOB && node->context.kind != CONTEXT_CHANGE))
		return node;
	node->run = situation->process->start_ns;
	if (current && current->context.kind == node->context.kind && current->run &&
	    strcmp(current->context.name, node->context.name) == 0)
		node->run = current->run;
	return node;
}

static struct context_node *fresh(const struct situation *situation, enum context_kind kind, const char *name)
{
	const struct context context = { .kind = kind, .name = name, .container = situation->container };
	const char *login = kind == CONTEXT_SESSION || kind == CONTEXT_CHANGE ? situation->current->login : "";
	struct context_node *node = context_new(&context, situation->facts.unit, login,
						kind == CONTEXT_CHANGE ? current_change(situation) : "");

	return with_run(situation, node);
}

/* One run of a unit that makes changes. */
static struct context_node *fresh_change(const struct situation *situation, const char *name)
{
	const struct context context = { .kind = CONTEXT_CHANGE, .name = name, .container = situation->container };
	const struct process *process = situation->process;
	char change[CGROUP_NAME_MAX + 16];

	(void)snprintf(change, sizeof(change), "%s-%08" PRIx32, name,
		       (uint32_t)hash_mix(hash_u64(process->start_ns), process->pid));
	return with_run(situation, context_new(&context, situation->facts.unit, "", change));
}

/* What took a login, as people call it. */
static const char *service_of_login(const struct situation *situation)
{
	const struct image *caller = situation->origin->caller, *image = situation->process->image;
	const struct image *taker = takes_logins(image) || !caller ? image : caller;
	const char *name = program_executable(&taker->program);

	if (!strcmp(name, "sshd-session"))
		return "sshd";
	return strcmp(name, "systemd") != 0 && strcmp(name, "systemd-executor") != 0 ? name : "systemd-user";
}

static void note_taker(struct login *login, const struct process *process)
{
	if (login->taker_count < LOGIN_TAKERS_MAX)
		login->taker[login->taker_count++] = (struct login_process) { process->pid, process->start_ns };
}

/* Its events are the acts of the program that took it, which is there from its beginning to its end. */
static void begin_login(struct logins *logins, struct login *login, const struct process *process)
{
	login->first = (struct login_process) { process->pid, process->start_ns };
	if (takes_logins(process->image))
		note_taker(login, process);
	for (const struct process *taker = process->parent; taker && takes_logins(taker->image); taker = taker->parent)
		note_taker(login, taker);
	if (login->taker_count)
		login->first = login->taker[0];
	login->is_existing = !logins->now_ns;
	login->begin_ns = logins->now_ns ? logins->now_ns : process->start_ns;
	login->is_settled = !logins->waits || strcmp(login->service, "sshd") != 0;
}

/* Who is put into `node` belongs to the login of that key from then on. */
static void tie_to_login(const struct situation *situation, struct context_node *node, const char *key,
			 const char *service)
{
	struct contexts *contexts = situation->contexts;
	char whole[CGROUP_NAME_MAX + 128];

	if (node->begins && !node->begins->is_end_told)
		return;
	login_release(node->begins);
	(void)snprintf(whole, sizeof(whole), "%s%s%s", situation->container, situation->container[0] ? "/" : "", key);
	node->begins = logins_get(&contexts->logins, contexts->home.pid_namespace, whole, node->context.name, service);
	if (node->begins && !node->begins->begin_ns)
		begin_login(&contexts->logins, node->begins, situation->process);
}

/* One login, however many processes it begins with (ssh can multiplex). */
static struct context_node *login(const struct situation *situation, const char *key, const char *service)
{
	const struct process *process = situation->process;
	uint32_t uid = process->login_uid != EVENT_NO_ID ? process->login_uid : process->credentials.uid;
	struct identity identity = identity_of(situation, CONTEXT_SESSION, "");
	struct context_node *node;
	char root[32];

	identity.login = key;
	if (situation->facts.container[0])
		identity.context.name = users_name(situation->contexts->users, process->mount_namespace,
						   contexts_root(situation->contexts, process, root), uid);
	else
		identity.context.name = contexts_login_user(situation->contexts, uid);
	node = shared_node(situation->contexts, &identity);
	if (node)
		tie_to_login(situation, node, key, service);
	return node;
}

/* A person's session, also one that is a change: what its login began with. */
static bool is_in_session(const struct situation *situation)
{
	enum context_kind kind = current_kind(situation);

	return kind == CONTEXT_SESSION || (kind == CONTEXT_CHANGE && situation->current->login[0]);
}

/* What the command starts is the harness, whatever the command itself was started from. */
static struct context_node *choose_harness(const struct situation *situation)
{
	if (!situation->contexts->harness || situation->origin->in_scope)
		return NULL;
	return shared(situation, CONTEXT_HARNESS, "");
}

/* /etc/init.d/nginx, /etc/rc2.d/S01nginx: it has a service's name, and starts it. */
static bool is_start_script(const struct image *image)
{
	const char *script = image->program.script;

	if (image->program.script_kind != SCRIPT_TRUSTED)
		return false;
	return !strncmp(script, "/etc/init.d/", strlen("/etc/init.d/")) ||
	       !strncmp(script, "/etc/rc", strlen("/etc/rc"));
}

/* Between the script and its daemon are few processes. */
static bool is_below_start_script(const struct process *process)
{
	for (unsigned depth = 0; process && process->image && depth < 4; depth++, process = process->parent) {
		if (is_start_script(process->image))
			return true;
	}
	return false;
}

/* What start-stop-daemon becomes for such a script. */
static bool is_start_scripts_daemon(const struct situation *situation)
{
	static const char *const starter[] = { "start-stop-daemon" };

	return current_kind(situation) != CONTEXT_SERVICE && is_by_root(situation) &&
	       runs(situation->origin->caller, starter, COUNT(starter)) && !situation->process->image->is_wrapper &&
	       is_below_start_script(situation->process->parent);
}

/*
 * A daemon that a declared change has started is a service, in the change's cgroup: what it starts is not the change's, nor are
 * those whom a start script starts there.
 */
static struct context_node *choose_change(const struct situation *situation)
{
	const char *change = situation->facts.change;
	const struct contexts *contexts = situation->contexts;
	struct identity identity = identity_of(situation, CONTEXT_CHANGE, change);

	if (change[0] && contexts->counts_change && !contexts->counts_change(contexts->counts_owner, change))
		return NULL;
	if (!change[0] || is_start_scripts_daemon(situation) ||
	    (current_kind(situation) == CONTEXT_SERVICE && !strcmp(current_change(situation), change)))
		return NULL;
	identity.change = change;
	return shared_node(situation->contexts, &identity);
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size >= end_size && !strcmp(text + size - end_size, end);
}

static bool makes_sessions(const struct image *image)
{
	return takes_logins(image) || runs(image, session_programs, COUNT(session_programs));
}

/*
 * Anyone can get a new audit session by writing /proc/self/loginuid, as long as nobody has set it: in every service. It
 * is a login where root did so in a program that takes logins, or where nobody is in charge.
 */
static bool is_login_by_audit(const struct situation *situation)
{
	const struct process *process = situation->process;
	enum context_kind kind = current_kind(situation);

	if (process->session_id == EVENT_NO_ID || process->session_id == situation->origin->session_id)
		return false;
	if (situation->facts.session)
		return true;
	if (!is_by_root(situation))
		return false;
	if (is_loose(kind))
		return !ends_with(situation->facts.unit, ".service") || takes_logins(situation->origin->caller) ||
		       takes_logins(process->image);
	return kind != CONTEXT_CHANGE && makes_sessions(situation->origin->caller);
}

/* sshd hands its work to a child with the person's rights, whose parent is root's. */
static bool is_by_roots_login_program(const struct situation *situation)
{
	const struct process *parent = situation->process->parent;

	if (is_by_root(situation))
		return true;
	if (situation->process->image->flags & EVENT_FLAG_CHROOT)
		return false; /* where sshd puts who has not logged in yet */
	for (; parent && takes_logins(parent->image); parent = parent->parent) {
		if (!parent->credentials.euid)
			return true;
	}
	return false;
}

/*
 * Where neither an audit session nor systemd says so: what sshd or login starts under the name of a shell ("-bash", or "bash"
 * before "-c"). Their helpers (AuthorizedKeysCommand, a new sshd for each connection) are called by their path.
 */
static bool is_login_shell(const struct situation *situation)
{
	const struct process *process = situation->process;

	return process->session_id == EVENT_NO_ID && !is_in_session(situation) &&
	       takes_logins(situation->origin->caller) && is_by_roots_login_program(situation) &&
	       process->image->argv_size && process->image->argv[0] != '/';
}

/* At a console that asks nobody for a name: what the init itself has root type to. */
static bool is_console_shell(const struct situation *situation)
{
	const struct process *process = situation->process;

	return current_kind(situation) == CONTEXT_BOOT && !situation->contexts->harness && process->tty_major &&
	       process->namespace_pid != 1 && is_by_root(situation) && program_is_typed_shell(&process->image->program);
}

/*
 * A login: the audit session is another than the parent's, systemd says so by the scope, or a shell was started by what
 * takes logins. cron sets a login uid and an audit session too, so what a scheduler starts is none.
 */
static struct context_node *choose_session(const struct situation *situation)
{
	const struct process *process = situation->process;
	uint32_t session_id = process->session_id;
	char key[64];

	if (current_kind(situation) == CONTEXT_JOB || (situation->current && situation->current->scheduler))
		return NULL;
	if (is_login_by_audit(situation)) {
		(void)snprintf(key, sizeof(key), "audit:%u", session_id);
		return login(situation, key, service_of_login(situation));
	}
	if (situation->facts.session && !is_in_session(situation))
		return login(situation, situation->facts.unit, service_of_login(situation));
	if (is_login_shell(situation) && process->parent) {
		(void)snprintf(key, sizeof(key), "by:%u:%llu", process->parent->pid,
			       (unsigned long long)process->parent->start_ns);
		return login(situation, key, service_of_login(situation));
	}
	if (is_console_shell(situation)) {
		(void)snprintf(key, sizeof(key), "at:%u:%llu", process->pid, (unsigned long long)process->start_ns);
		return login(situation, key, "console");
	}
	return NULL;
}

/* "getty@tty1.service" → "getty" */
static void unit_base(const char *unit, char out[CGROUP_NAME_MAX])
{
	(void)snprintf(out, CGROUP_NAME_MAX, "%s", unit);
	if (ends_with(out, ".service"))
		out[strlen(out) - strlen(".service")] = '\0';
	if (strchr(out, '@') && out[0] != '@')
		*strchr(out, '@') = '\0';
}

bool contexts_changes(const struct contexts *contexts, const char *unit)
{
	return is_one_of(unit, known_changes, COUNT(known_changes)) ||
	       is_one_of(unit, (const char *const *)contexts->changes, contexts->change_count);
}

/* A change of this host: in a container anyone may call a unit so. */
static bool is_change_unit(const struct situation *situation)
{
	return !situation->facts.container[0] && contexts_changes(situation->contexts, situation->facts.unit);
}

/*
 * Unit files are read at home, which is there longer than a process that may be gone already, and has them for services
 * with a root of their own (RootDirectory=), too. Only a container has others.
 */
static const char *unit_root(const struct situation *situation, char out[32])
{
	if (situation->facts.container[0])
		return contexts_root(situation->contexts, situation->process, out);
	return contexts_home_root(situation->contexts, out);
}

/* A systemd unit: its first process settles what it is; the others inherit. */
static struct context_node *choose_unit(const struct situation *situation)
{
	const char *unit = situation->facts.unit;
	const struct context_node *current = situation->current;
	char base[CGROUP_NAME_MAX], root[32];
	struct unit_facts facts;
	const char *name;

	if (!unit[0] || situation->facts.session)
		return NULL;
	if (current && !strcmp(current->unit, unit) && !strcmp(current->context.container, situation->container))
		return NULL;
	if (!strcmp(unit, "init.scope"))
		return shared(situation, CONTEXT_BOOT, "");
	if (!ends_with(unit, ".service"))
		return NULL;
	unit_base(unit, base);
	if (is_change_unit(situation))
		return fresh_change(situation, base);
	unit_read(unit_root(situation, root), unit, &facts);
	name = facts.main_program;
	if (!name[0])
		name = facts.found || situation->process->image->is_wrapper ? base : own_name(situation);
	if (facts.job || !facts.found)
		return fresh(situation, CONTEXT_JOB, name);
	return shared_of_unit(situation, name);
}

/* It need not be the caller itself: runc goes on as a copy in memory. */
#define RUNTIME_DEPTH 3

static bool is_below_runtime(const struct situation *situation)
{
	const struct process *parent = situation->process->parent;

	if (!is_by_root(situation))
		return false;
	if (runs(situation->origin->caller, container_runtimes, COUNT(container_runtimes)))
		return true;
	for (unsigned depth = 0; parent && depth < RUNTIME_DEPTH; depth++, parent = parent->parent) {
		if (!parent->credentials.euid && runs(parent->image, container_runtimes, COUNT(container_runtimes)))
			return true;
	}
	return false;
}

/* By the cgroup, which only root could choose, or else by who started it. */
static bool is_by_runtime(const struct situation *situation)
{
	return (situation->facts.container[0] && !situation->facts.delegated) || is_below_runtime(situation);
}

/*
 * Whoever puts a part of itself into a namespace stays what it is, and so does a person who goes into a container. What a
 * runtime makes or enters is another's.
 */
static bool stays_itself(const struct situation *situation)
{
	enum context_kind kind = current_kind(situation);
	bool is_person = kind == CONTEXT_SESSION || kind == CONTEXT_CHANGE;

	if (is_loose(kind))
		return false;
	return !is_by_runtime(situation) || (is_person && situation->process->namespace_pid != 1);
}

/* The first process of a container, which has not settled what it is, or becomes another program than it is named by. */
static bool is_main_of_container(const struct situation *situation, bool crosses)
{
	const struct context_node *current = situation->current;

	return situation->process->namespace_pid == 1 &&
	       (crosses || is_loose(current_kind(situation)) ||
		(current->context.kind == CONTEXT_SERVICE && !strcmp(current->context.name, caller_name(situation))));
}

static struct context_node *main_of_container(const struct situation *situation)
{
	if (situation->process->image->is_wrapper || is_init(situation->process->image))
		return shared(situation, current_kind(situation) == CONTEXT_HARNESS ? CONTEXT_HARNESS : CONTEXT_BOOT,
			      "");
	return shared(situation, CONTEXT_SERVICE, own_name(situation));
}

/* Passes everything on to one program (tini, gosu), which is the main one. A shell may start many. */
static bool is_plain_wrapper(const struct image *image)
{
	return image && image->is_wrapper && image->program.script_kind == SCRIPT_NONE;
}

bool contexts_is_own_root(const char *container)
{
	return !strcmp(container, "chroot") || !strncmp(container, "userns:", strlen("userns:"));
}

static bool crosses_own_root(const struct situation *situation)
{
	const char *before = situation->current ? situation->current->context.container : "";

	return strcmp(before, situation->container) != 0 &&
	       (contexts_is_own_root(situation->container) ||
		(contexts_is_own_root(before) && !situation->container[0]));
}

/* Into a root of its own, which anyone can make, and out again: it stays what it is, there. */
static struct context_node *choose_own_root(const struct situation *situation)
{
	const struct context_node *current = situation->current;
	enum context_kind kind = current_kind(situation);

	if (!crosses_own_root(situation) || is_loose(kind))
		return NULL;
	if (kind == CONTEXT_JOB || kind == CONTEXT_CHANGE)
		return fresh(situation, kind, current->context.name);
	return shared_node(
		situation->contexts,
		&(struct identity) {
			.context = { .kind = kind, .name = current->context.name, .container = situation->container },
			.unit = current->unit,
			.login = current->login,
			.change = current->change,
		});
}

/* Who came in is known only inside: docker exec is done by a daemon, for somebody of whom the kernel knows nothing. */
static struct context_node *entry_into_container(const struct situation *situation)
{
	const struct process *process = situation->process;
	struct context_node *node;
	char key[64];

	(void)snprintf(key, sizeof(key), "exec:%u:%llu", process->pid, (unsigned long long)process->start_ns);
	node = login(situation, key, "container-exec");
	if (node && node->begins)
		node->begins->has_no_person = true;
	return node;
}

/*
 * Across a container's edge, and just behind it. Its main program is a service; who comes in later from outside (docker
 * exec and its like) is a session.
 */
static struct context_node *choose_container(const struct situation *situation)
{
	const struct context_node *current = situation->current;
	enum context_kind kind = current_kind(situation);
	bool crosses = !current || strcmp(current->context.container, situation->container) != 0;

	if (!situation->container[0] || contexts_is_own_root(situation->container))
		return NULL;
	if (crosses && stays_itself(situation))
		return fresh(situation, kind, current->context.name);
	if (is_main_of_container(situation, crosses))
		return main_of_container(situation);
	if (crosses && is_loose(kind) && !is_by_runtime(situation))
		return shared(situation, kind == CONTEXT_UNKNOWN ? CONTEXT_BOOT : kind, "");
	if (crosses)
		return entry_into_container(situation);
	if (is_loose(kind) && is_plain_wrapper(situation->origin->caller) && !situation->process->image->is_wrapper)
		return shared(situation, CONTEXT_SERVICE, own_name(situation));
	return NULL;
}

/* at's jobs are read by a shell from its standard input. */
static bool passes_on(const struct image *image)
{
	return image->is_wrapper || image->program.script_kind == SCRIPT_STDIN;
}

/* The scheduler's, but what it starts is no job. */
static struct context_node *mailer_of_scheduler(const struct situation *situation)
{
	return shared_node(situation->contexts, &(struct identity) {
							.context = situation->current->context,
							.unit = situation->current->unit,
							.login = "mailer",
							.change = "",
						});
}

/* Schedulers start jobs through a shell. What they start themselves is theirs: the mailer, for what a job printed. */
static struct context_node *choose_job(const struct situation *situation)
{
	if (!situation->current || !situation->current->scheduler || passes_on(situation->process->image) ||
	    (is_roots(situation) && is_scheduler(situation->process->image)))
		return NULL;
	if (is_scheduler(situation->origin->caller))
		return mailer_of_scheduler(situation);
	process_set_login(situation->process, NULL, false); /* a job is nobody's, whoever has restarted the scheduler */
	return fresh(situation, CONTEXT_JOB, own_name(situation));
}

/* A start script's daemon, as systemd would start it: a service, whoever called the script. */
static struct context_node *choose_started_service(const struct situation *situation)
{
	if (!is_start_scripts_daemon(situation))
		return NULL;
	process_set_login(situation->process, NULL, false);
	return shared(situation, CONTEXT_SERVICE, own_name(situation));
}

void contexts_explain(struct contexts *contexts, struct process *process, const char *change)
{
	const struct context_node *current = process->context;
	struct context_node *node;

	if (!change[0])
		return;
	node = shared_node(contexts, &(struct identity) {
					     .context = current->context,
					     .unit = current->unit,
					     .login = current->login,
					     .change = change,
					     .scheduler = current->scheduler,
				     });
	if (node)
		process_set_context(process, node, true);
	context_release(node);
}

bool contexts_fits(const char *name, const char *pattern)
{
	const char *star = NULL, *from = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++from;
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}

static bool is_named(const char *name, char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (contexts_fits(name, patterns[i]))
			return true;
	}
	return false;
}

static struct context_node *choose_named(const struct situation *situation)
{
	const struct contexts *contexts = situation->contexts;
	const struct image *image = situation->process->image;

	if (!is_loose(current_kind(situation)) || image->is_wrapper || is_start_script(image))
		return NULL;
	if (is_named(own_name(situation), contexts->services, contexts->service_count))
		return shared(situation, CONTEXT_SERVICE, own_name(situation));
	if (current_kind(situation) == CONTEXT_HARNESS &&
	    is_named(own_name(situation), contexts->jobs, contexts->job_count))
		return fresh(situation, CONTEXT_JOB, own_name(situation));
	if (is_roots(situation) && runs(image, known_services, COUNT(known_services)))
		return shared(situation, CONTEXT_SERVICE, program_executable(&image->program));
	return NULL;
}

static struct context_node *choose_default(const struct situation *situation)
{
	if (!situation->current)
		return shared(situation, CONTEXT_BOOT, "");
	return crosses_own_root(situation) ? shared(situation, current_kind(situation), "") : NULL;
}

/* All of a host may be in a chroot: what counts is to get into another. */
static bool is_chrooted(const struct situation *situation)
{
	const struct image *image = situation->process->image, *caller = situation->origin->caller;

	return image->flags & EVENT_FLAG_CHROOT && caller &&
	       (!(caller->flags & EVENT_FLAG_CHROOT) ||
		(situation->current && !strcmp(situation->current->context.container, "chroot")));
}

static void find_container(struct situation *situation)
{
	const struct process *process = situation->process;

	const struct home *home = &situation->contexts->home;

	situation->container = situation->namespace_name;
	if (situation->facts.container[0])
		situation->container = situation->facts.container;
	else if (process->pid_namespace && process->pid_namespace != home->pid_namespace)
		(void)snprintf(situation->namespace_name, sizeof(situation->namespace_name), "pidns:%u",
			       process->pid_namespace);
	else if (process->user_namespace && home->user_namespace && process->user_namespace != home->user_namespace)
		(void)snprintf(situation->namespace_name, sizeof(situation->namespace_name), "userns:%u",
			       process->user_namespace);
	else if (is_chrooted(situation))
		situation->container = "chroot";
}

static void look_at(struct contexts *contexts, struct process *process, const struct origin *origin,
		    struct situation *out)
{
	*out = (struct situation) {
		.contexts = contexts,
		.process = process,
		.origin = origin,
		.current = process->context,
	};
	cgroup_parse(process->image->cgroup, &out->facts);
	find_container(out);
}

/* A login that ended before the sensor came has left this behind: the session did not begin with it. */
static bool was_left_behind(const struct process *process, const struct origin *origin, const struct context_node *node)
{
	return origin->adopted && node->context.kind == CONTEXT_SESSION &&
	       !is_one_of(program_name(&process->image->program), login_roots, COUNT(login_roots));
}

/* Takes the reference. */
static void settle(struct process *process, const struct origin *origin, struct context_node *node)
{
	if (node && node != process->context) {
		bool is_root = !was_left_behind(process, origin, node);

		process_set_context(process, node, is_root);
		if (node->begins && node->begins != process->login)
			process_set_login(process, node->begins, is_root);
	}
	context_release(node);
}

void contexts_note_login(struct contexts *contexts, struct process *process, const struct origin *origin)
{
	struct situation situation;

	look_at(contexts, process, origin, &situation);
	settle(process, origin, choose_session(&situation));
}

void contexts_assign(struct contexts *contexts, struct process *process, const struct origin *origin)
{
	/* In order of how much is known: what was declared, what the system says, what the ancestry shows. */
	static struct context_node *(*const choices[])(const struct situation *situation) = {
		choose_change, choose_harness, choose_session,         choose_own_root, choose_container,
		choose_unit,   choose_job,     choose_started_service, choose_named,    choose_default,
	};
	struct situation situation;
	struct context_node *node = NULL;

	if (process->in_scope)
		contexts_set_home(contexts, &(struct home) { contexts_number(contexts, process), process->pid_namespace,
							     process->mount_namespace, process->user_namespace });
	contexts->logins.takers_seen |= process->in_scope && takes_logins(process->image);
	look_at(contexts, process, origin, &situation);
	for (size_t i = 0; i < COUNT(choices) && !node; i++)
		node = choices[i](&situation);
	settle(process, origin, node);
}

static bool is_loose_process(const struct process *process)
{
	return process->image && process->context && is_loose(process->context->context.kind);
}

/* Not what the change itself is: the program that a unit was started for, or the sshd of a session. */
static bool is_started_by_change(const struct process *process)
{
	return process->image && process->context && process->context->context.kind == CONTEXT_CHANGE &&
	       !process->is_context_root && !takes_logins(process->image) && !process->image->is_wrapper;
}

/* Up to where the same program was started, and a service of its name. */
static struct process *found_service(struct contexts *contexts, struct process *process, struct context_node **node)
{
	const struct identity identity = {
		.context = {
			.kind = CONTEXT_SERVICE,
			.name = program_name(&process->image->program),
			.container = process->context->context.container,
		},
		.unit = process->context->unit,
		.login = "",
		.change = process->context->change,
	};
	struct process *root = process;

	while (root->parent && root->parent->context == process->context && root->parent->image &&
	       !strcmp(root->parent->image->program.text, process->image->program.text))
		root = root->parent;
	if (is_init(process->image))
		return NULL;
	*node = shared_node(contexts, &identity);
	return *node ? root : NULL;
}

struct process *contexts_found_listener(struct contexts *contexts, struct process *process, struct context_node **node)
{
	return is_loose_process(process) || is_started_by_change(process) ? found_service(contexts, process, node)
									  : NULL;
}

struct process *contexts_found_daemon(struct contexts *contexts, struct process *process, struct context_node **node)
{
	const struct process *parent = process->parent;

	if (!is_loose_process(process) || process->context->context.kind != CONTEXT_HARNESS || !parent ||
	    parent->is_context_root || parent->image != process->image || process->image->is_wrapper)
		return NULL;
	return found_service(contexts, process, node);
}
