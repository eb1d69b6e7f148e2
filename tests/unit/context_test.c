/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts without a kernel: processes begin, become programs and end as the sensor would say it. What needs unit files
 * and accounts is tested by sensor_test.c, and all of it together by tests/system/day_test.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sensor/context_priv.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define HOME          1000 /* a pid and user namespace */
#define NOBODY        65534
#define DOCKER        "/system.slice/docker-3f2a9c1b77aa3f2a9c1b77aa3f2a9c1b77aa3f2a9c1b77aa3f2a9c1b77aa3f2a.scope"

struct world {
	struct process_table table;
	struct contexts contexts;
	struct users *users;
	uint32_t pids;
};

static const char *const scope[] = { "/sys/fs/cgroup/test" };

static void begin(struct world *world, bool harness)
{
	const struct sensor_options options = { .cgroups = scope, .cgroup_count = 1, .harness = harness };

	*world = (struct world) { .users = users_new(), .pids = 100 };
	process_table_init(&world->table);
	assert_non_null(world->users);
	assert_int_equal(contexts_init(&world->contexts, &options, world->users), 0);
	world->contexts.home.pid_namespace = world->contexts.home.user_namespace = HOME;
	world->contexts.home_is_open = false;
}

static void end(struct world *world)
{
	process_table_free(&world->table);
	contexts_free(&world->contexts);
	users_free(world->users);
}

static struct process *fork_of(struct world *world, struct process *parent)
{
	uint32_t pid = ++world->pids;
	struct process *process = process_add(&world->table, pid, pid, parent);

	assert_non_null(process);
	process->in_scope = true;
	if (!parent)
		process->pid_namespace = process->user_namespace = HOME;
	return process;
}

/* An exec, in words: arguments are parted by blanks, those of "sh -c" are the rest of the line. */
struct act {
	const char *exe, *arguments, *cgroup;
	const char *script; /* a #! line's */
	const char *called; /* where not by its path */
	uint32_t session;   /* 0: as it was */
	uint32_t pid_namespace, namespace_pid, user_namespace;
	uint32_t uid, tty; /* 0: as it was */
	uint32_t flags;    /* of the record */
	bool from_outside; /* the scope's first */
	bool adopted;
};

static size_t split(const char *text, char *out)
{
	size_t size = strlen(text) + 1;

	memcpy(out, text, size);
	for (size_t i = 0; i < size; i++) {
		if (!strncmp(out + i, " -c ", 4)) {
			out[i] = out[i + 3] = '\0';
			break;
		}
		if (out[i] == ' ')
			out[i] = '\0';
	}
	return size;
}

static struct process *become(struct world *world, struct process *process, struct act act)
{
	char argv[512];
	const struct image_facts facts = {
		.exe = act.exe,
		.called = act.called   ? act.called
			  : act.script ? act.script
				       : act.exe,
		.cwd = "/",
		.cgroup = act.cgroup       ? act.cgroup
			  : process->image ? process->image->cgroup
					   : "/",
		.argv = argv,
		.argv_size = split(act.arguments ? act.arguments : act.exe, argv),
		.record_flags = act.flags | (act.script ? SOMBRERO_EXE_SHEBANG : 0),
	};
	struct image *caller = process->image, *image = image_new(&facts);
	struct origin origin = {
		.caller = caller,
		.session_id = process->session_id,
		.euid = process->credentials.euid,
		.in_scope = !act.from_outside,
		.adopted = act.adopted,
	};

	assert_non_null(image);
	if (caller)
		caller->references++;
	process_set_image(process, image);
	if (act.session)
		process->session_id = act.session;
	if (act.pid_namespace)
		process->pid_namespace = act.pid_namespace;
	if (act.user_namespace)
		process->user_namespace = act.user_namespace;
	if (act.uid)
		process->credentials.uid = process->credentials.euid = act.uid;
	if (act.tty)
		process->tty_major = act.tty;
	process->namespace_pid = act.namespace_pid ? act.namespace_pid : process->pid;
	contexts_assign(&world->contexts, process, &origin);
	image_release(caller);
	return process;
}

static struct process *start(struct world *world, struct process *parent, struct act act)
{
	return become(world, fork_of(world, parent), act);
}

static struct process *boot(struct world *world)
{
	return start(world, NULL,
		     (struct act) { .exe = "/usr/lib/systemd/systemd", .cgroup = "/init.scope", .namespace_pid = 1 });
}

static void assert_context(const struct process *process, enum context_kind kind, const char *name,
			   const char *container)
{
	const struct context *context;

	assert_non_null(process->context);
	context = &process->context->context;
	if (context->kind != kind || strcmp(context->name, name) != 0 || strcmp(context->container, container) != 0)
		fail_msg("%s is in %s \"%s\" @\"%s\", not in %s \"%s\" @\"%s\"", process->image->program.text,
			 context_kind_name(context->kind), context->name, context->container, context_kind_name(kind),
			 name, container);
}

static bool is_orphan(const struct process *process)
{
	return process->context->context.kind == CONTEXT_SESSION && !process->context->roots;
}

/* ---- schedulers ---- */

static struct process *cron(struct world *world)
{
	return start(world, boot(world), (struct act) { .exe = "/usr/sbin/cron", .cgroup = "/" });
}

static void a_job_is_named_by_its_main_program_and_wrappers_stay_with_cron(void **state)
{
	struct world world;
	struct process *shell, *parts, *script;

	(void)state;
	begin(&world, false);
	shell = start(&world, fork_of(&world, cron(&world)),
		      (struct act) { .exe = "/usr/bin/dash", .arguments = "sh -c cd / && run-parts /etc/cron.daily" });
	assert_context(shell, CONTEXT_SERVICE, "cron", "");
	parts = start(&world, shell, (struct act) { .exe = "/usr/bin/run-parts" });
	assert_context(parts, CONTEXT_SERVICE, "cron", "");
	script = start(&world, parts,
		       (struct act) { .exe = "/usr/bin/dash",
				      .script = "/etc/cron.daily/man-db",
				      .arguments = "/bin/sh /etc/cron.daily/man-db" });
	assert_context(script, CONTEXT_JOB, "man-db", "");
	assert_context(start(&world, script, (struct act) { .exe = "/usr/bin/find" }), CONTEXT_JOB, "man-db", "");
	assert_context(become(&world, script, (struct act) { .exe = "/usr/bin/mandb" }), CONTEXT_JOB, "man-db", "");
	end(&world);
}

static void each_run_of_a_job_is_a_context_of_its_own(void **state)
{
	struct world world;
	struct process *daemon, *one, *other;

	(void)state;
	begin(&world, false);
	daemon = cron(&world);
	one = become(&world,
		     start(&world, daemon, (struct act) { .exe = "/usr/bin/dash", .arguments = "sh -c report" }),
		     (struct act) { .exe = "/usr/local/bin/report" });
	other = become(&world,
		       start(&world, daemon, (struct act) { .exe = "/usr/bin/dash", .arguments = "sh -c report" }),
		       (struct act) { .exe = "/usr/local/bin/report" });
	assert_context(one, CONTEXT_JOB, "report", "");
	assert_context(other, CONTEXT_JOB, "report", "");
	assert_ptr_not_equal(one->context, other->context);
	assert_int_equal(one->context->run, one->start_ns);
	assert_int_not_equal(one->context->run, other->context->run);
	assert_int_equal(daemon->context->run, 0);
	end(&world);
}

static void what_cron_starts_without_a_shell_is_its_own_mailer(void **state)
{
	struct world world;
	struct process *mailer;

	(void)state;
	begin(&world, false);
	mailer = start(&world, fork_of(&world, cron(&world)), (struct act) { .exe = "/usr/sbin/exim4" });
	assert_context(mailer, CONTEXT_SERVICE, "cron", "");
	assert_context(start(&world, mailer, (struct act) { .exe = "/usr/sbin/exim4" }), CONTEXT_SERVICE, "cron", "");
	assert_context(start(&world, mailer, (struct act) { .exe = "/usr/bin/cat" }), CONTEXT_SERVICE, "cron", "");
	end(&world);
}

static void the_login_uid_that_cron_sets_makes_no_session(void **state)
{
	struct world world;
	struct process *child;
	struct origin origin = { .session_id = EVENT_NO_ID, .in_scope = true };

	(void)state;
	begin(&world, false);
	child = fork_of(&world, cron(&world));
	child->session_id = 7;
	contexts_note_login(&world.contexts, child, &origin);
	assert_context(child, CONTEXT_SERVICE, "cron", "");
	become(&world, child, (struct act) { .exe = "/usr/bin/dash", .arguments = "sh -c report", .session = 8 });
	assert_context(child, CONTEXT_SERVICE, "cron", "");
	assert_context(start(&world, child, (struct act) { .exe = "/usr/local/bin/report", .session = 9 }), CONTEXT_JOB,
		       "report", "");
	end(&world);
}

static void a_job_of_at_is_read_by_a_shell(void **state)
{
	struct world world;
	struct process *shell;

	(void)state;
	begin(&world, false);
	shell = start(&world, start(&world, boot(&world), (struct act) { .exe = "/usr/sbin/atd", .cgroup = "/" }),
		      (struct act) { .exe = "/usr/bin/dash", .arguments = "sh" });
	assert_context(shell, CONTEXT_SERVICE, "atd", "");
	assert_context(start(&world, shell, (struct act) { .exe = "/usr/local/bin/report" }), CONTEXT_JOB, "report",
		       "");
	end(&world);
}

/* ---- logins ---- */

static struct process *sshd(struct world *world)
{
	return start(world, boot(world), (struct act) { .exe = "/usr/sbin/sshd", .cgroup = "/" });
}

static void a_login_is_another_audit_session_than_the_parents(void **state)
{
	struct world world;
	struct process *shell, *again, *other, *daemon;

	(void)state;
	begin(&world, false);
	daemon = sshd(&world);
	daemon->credentials.uid = 0;
	shell = start(&world, daemon, (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	assert_context(shell, CONTEXT_SESSION, "root", "");
	assert_context(start(&world, shell, (struct act) { .exe = "/usr/bin/sudo" }), CONTEXT_SESSION, "root", "");
	again = start(&world, daemon, (struct act) { .exe = "/usr/bin/bash", .arguments = "bash -c id", .session = 5 });
	assert_ptr_equal(again->context, shell->context);
	other = start(&world, daemon, (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 6 });
	assert_ptr_not_equal(other->context, shell->context);
	end(&world);
}

static void sshd_itself_belongs_to_the_login_that_it_carries(void **state)
{
	struct world world;
	struct process *monitor, *carrier;
	struct origin origin = { .session_id = EVENT_NO_ID, .in_scope = true };

	(void)state;
	begin(&world, false);
	monitor =
		start(&world, sshd(&world), (struct act) { .exe = "/usr/sbin/sshd", .arguments = "/usr/sbin/sshd -R" });
	assert_context(monitor, CONTEXT_SERVICE, "sshd", "");
	monitor->session_id = 5;
	origin.caller = monitor->image;
	contexts_note_login(&world.contexts, monitor, &origin);
	assert_context(monitor, CONTEXT_SESSION, "root", "");
	carrier = fork_of(&world, monitor);
	assert_context(carrier, CONTEXT_SESSION, "root", "");
	assert_ptr_equal(start(&world, carrier,
			       (struct act) { .exe = "/usr/bin/bash",
					      .arguments = "-bash",
					      .cgroup = "/user.slice/user-0.slice/session-1.scope" })
				 ->context,
			 monitor->context);
	end(&world);
}

static void a_login_scope_of_systemd_is_a_session_without_an_audit_session(void **state)
{
	struct world world;

	(void)state;
	begin(&world, false);
	assert_context(
		start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .cgroup = "/user.slice/user-0.slice/session-1.scope" }),
		CONTEXT_SESSION, "root", "");
	end(&world);
}

static void a_login_shell_is_known_where_nothing_else_tells(void **state)
{
	static const struct {
		const char *exe, *arguments;
		bool session;
	} cases[] = {
		{ "/usr/bin/bash", "-bash", true },
		{ "/usr/bin/bash", "bash -c id", true },
		{ "/usr/sbin/sshd", "/usr/sbin/sshd -R", false },
		{ "/usr/local/bin/keys", "/usr/local/bin/keys alice", false },
	};
	struct world world;
	struct process *daemon;

	(void)state;
	begin(&world, false);
	daemon = sshd(&world);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct process *process =
			start(&world, daemon, (struct act) { .exe = cases[i].exe, .arguments = cases[i].arguments });

		assert_context(process, cases[i].session ? CONTEXT_SESSION : CONTEXT_SERVICE,
			       cases[i].session ? "root" : "sshd", "");
	}
	end(&world);
}

static void what_outlives_its_login_is_an_orphan(void **state)
{
	struct world world;
	struct process *shell, *child;

	(void)state;
	begin(&world, false);
	shell = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	child = start(&world, shell, (struct act) { .exe = "/usr/bin/sleep" });
	assert_false(is_orphan(child));
	process_end(&world.table, shell);
	assert_true(is_orphan(child));
	assert_true(is_orphan(start(&world, child, (struct act) { .exe = "/usr/bin/id" })));
	end(&world);
}

static void an_orphan_older_than_the_sensor_is_told_by_who_adopted_it(void **state)
{
	struct world world;
	struct process *init;

	(void)state;
	begin(&world, false);
	init = boot(&world);
	assert_true(is_orphan(
		start(&world, init, (struct act) { .exe = "/usr/bin/sleep", .session = 5, .adopted = true })));
	assert_false(is_orphan(
		start(&world, init, (struct act) { .exe = "/usr/bin/login", .session = 6, .adopted = true })));
	end(&world);
}

/* ---- containers ---- */

static void a_person_stays_in_the_session_inside_of_a_container(void **state)
{
	struct world world;
	struct process *shell, *inside;

	(void)state;
	begin(&world, false);
	shell = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	inside = start(&world, shell, (struct act) { .exe = "/usr/bin/id", .pid_namespace = 2, .namespace_pid = 1 });
	assert_context(inside, CONTEXT_SESSION, "root", "pidns:2");
	assert_context(start(&world, inside, (struct act) { .exe = "/usr/bin/id" }), CONTEXT_SESSION, "root",
		       "pidns:2");
	inside = start(&world, shell,
		       (struct act) { .exe = "/usr/bin/dash", .arguments = "sh -c id", .cgroup = DOCKER });
	assert_context(inside, CONTEXT_SESSION, "root", "3f2a9c1b77aa");
	end(&world);
}

static void a_services_own_namespace_leaves_it_what_it_is(void **state)
{
	struct world world;
	struct process *daemon, *inside;

	(void)state;
	begin(&world, false);
	daemon = sshd(&world);
	inside = start(&world, daemon,
		       (struct act) { .exe = "/usr/lib/helper", .pid_namespace = 2, .namespace_pid = 1 });
	assert_context(inside, CONTEXT_SERVICE, "sshd", "pidns:2");
	become(&world, inside, (struct act) { .exe = "/usr/lib/other", .namespace_pid = 1 });
	assert_context(inside, CONTEXT_SERVICE, "sshd", "pidns:2");
	end(&world);
}

static void a_container_is_named_by_its_main_program(void **state)
{
	struct world world;
	struct process *init, *main;

	(void)state;
	begin(&world, false);
	init = boot(&world);
	/* an entry point that becomes the server */
	main = start(&world, init,
		     (struct act) { .exe = "/usr/bin/dash",
				    .script = "/entry.sh",
				    .arguments = "/bin/sh /entry.sh",
				    .pid_namespace = 2,
				    .namespace_pid = 1 });
	assert_context(main, CONTEXT_SERVICE, "entry.sh", "pidns:2");
	assert_context(start(&world, main, (struct act) { .exe = "/usr/bin/chown" }), CONTEXT_SERVICE, "entry.sh",
		       "pidns:2");
	become(&world, main, (struct act) { .exe = "/usr/sbin/nginx", .namespace_pid = 1 });
	assert_context(main, CONTEXT_SERVICE, "nginx", "pidns:2");
	/* an init that passes everything on */
	main = start(&world, init, (struct act) { .exe = "/usr/bin/tini", .pid_namespace = 3, .namespace_pid = 1 });
	assert_context(main, CONTEXT_BOOT, "", "pidns:3");
	assert_context(start(&world, main, (struct act) { .exe = "/usr/bin/redis-server" }), CONTEXT_SERVICE,
		       "redis-server", "pidns:3");
	/* a shell that prepares first */
	main = start(&world, init,
		     (struct act) { .exe = "/usr/bin/dash",
				    .arguments = "sh -c mkdir /x; exec web",
				    .pid_namespace = 4,
				    .namespace_pid = 1 });
	assert_context(start(&world, main, (struct act) { .exe = "/usr/bin/mkdir" }), CONTEXT_BOOT, "", "pidns:4");
	become(&world, main, (struct act) { .exe = "/usr/bin/web", .namespace_pid = 1 });
	assert_context(main, CONTEXT_SERVICE, "web", "pidns:4");
	/* a whole host */
	main = start(&world, init,
		     (struct act) { .exe = "/usr/lib/systemd/systemd", .pid_namespace = 5, .namespace_pid = 1 });
	assert_context(main, CONTEXT_BOOT, "", "pidns:5");
	end(&world);
}

static void what_a_runtime_sends_into_a_container_later_is_a_session(void **state)
{
	struct world world;
	struct process *runtime, *main;

	(void)state;
	begin(&world, false);
	runtime = start(&world, cron(&world), (struct act) { .exe = "/usr/bin/containerd-shim-runc-v2" });
	main = start(&world, runtime,
		     (struct act) { .exe = "/usr/bin/web", .cgroup = DOCKER, .pid_namespace = 2, .namespace_pid = 1 });
	assert_context(main, CONTEXT_SERVICE, "web", "3f2a9c1b77aa");
	assert_context(start(&world, runtime,
			     (struct act) { .exe = "/usr/bin/dash",
					    .arguments = "sh -c id",
					    .cgroup = DOCKER,
					    .pid_namespace = 2,
					    .namespace_pid = 30 }),
		       CONTEXT_SESSION, "root", "3f2a9c1b77aa");
	end(&world);
}

static void home_is_where_the_first_process_of_the_scope_is(void **state)
{
	struct world world;
	struct process *init;

	(void)state;
	begin(&world, false);
	world.contexts.home_is_open = true;
	init = start(&world, NULL,
		     (struct act) { .exe = "/usr/lib/systemd/systemd", .pid_namespace = 2, .namespace_pid = 1 });
	assert_context(init, CONTEXT_BOOT, "", "");
	assert_context(
		start(&world, init, (struct act) { .exe = "/usr/bin/web", .pid_namespace = 3, .namespace_pid = 1 }),
		CONTEXT_SERVICE, "web", "pidns:3");
	end(&world);
}

/* ---- changes, start scripts, services by name ---- */

static void a_declared_change_is_one_whoever_makes_it(void **state)
{
	struct world world;
	struct process *shell;

	(void)state;
	begin(&world, false);
	shell = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	assert_context(
		start(&world, shell, (struct act) { .exe = "/srv/deploy", .cgroup = "/sombrero-change-42.scope" }),
		CONTEXT_CHANGE, "42", "");
	/* a delegated tree is its owner's: names in it declare nothing */
	assert_context(start(&world, shell,
			     (struct act) { .exe = "/srv/deploy",
					    .cgroup = "/user.slice/user-0.slice/user@0.service/"
						      "sombrero-change-43.scope" }),
		       CONTEXT_SESSION, "root", "");
	end(&world);
}

static void a_start_scripts_daemon_is_a_service_whoever_calls_the_script(void **state)
{
	struct world world;
	struct process *shell, *script;

	(void)state;
	begin(&world, false);
	shell = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	script = start(&world, shell,
		       (struct act) { .exe = "/usr/bin/dash",
				      .script = "/etc/init.d/nginx",
				      .arguments = "/bin/sh /etc/init.d/nginx start" });
	assert_context(script, CONTEXT_SESSION, "root", "");
	assert_context(become(&world, start(&world, script, (struct act) { .exe = "/usr/sbin/start-stop-daemon" }),
			      (struct act) { .exe = "/usr/sbin/nginx" }),
		       CONTEXT_SERVICE, "nginx", "");
	/* without such a script it is only a way to start a program */
	assert_context(become(&world, start(&world, shell, (struct act) { .exe = "/usr/sbin/start-stop-daemon" }),
			      (struct act) { .exe = "/usr/sbin/nginx" }),
		       CONTEXT_SESSION, "root", "");
	end(&world);
}

static void a_start_script_is_not_the_service_that_it_is_named_after(void **state)
{
	struct world world;
	struct process *script;

	(void)state;
	begin(&world, false);
	script = start(&world, boot(&world),
		       (struct act) { .exe = "/usr/bin/dash",
				      .script = "/etc/init.d/cron",
				      .cgroup = "/",
				      .arguments = "/bin/sh /etc/init.d/cron start" });
	assert_context(script, CONTEXT_BOOT, "", "");
	assert_context(start(&world, script, (struct act) { .exe = "/usr/sbin/cron" }), CONTEXT_SERVICE, "cron", "");
	end(&world);
}

static void a_unit_without_a_file_is_a_job_by_its_program(void **state)
{
	struct world world;
	struct process *process;

	(void)state;
	begin(&world, false);
	process =
		start(&world, boot(&world),
		      (struct act) { .exe = "/usr/bin/once", .cgroup = "/system.slice/no-such-unit-of-ours.service" });
	assert_context(process, CONTEXT_JOB, "once", "");
	assert_context(start(&world, process, (struct act) { .exe = "/usr/bin/id" }), CONTEXT_JOB, "once", "");
	process = start(&world, boot(&world),
			(struct act) { .exe = "/usr/bin/puppet", .cgroup = "/system.slice/puppet.service" });
	assert_context(process, CONTEXT_CHANGE, "puppet", "");
	end(&world);
}

static void who_listens_in_nobodys_charge_is_a_service(void **state)
{
	struct world world;
	struct process *init, *web, *worker, *root;
	struct context_node *node = NULL;

	(void)state;
	begin(&world, false);
	init = boot(&world);
	web = start(&world, init, (struct act) { .exe = "/usr/bin/web", .cgroup = "/" });
	worker = fork_of(&world, web);
	assert_context(worker, CONTEXT_BOOT, "", "");
	root = contexts_found_listener(&world.contexts, worker, &node);
	assert_ptr_equal(root, web);
	assert_string_equal(node->context.name, "web");
	context_release(node);
	/* systemd opens a socket for a unit by a child of its own */
	assert_null(contexts_found_listener(&world.contexts, fork_of(&world, init), &node));
	assert_null(contexts_found_listener(&world.contexts, cron(&world), &node));
	end(&world);
}

static void what_a_command_starts_is_the_harness_until_it_is_a_service(void **state)
{
	struct world world;
	struct process *outside, *command, *inside, *daemon;
	struct context_node *node = NULL;

	(void)state;
	begin(&world, true);
	outside = start(&world, sshd(&world),
			(struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	command = start(&world, outside, (struct act) { .exe = "/usr/bin/make", .from_outside = true });
	assert_context(command, CONTEXT_HARNESS, "", "");
	inside = start(&world, command, (struct act) { .exe = "/usr/bin/web", .pid_namespace = 2, .namespace_pid = 1 });
	assert_context(inside, CONTEXT_SERVICE, "web", "pidns:2");
	daemon = fork_of(&world, start(&world, command, (struct act) { .exe = "/usr/bin/daemon" }));
	assert_non_null(contexts_found_listener(&world.contexts, daemon, &node));
	assert_string_equal(node->context.name, "daemon");
	context_release(node);
	end(&world);
}

static void what_is_named_a_job_is_one_each_time_that_the_command_starts_it(void **state)
{
	static char name[] = "report.*";
	static char *names[] = { name, NULL };
	struct act report = { .exe = "/usr/bin/python3.11", .script = "/builds/web/report.py" };
	struct process *outside, *command, *first, *second;
	struct world world;
	char **owned;

	(void)state;
	begin(&world, true);
	owned = world.contexts.jobs;
	world.contexts.jobs = names;
	world.contexts.job_count = 1;
	outside = start(&world, sshd(&world),
			(struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	command = start(&world, outside, (struct act) { .exe = "/usr/bin/make", .from_outside = true });
	first = start(&world, command, report);
	second = start(&world, command, report);
	assert_context(first, CONTEXT_JOB, "report.py", "");
	assert_context(second, CONTEXT_JOB, "report.py", "");
	assert_ptr_not_equal(first->context, second->context);
	assert_context(start(&world, first, (struct act) { .exe = "/usr/bin/gzip" }), CONTEXT_JOB, "report.py", "");
	/* a person's is no job */
	assert_context(start(&world, outside, report), CONTEXT_SESSION, "root", "");
	world.contexts.jobs = owned;
	world.contexts.job_count = 0;
	end(&world);
}

/* ---- what somebody without privileges might try ---- */

/* A service that root has started, and that has become somebody's. */
static struct process *victim(struct world *world)
{
	static char name[] = "web";
	static char *names[] = { name, NULL };
	char **owned = world->contexts.services;
	struct process *process;

	world->contexts.services = names;
	world->contexts.service_count = 1;
	process = start(world, boot(world), (struct act) { .exe = "/usr/bin/web", .cgroup = "/", .uid = NOBODY });
	world->contexts.services = owned;
	world->contexts.service_count = 0;
	assert_context(process, CONTEXT_SERVICE, "web", "");
	return process;
}

static void an_audit_session_that_a_service_gave_itself_is_no_login(void **state)
{
	struct origin origin = { .session_id = EVENT_NO_ID, .euid = NOBODY, .in_scope = true };
	struct world world;
	struct process *web, *other;

	(void)state;
	begin(&world, false);
	web = victim(&world);
	web->session_id = 7;
	origin.caller = web->image;
	contexts_note_login(&world.contexts, web, &origin);
	assert_context(web, CONTEXT_SERVICE, "web", "");
	become(&world, web, (struct act) { .exe = "/usr/bin/id", .session = 8 });
	assert_context(web, CONTEXT_SERVICE, "web", "");
	/* nor where nobody is in charge */
	other = start(&world, boot(&world), (struct act) { .exe = "/usr/bin/tool", .cgroup = "/", .uid = NOBODY });
	become(&world, other, (struct act) { .exe = "/usr/bin/id", .session = 9 });
	assert_context(other, CONTEXT_BOOT, "", "");
	/* nor by a program that is only called like one that takes logins, even if it is root's */
	other = start(&world, sshd(&world), (struct act) { .exe = "/usr/bin/keys", .called = "/tmp/x/login" });
	become(&world, other, (struct act) { .exe = "/usr/bin/id", .session = 10 });
	assert_context(other, CONTEXT_SERVICE, "sshd", "");
	end(&world);
}

static void who_takes_logins_is_told_by_the_executable_and_is_roots(void **state)
{
	static const struct act callers[] = {
		{ .exe = "/usr/bin/timeout", .called = "/srv/x/login" },
		{ .exe = "/tmp/sshd" },
		{ .exe = "memfd:sshd", .flags = SOMBRERO_EXE_MEMFD },
		{ .exe = "/usr/bin/dash", .arguments = "sh /srv/x/sshd" },
		{ .exe = "/usr/bin/dash", .script = "/srv/x/sshd", .arguments = "/bin/sh /srv/x/sshd" },
		{ .exe = "/usr/sbin/sshd" }, /* nobody's */
		{ .exe = "/usr/bin/login" },
	};
	struct world world;

	(void)state;
	begin(&world, false);
	for (size_t i = 0; i < LENGTH(callers); i++) {
		struct process *caller = become(&world, fork_of(&world, victim(&world)), callers[i]);

		assert_context(become(&world, caller, (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash" }),
			       CONTEXT_SERVICE, "web", "");
	}
	end(&world);
}

static void a_shell_that_sshd_starts_for_a_person_is_a_login(void **state)
{
	struct world world;
	struct process *carrier, *preauth;

	(void)state;
	begin(&world, false);
	carrier = fork_of(&world, start(&world, sshd(&world), (struct act) { .exe = "/usr/sbin/sshd" }));
	carrier->credentials.uid = carrier->credentials.euid = NOBODY;
	assert_context(start(&world, carrier, (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash" }),
		       CONTEXT_SESSION, "nobody", "");
	/* before that its child is in an empty root */
	preauth = fork_of(&world, start(&world, sshd(&world), (struct act) { .exe = "/usr/sbin/sshd" }));
	preauth->credentials.uid = preauth->credentials.euid = NOBODY;
	become(&world, preauth, (struct act) { .exe = "/bash", .arguments = "-bash", .flags = SOMBRERO_EXE_CHROOT });
	assert_context(preauth, CONTEXT_SERVICE, "sshd", "chroot");
	end(&world);
}

static void a_runtime_is_told_by_the_executable_and_is_roots(void **state)
{
	static const struct act callers[] = {
		{ .exe = "/usr/bin/timeout", .called = "/srv/x/runc" },
		{ .exe = "/dev/shm/crun" },
		{ .exe = "/usr/bin/runc" }, /* nobody's */
	};
	struct world world;

	(void)state;
	begin(&world, false);
	for (size_t i = 0; i < LENGTH(callers); i++) {
		struct process *caller = become(&world, fork_of(&world, victim(&world)), callers[i]);

		assert_context(start(&world, caller,
				     (struct act) { .exe = "/usr/bin/id", .pid_namespace = 2, .namespace_pid = 9 }),
			       CONTEXT_SERVICE, "web", "pidns:2");
		assert_context(start(&world, caller,
				     (struct act) { .exe = "/usr/bin/id", .pid_namespace = 3, .namespace_pid = 1 }),
			       CONTEXT_SERVICE, "web", "pidns:3");
	}
	end(&world);
}

static void a_runtime_that_goes_on_as_a_copy_in_memory_is_one(void **state)
{
	struct world world;
	struct process *shim, *runc;

	(void)state;
	begin(&world, false);
	shim = start(&world, cron(&world), (struct act) { .exe = "/usr/bin/containerd-shim-runc-v2" });
	runc = start(&world, shim, (struct act) { .exe = "memfd:runc", .flags = SOMBRERO_EXE_MEMFD });
	become(&world, runc,
	       (struct act) { .exe = "/usr/bin/app", .pid_namespace = 2, .namespace_pid = 1, .uid = NOBODY });
	assert_context(runc, CONTEXT_SERVICE, "app", "pidns:2");
	end(&world);
}

static void a_scheduler_is_told_by_the_executable_and_is_roots(void **state)
{
	struct world world;
	struct process *init, *fake, *shell;

	(void)state;
	begin(&world, false);
	init = boot(&world);
	fake = start(&world, init,
		     (struct act) { .exe = "/srv/x/tool", .called = "/srv/x/cron", .cgroup = "/", .uid = NOBODY });
	assert_context(fake, CONTEXT_BOOT, "", "");
	fake = start(&world, init, (struct act) { .exe = "/srv/x/cron", .cgroup = "/", .uid = NOBODY });
	become(&world, fake, (struct act) { .exe = "/srv/x/cron" });
	assert_context(fake, CONTEXT_BOOT, "", "");
	/* in a job, a program of that name is the job */
	shell = start(&world, cron(&world), (struct act) { .exe = "/usr/bin/dash", .arguments = "sh -c x" });
	shell->credentials.euid = NOBODY;
	assert_context(become(&world, shell, (struct act) { .exe = "/home/bob/anacron" }), CONTEXT_JOB, "anacron", "");
	end(&world);
}

static void a_start_script_is_one_that_the_kernel_opened_for_root(void **state)
{
	struct world world;
	struct process *script, *web;

	(void)state;
	begin(&world, false);
	web = start(&world, sshd(&world), (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	/* claimed */
	script = start(&world, web, (struct act) { .exe = "/usr/bin/dash", .arguments = "sh /etc/init.d/x" });
	assert_context(become(&world, start(&world, script, (struct act) { .exe = "/usr/sbin/start-stop-daemon" }),
			      (struct act) { .exe = "/usr/bin/x" }),
		       CONTEXT_SESSION, "root", "");
	script = start(
		&world, web,
		(struct act) { .exe = "/usr/bin/dash", .script = "/etc/init.d/x", .arguments = "sh /etc/init.d/x" });
	/* called so */
	assert_context(become(&world,
			      start(&world, script,
				    (struct act) { .exe = "/usr/bin/timeout", .called = "/tmp/start-stop-daemon" }),
			      (struct act) { .exe = "/usr/bin/x" }),
		       CONTEXT_SESSION, "root", "");
	/* not root's */
	script->credentials.euid = NOBODY;
	assert_context(become(&world, start(&world, script, (struct act) { .exe = "/usr/sbin/start-stop-daemon" }),
			      (struct act) { .exe = "/usr/bin/x" }),
		       CONTEXT_SESSION, "root", "");
	end(&world);
}

static void a_root_of_its_own_is_as_a_container(void **state)
{
	struct world world;
	struct process *web, *inside, *unit;

	(void)state;
	begin(&world, false);
	web = victim(&world);
	inside = start(&world, web, (struct act) { .exe = "/usr/bin/web", .user_namespace = 7 });
	assert_context(inside, CONTEXT_SERVICE, "web", "userns:7");
	assert_context(start(&world, inside, (struct act) { .exe = "/usr/bin/id" }), CONTEXT_SERVICE, "web",
		       "userns:7");
	inside = start(&world, web, (struct act) { .exe = "/usr/bin/web", .flags = SOMBRERO_EXE_CHROOT });
	assert_context(inside, CONTEXT_SERVICE, "web", "chroot");
	assert_context(start(&world, inside, (struct act) { .exe = "/usr/bin/id", .flags = SOMBRERO_EXE_CHROOT }),
		       CONTEXT_SERVICE, "web", "chroot");
	/* and out again */
	assert_context(become(&world, inside, (struct act) { .exe = "/usr/bin/web" }), CONTEXT_SERVICE, "web", "");
	/* a unit with a user namespace of its own (PrivateUsers=) is what the unit says */
	unit = start(&world, boot(&world),
		     (struct act) {
			     .exe = "/usr/bin/puppet", .cgroup = "/system.slice/puppet.service", .user_namespace = 8 });
	assert_context(unit, CONTEXT_CHANGE, "puppet", "userns:8");
	/* who is in no one's charge is no one's there */
	inside = start(&world, boot(&world), (struct act) { .exe = "/usr/bin/x", .cgroup = "/", .user_namespace = 9 });
	assert_context(inside, CONTEXT_BOOT, "", "userns:9");
	end(&world);
}

static void a_job_or_a_person_in_a_root_of_its_own_stays_one(void **state)
{
	struct world world;
	struct process *shell, *job;

	(void)state;
	begin(&world, false);
	shell = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	shell = start(&world, shell, (struct act) { .exe = "/usr/bin/make", .flags = SOMBRERO_EXE_CHROOT });
	assert_context(shell, CONTEXT_SESSION, "root", "chroot");
	job = become(&world,
		     start(&world, cron(&world), (struct act) { .exe = "/usr/bin/dash", .arguments = "sh -c x" }),
		     (struct act) { .exe = "/usr/local/bin/report" });
	become(&world, job, (struct act) { .exe = "/usr/bin/x", .user_namespace = 7 });
	assert_context(job, CONTEXT_JOB, "report", "userns:7");
	end(&world);
}

static void where_the_whole_host_is_in_a_chroot_that_is_no_sign(void **state)
{
	struct world world;
	struct process *init;

	(void)state;
	begin(&world, false);
	init = start(&world, NULL,
		     (struct act) { .exe = "/usr/lib/systemd/systemd",
				    .cgroup = "/init.scope",
				    .namespace_pid = 1,
				    .flags = SOMBRERO_EXE_CHROOT });
	assert_context(init, CONTEXT_BOOT, "", "");
	assert_context(start(&world, init,
			     (struct act) { .exe = "/usr/sbin/cron", .cgroup = "/", .flags = SOMBRERO_EXE_CHROOT }),
		       CONTEXT_SERVICE, "cron", "");
	end(&world);
}

#define UNIT "/system.slice/no-such-unit-of-ours.service"
#define FAKE "docker-3f2a9c1b77aa3f2a9c1b77aa3f2a9c1b77aa3f2a9c1b77aa3f2a9c1b77aa3f2a.scope"

static void a_cgroup_that_a_service_made_gives_it_no_rights(void **state)
{
	static const struct {
		const char *cgroup, *container;
	} cases[] = {
		{ UNIT "/chef-client.service", "" },
		{ UNIT "/nginx.service", "" },
		{ UNIT "/sombrero-change-1.scope", "" },
		{ UNIT "/user.slice/user-0.slice/session-1.scope", "" },
		{ UNIT "/" FAKE, "3f2a9c1b77aa" },
		{ UNIT "/" FAKE "/user.slice/user-0.slice/session-1.scope", "3f2a9c1b77aa" },
		{ UNIT "/" FAKE "/chef-client.service", "3f2a9c1b77aa" },
	};
	struct world world;

	(void)state;
	begin(&world, false);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct process *web = start(&world, boot(&world),
					    (struct act) { .exe = "/usr/bin/app", .cgroup = UNIT, .uid = NOBODY });
		struct process *inside;

		inside = start(&world, web, (struct act) { .exe = "/usr/bin/id", .cgroup = cases[i].cgroup });
		assert_context(inside, CONTEXT_JOB, "app", cases[i].container);
		assert_context(become(&world, inside, (struct act) { .exe = "/usr/bin/ls" }), CONTEXT_JOB, "app",
			       cases[i].container);
	}
	end(&world);
}

static void a_unit_in_a_container_is_no_change_of_the_host(void **state)
{
	struct world world;
	struct process *unit;

	(void)state;
	begin(&world, false);
	unit = start(&world, boot(&world),
		     (struct act) { .exe = "/usr/bin/x",
				    .cgroup = DOCKER "/system.slice/chef-client.service",
				    .pid_namespace = 2,
				    .namespace_pid = 1 });
	assert_int_not_equal(unit->context->context.kind, CONTEXT_CHANGE);
	unit = start(&world, unit,
		     (struct act) { .exe = "/usr/bin/y", .cgroup = DOCKER "/system.slice/puppet.service" });
	assert_int_not_equal(unit->context->context.kind, CONTEXT_CHANGE);
	end(&world);
}

static void services_are_named_by_patterns_too(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool fits;
	} cases[] = {
		{ "web", "web", true },
		{ "web", "webs", false },
		{ "app.*.js", "app.3f2a9c.js", true },
		{ "app.*.js", "app.3f2a9c.js.map", false },
		{ "app.*.js", "app.js", false },
		{ "*", "web", true },
		{ "w*b*", "wabbb", true },
		{ "w?b", "web", false },
	};
	struct world world;
	struct process *init;

	(void)state;
	begin(&world, false);
	init = boot(&world);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char pattern[32], exe[64], **owned = world.contexts.services;
		char *names[] = { pattern, NULL };
		struct process *process;

		(void)snprintf(pattern, sizeof(pattern), "%s", cases[i].pattern);
		(void)snprintf(exe, sizeof(exe), "/srv/%s", cases[i].name);
		world.contexts.services = names;
		world.contexts.service_count = 1;
		process = start(&world, init, (struct act) { .exe = exe, .cgroup = "/" });
		world.contexts.services = owned;
		world.contexts.service_count = 0;
		assert_context(process, cases[i].fits ? CONTEXT_SERVICE : CONTEXT_BOOT,
			       cases[i].fits ? cases[i].name : "", "");
	}
	end(&world);
}

static void a_shell_at_a_console_without_a_login_is_a_session(void **state)
{
	struct world world;
	struct process *init;

	(void)state;
	begin(&world, false);
	init = boot(&world);
	assert_context(start(&world, init, (struct act) { .exe = "/usr/bin/bash", .cgroup = "/", .tty = 4 }),
		       CONTEXT_SESSION, "root", "");
	assert_context(start(&world, init,
			     (struct act) { .exe = "/usr/bin/busybox", .arguments = "-sh", .cgroup = "/", .tty = 4 }),
		       CONTEXT_SESSION, "root", "");
	/* not without a terminal, not what runs a script, and not what anyone started */
	assert_context(start(&world, init, (struct act) { .exe = "/usr/bin/bash", .cgroup = "/" }), CONTEXT_BOOT, "",
		       "");
	assert_context(
		start(&world, init,
		      (struct act) { .exe = "/usr/bin/dash", .arguments = "sh /etc/rc", .cgroup = "/", .tty = 4 }),
		CONTEXT_BOOT, "", "");
	assert_context(start(&world,
			     start(&world, init, (struct act) { .exe = "/usr/bin/x", .cgroup = "/", .uid = NOBODY }),
			     (struct act) { .exe = "/usr/bin/bash", .tty = 136 }),
		       CONTEXT_BOOT, "", "");
	end(&world);
	begin(&world, true);
	init = start(&world, boot(&world), (struct act) { .exe = "/usr/bin/make", .from_outside = true });
	assert_context(start(&world, init, (struct act) { .exe = "/usr/bin/bash", .tty = 136 }), CONTEXT_HARNESS, "",
		       "");
	end(&world);
}

static void an_init_is_told_by_the_executable(void **state)
{
	static const struct {
		const char *exe, *called, *arguments;
		bool init;
	} cases[] = {
		{ "/usr/lib/systemd/systemd", "/sbin/init", "/sbin/init", true },
		{ "/sbin/init", "/sbin/init", "init [2]", true },
		{ "/usr/bin/busybox", "/sbin/init", "init", true },
		{ "/usr/bin/web", "/sbin/init", "/sbin/init", false },
		{ "/usr/bin/busybox", "/bin/httpd", "httpd", false },
		{ "/tmp/systemd", "/tmp/systemd", "systemd", false },
	};
	struct world world;

	(void)state;
	begin(&world, false);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct context_node *node = NULL;
		struct process *process = start(&world, NULL,
						(struct act) { .exe = cases[i].exe,
							       .called = cases[i].called,
							       .arguments = cases[i].arguments,
							       .cgroup = "/",
							       .namespace_pid = 1 });

		assert_int_equal(contexts_is_init(process->image), cases[i].init);
		assert_context(process, CONTEXT_BOOT, "", "");
		/* another first program that listens is a service */
		assert_int_equal(contexts_found_listener(&world.contexts, process, &node) != NULL, !cases[i].init);
		context_release(node);
	}
	end(&world);
}

/* ---- persons ---- */

static void all_that_descends_from_a_login_is_its_own_whatever_it_becomes(void **state)
{
	struct world world;
	struct process *shell, *carrier, *sudo, *change, *other;

	(void)state;
	begin(&world, false);
	shell = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	assert_non_null(shell->login);
	assert_string_equal(shell->login->user, "root");
	assert_string_equal(shell->login->service, "sshd");
	assert_string_equal(login_person(shell->login), "root");
	assert_int_equal(strlen(shell->login->id), 16);
	carrier = fork_of(&world, shell);
	sudo = start(&world, carrier, (struct act) { .exe = "/usr/bin/sudo", .uid = 33 });
	assert_ptr_equal(sudo->login, shell->login);
	assert_ptr_equal(start(&world, sudo, (struct act) { .exe = "/usr/bin/su", .uid = 34 })->login, shell->login);
	change = start(&world, sudo, (struct act) { .exe = "/srv/deploy", .cgroup = "/sombrero-change-41.scope" });
	assert_context(change, CONTEXT_CHANGE, "41", "");
	assert_ptr_equal(change->login, shell->login);
	assert_int_equal(shell->login->processes, 5);
	other = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 6 });
	assert_ptr_not_equal(other->login, shell->login);
	assert_string_not_equal(other->login->id, shell->login->id);
	end(&world);
}

static void a_login_lasts_as_long_as_what_it_began_with(void **state)
{
	struct world world;
	struct process *shell, *child;
	struct login *login;

	(void)state;
	begin(&world, false);
	shell = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	login = shell->login;
	child = start(&world, shell, (struct act) { .exe = "/usr/bin/sleep" });
	assert_int_equal(login->roots, 1);
	process_end(&world.table, shell);
	assert_int_equal(login->roots, 0);
	assert_ptr_equal(child->login, login);
	/* what was left behind before the sensor came is somebody's, but begins nothing */
	child = start(&world, boot(&world), (struct act) { .exe = "/usr/bin/sleep", .session = 7, .adopted = true });
	assert_non_null(child->login);
	assert_false(child->login->had_roots);
	end(&world);
}

static void the_same_login_has_the_same_id_for_every_sensor(void **state)
{
	char id[2][LOGIN_ID_SIZE];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world world;
		struct process *shell;

		begin(&world, false);
		shell = start(&world, sshd(&world),
			      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
		(void)snprintf(id[i], sizeof(id[i]), "%s", shell->login->id);
		end(&world);
	}
	assert_string_equal(id[0], id[1]);
}

static void a_job_and_a_start_scripts_daemon_are_nobodys(void **state)
{
	struct world world;
	struct process *shell, *script, *cron, *starter;

	(void)state;
	begin(&world, false);
	shell = start(&world, sshd(&world),
		      (struct act) { .exe = "/usr/bin/bash", .arguments = "-bash", .session = 5 });
	script = start(&world, shell,
		       (struct act) { .exe = "/usr/bin/dash",
				      .script = "/etc/init.d/cron",
				      .arguments = "/bin/sh /etc/init.d/cron start" });
	assert_ptr_equal(script->login, shell->login);
	starter = start(&world, script, (struct act) { .exe = "/usr/sbin/start-stop-daemon" });
	cron = become(&world, starter, (struct act) { .exe = "/usr/sbin/cron" });
	assert_context(cron, CONTEXT_SERVICE, "cron", "");
	assert_null(cron->login);
	/* one that was started by hand goes on as the person's; its jobs don't */
	process_set_login(cron, shell->login, false);
	script = start(&world, cron, (struct act) { .exe = "/usr/bin/dash", .arguments = "sh -c report" });
	assert_ptr_equal(script->login, shell->login);
	assert_null(become(&world, script, (struct act) { .exe = "/usr/local/bin/report" })->login);
	end(&world);
}

static void each_entry_into_a_container_is_a_session_of_nobody_known(void **state)
{
	struct world world;
	struct process *shim, *one, *two;

	(void)state;
	begin(&world, false);
	shim = start(&world, boot(&world), (struct act) { .exe = "/usr/bin/containerd-shim-runc-v2" });
	one = start(&world, shim,
		    (struct act) { .exe = "/usr/bin/dash",
				   .arguments = "sh -c id",
				   .cgroup = DOCKER,
				   .pid_namespace = 2,
				   .namespace_pid = 30 });
	two = start(&world, shim,
		    (struct act) { .exe = "/usr/bin/dash",
				   .arguments = "sh -c id",
				   .cgroup = DOCKER,
				   .pid_namespace = 2,
				   .namespace_pid = 30 });
	assert_context(one, CONTEXT_SESSION, "root", "3f2a9c1b77aa");
	assert_ptr_not_equal(one->login, two->login);
	assert_string_equal(one->login->service, "container-exec");
	assert_string_equal(login_person(one->login), "");
	assert_true(one->login->is_settled);
	end(&world);
}

/* ---- what a change starts ---- */

static struct process *change(struct world *world)
{
	return start(world, boot(world), (struct act) { .exe = "/srv/deploy", .cgroup = "/sombrero-change-41.scope" });
}

static void a_daemon_that_a_change_starts_is_a_service_once_it_listens(void **state)
{
	struct world world;
	struct context_node *node = NULL;
	struct process *deploy, *web, *helper;

	(void)state;
	begin(&world, false);
	deploy = change(&world);
	assert_string_equal(deploy->context->change, "41");
	web = start(&world, deploy, (struct act) { .exe = "/srv/web" });
	assert_context(web, CONTEXT_CHANGE, "41", "");
	assert_null(contexts_found_listener(&world.contexts, deploy, &node)); /* what the change itself is */
	assert_ptr_equal(contexts_found_listener(&world.contexts, web, &node), web);
	process_set_context(web, node, true);
	context_release(node);
	assert_context(web, CONTEXT_SERVICE, "web", "");
	assert_string_equal(web->context->change, "41");
	/* in the change's cgroup, but not the change's any more */
	helper = start(&world, web, (struct act) { .exe = "/usr/bin/id" });
	assert_ptr_equal(helper->context, web->context);
	end(&world);
}

static void a_start_scripts_daemon_is_a_service_in_a_change_too(void **state)
{
	struct world world;
	struct process *script, *daemon;

	(void)state;
	begin(&world, false);
	script = start(&world, change(&world),
		       (struct act) { .exe = "/usr/bin/dash",
				      .script = "/etc/init.d/nginx",
				      .arguments = "/bin/sh /etc/init.d/nginx restart" });
	assert_context(script, CONTEXT_CHANGE, "41", "");
	daemon = start(&world, script, (struct act) { .exe = "/usr/sbin/start-stop-daemon" });
	daemon = become(&world, daemon, (struct act) { .exe = "/usr/sbin/nginx" });
	assert_context(daemon, CONTEXT_SERVICE, "nginx", "");
	assert_string_equal(daemon->context->change, "41");
	assert_context(start(&world, daemon, (struct act) { .exe = "/usr/bin/id" }), CONTEXT_SERVICE, "nginx", "");
	end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_is_named_by_its_main_program_and_wrappers_stay_with_cron),
		cmocka_unit_test(each_run_of_a_job_is_a_context_of_its_own),
		cmocka_unit_test(what_cron_starts_without_a_shell_is_its_own_mailer),
		cmocka_unit_test(the_login_uid_that_cron_sets_makes_no_session),
		cmocka_unit_test(a_job_of_at_is_read_by_a_shell),
		cmocka_unit_test(a_login_is_another_audit_session_than_the_parents),
		cmocka_unit_test(sshd_itself_belongs_to_the_login_that_it_carries),
		cmocka_unit_test(a_login_scope_of_systemd_is_a_session_without_an_audit_session),
		cmocka_unit_test(a_login_shell_is_known_where_nothing_else_tells),
		cmocka_unit_test(what_outlives_its_login_is_an_orphan),
		cmocka_unit_test(an_orphan_older_than_the_sensor_is_told_by_who_adopted_it),
		cmocka_unit_test(a_person_stays_in_the_session_inside_of_a_container),
		cmocka_unit_test(a_services_own_namespace_leaves_it_what_it_is),
		cmocka_unit_test(a_container_is_named_by_its_main_program),
		cmocka_unit_test(what_a_runtime_sends_into_a_container_later_is_a_session),
		cmocka_unit_test(home_is_where_the_first_process_of_the_scope_is),
		cmocka_unit_test(a_declared_change_is_one_whoever_makes_it),
		cmocka_unit_test(a_start_scripts_daemon_is_a_service_whoever_calls_the_script),
		cmocka_unit_test(a_start_script_is_not_the_service_that_it_is_named_after),
		cmocka_unit_test(a_unit_without_a_file_is_a_job_by_its_program),
		cmocka_unit_test(who_listens_in_nobodys_charge_is_a_service),
		cmocka_unit_test(what_a_command_starts_is_the_harness_until_it_is_a_service),
		cmocka_unit_test(what_is_named_a_job_is_one_each_time_that_the_command_starts_it),
		cmocka_unit_test(an_audit_session_that_a_service_gave_itself_is_no_login),
		cmocka_unit_test(who_takes_logins_is_told_by_the_executable_and_is_roots),
		cmocka_unit_test(a_shell_that_sshd_starts_for_a_person_is_a_login),
		cmocka_unit_test(a_runtime_is_told_by_the_executable_and_is_roots),
		cmocka_unit_test(a_runtime_that_goes_on_as_a_copy_in_memory_is_one),
		cmocka_unit_test(a_scheduler_is_told_by_the_executable_and_is_roots),
		cmocka_unit_test(a_start_script_is_one_that_the_kernel_opened_for_root),
		cmocka_unit_test(a_root_of_its_own_is_as_a_container),
		cmocka_unit_test(a_job_or_a_person_in_a_root_of_its_own_stays_one),
		cmocka_unit_test(where_the_whole_host_is_in_a_chroot_that_is_no_sign),
		cmocka_unit_test(a_cgroup_that_a_service_made_gives_it_no_rights),
		cmocka_unit_test(a_unit_in_a_container_is_no_change_of_the_host),
		cmocka_unit_test(services_are_named_by_patterns_too),
		cmocka_unit_test(a_shell_at_a_console_without_a_login_is_a_session),
		cmocka_unit_test(an_init_is_told_by_the_executable),
		cmocka_unit_test(all_that_descends_from_a_login_is_its_own_whatever_it_becomes),
		cmocka_unit_test(a_login_lasts_as_long_as_what_it_began_with),
		cmocka_unit_test(the_same_login_has_the_same_id_for_every_sensor),
		cmocka_unit_test(a_job_and_a_start_scripts_daemon_are_nobodys),
		cmocka_unit_test(each_entry_into_a_container_is_a_session_of_nobody_known),
		cmocka_unit_test(a_daemon_that_a_change_starts_is_a_service_once_it_listens),
		cmocka_unit_test(a_start_scripts_daemon_is_a_service_in_a_change_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
