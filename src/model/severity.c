/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of how much each sort of news matters. What a behaviour is, trait.c says; a row only names traits. Change
 * a row here, and docs/reference/severity.md with it: a test compares them.
 */
#include "model/severity.h"

#include <string.h>

#include "model/trait_priv.h"

/* The news that there is such a context. */
#define CONTEXT BEHAVIOUR_KIND_COUNT

#define INFORMATIONAL SEVERITY_INFORMATIONAL
#define LOW           SEVERITY_LOW
#define MEDIUM        SEVERITY_MEDIUM
#define HIGH          SEVERITY_HIGH
#define CRITICAL      SEVERITY_CRITICAL

#define SERVICE TRAIT(SERVICE)
#define JOB     TRAIT(JOB)
#define NEW     TRAIT(NEW_CONTEXT)

struct row {
	const char *rule; /* rows of the same rule stand together and have the same consequence */
	unsigned kind;    /* enum behaviour_kind, or CONTEXT */
	uint64_t traits;  /* the behaviour must have all of them */
	enum severity severity;
	const char *consequence;
};

/*
 * The first row of a kind that fits counts. Each kind's last fits anything.
 *
 * What a healthy fleet shows now and then is low: a log by another name, a helper in a job, a program that already reached
 * the internet and now does so at 443. What an intruder in a service does first is high. New work of a job is judged more
 * mildly than a service's: its rare branches are what learning misses most.
 */
static const struct row rows[] = {
	{ "context-in-temporary", CONTEXT, TRAIT(ANYONES), HIGH, "is new, and runs from where anyone may write" },
	{ "context-in-no-file", CONTEXT, TRAIT(MEMFD), CRITICAL, "is new, and runs code that is in no file" },
	{ "context-service", CONTEXT, SERVICE, MEDIUM, "is a new service" },
	{ "context-job-elsewhere", CONTEXT, JOB | TRAIT(ELSEWHERE), MEDIUM, "is a new job, of no package's" },
	{ "context-job", CONTEXT, JOB, LOW, "is a new job" },

	{ "exec-in-no-file", BEHAVIOUR_EXEC, TRAIT(MEMFD), CRITICAL, "runs code that is in no file" },
	{ "exec-attack-tool", BEHAVIOUR_EXEC, SERVICE | TRAIT(OFFENSIVE), CRITICAL, "starts an attack tool" },
	{ "exec-attack-tool", BEHAVIOUR_EXEC, TRAIT(OFFENSIVE), HIGH, "starts an attack tool" },
	{ "exec-in-temporary", BEHAVIOUR_EXEC, TRAIT(ANYONES), HIGH, "runs what lies where anyone may write" },
	{ "exec-hidden", BEHAVIOUR_EXEC, TRAIT(HIDDEN), HIGH, "runs a hidden file" },
	{ "exec-loader", BEHAVIOUR_EXEC, TRAIT(LOADER), HIGH, "runs a program through the dynamic loader" },
	{ "exec-relay", BEHAVIOUR_EXEC, SERVICE | TRAIT(RELAY), HIGH, "starts a relay" },
	{ "exec-relay", BEHAVIOUR_EXEC, TRAIT(RELAY), MEDIUM, "starts a relay" },
	{ "exec-typed-shell", BEHAVIOUR_EXEC, SERVICE | TRAIT(SHELL) | TRAIT(TYPED), HIGH,
	  "starts a shell that takes orders from its input" },
	{ "exec-typed-shell", BEHAVIOUR_EXEC, TRAIT(SHELL) | TRAIT(TYPED), MEDIUM,
	  "starts a shell that takes orders from its input" },
	{ "exec-shell", BEHAVIOUR_EXEC, SERVICE | NEW | TRAIT(SHELL), LOW, "starts a shell" },
	{ "exec-shell", BEHAVIOUR_EXEC, SERVICE | TRAIT(SHELL) | TRAIT(CODE) | TRAIT(ALREADY_SHELL), MEDIUM,
	  "starts a shell" },
	{ "exec-shell", BEHAVIOUR_EXEC, SERVICE | TRAIT(SHELL) | TRAIT(ALREADY_SHELL), LOW, "starts a shell" },
	{ "exec-shell", BEHAVIOUR_EXEC, SERVICE | TRAIT(SHELL), HIGH, "starts a shell" },
	{ "exec-shell", BEHAVIOUR_EXEC, TRAIT(SHELL), LOW, "starts a shell" },
	{ "exec-code", BEHAVIOUR_EXEC, SERVICE | TRAIT(INTERPRETER) | TRAIT(CODE), HIGH,
	  "runs code that is in no file of its own" },
	{ "exec-code", BEHAVIOUR_EXEC, TRAIT(INTERPRETER) | TRAIT(TYPED), MEDIUM,
	  "runs code that is in no file of its own" },
	{ "exec-code", BEHAVIOUR_EXEC, TRAIT(INTERPRETER) | TRAIT(CODE), LOW,
	  "runs code that is in no file of its own" },
	{ "exec-rights", BEHAVIOUR_EXEC, SERVICE | TRAIT(RIGHTS), HIGH, "starts a tool that changes the user" },
	{ "exec-rights", BEHAVIOUR_EXEC, TRAIT(RIGHTS), LOW, "starts a tool that changes the user" },
	{ "exec-administration", BEHAVIOUR_EXEC, SERVICE | TRAIT(ADMIN), HIGH, "administers the system" },
	{ "exec-administration", BEHAVIOUR_EXEC, TRAIT(ADMIN), MEDIUM, "administers the system" },
	{ "exec-transfer", BEHAVIOUR_EXEC, SERVICE | TRAIT(DOWNLOADER), HIGH, "starts a transfer tool" },
	{ "exec-transfer", BEHAVIOUR_EXEC, TRAIT(DOWNLOADER), LOW, "starts a transfer tool" },
	{ "exec-reconnaissance", BEHAVIOUR_EXEC, SERVICE | TRAIT(RECON), HIGH, "looks around on the host" },
	{ "exec-reconnaissance", BEHAVIOUR_EXEC, TRAIT(RECON), LOW, "looks around on the host" },
	{ "exec-build", BEHAVIOUR_EXEC, NEW | TRAIT(BUILD), LOW, "compiles or installs software" },
	{ "exec-build", BEHAVIOUR_EXEC, SERVICE | TRAIT(BUILD), MEDIUM, "compiles or installs software" },
	{ "exec-build", BEHAVIOUR_EXEC, TRAIT(BUILD), LOW, "compiles or installs software" },
	{ "exec-new-context", BEHAVIOUR_EXEC, NEW, LOW, "starts a program" },
	{ "exec-database", BEHAVIOUR_EXEC, SERVICE | TRAIT(STORE), MEDIUM, "gets at a database by hand" },
	{ "exec-control", BEHAVIOUR_EXEC, SERVICE | TRAIT(MASTER), MEDIUM, "starts, stops or ends others" },
	{ "exec-altering", BEHAVIOUR_EXEC, SERVICE | TRAIT(ALTER), MEDIUM, "changes what files are" },
	{ "exec-reading", BEHAVIOUR_EXEC, SERVICE | TRAIT(LOOK), MEDIUM, "starts a tool that reads" },
	{ "exec-reading", BEHAVIOUR_EXEC, TRAIT(LOOK), INFORMATIONAL, "starts a tool that reads" },
	{ "exec-beside", BEHAVIOUR_EXEC, TRAIT(ALREADY_BESIDE), LOW, "starts another program of a place it uses" },
	{ "exec-elsewhere", BEHAVIOUR_EXEC, SERVICE | TRAIT(ELSEWHERE), MEDIUM, "starts a program of no package's" },
	{ "exec", BEHAVIOUR_EXEC, 0, LOW, "starts a program" },

	{ "connect-in-no-file", BEHAVIOUR_CONNECT, TRAIT(MEMFD), CRITICAL, "reaches out from code that is in no file" },
	{ "connect-names", BEHAVIOUR_CONNECT, TRAIT(RESOLVER) | TRAIT(NAME_PORT), INFORMATIONAL, "looks up names" },
	{ "connect-names", BEHAVIOUR_CONNECT, TRAIT(METADATA) | TRAIT(NAME_PORT), INFORMATIONAL, "looks up names" },
	{ "connect-metadata", BEHAVIOUR_CONNECT, SERVICE | TRAIT(METADATA), HIGH, "asks for the cloud's credentials" },
	{ "connect-metadata", BEHAVIOUR_CONNECT, TRAIT(METADATA), MEDIUM, "asks for the cloud's credentials" },
	{ "connect-from-temporary", BEHAVIOUR_CONNECT, TRAIT(ANYONES), CRITICAL,
	  "reaches out from where anyone may write" },
	{ "connect-shell", BEHAVIOUR_CONNECT, TRAIT(SHELL), CRITICAL, "lets a shell reach out" },
	{ "connect-relay", BEHAVIOUR_CONNECT, SERVICE | TRAIT(RELAY), CRITICAL, "lets a relay reach out" },
	{ "connect-relay", BEHAVIOUR_CONNECT, TRAIT(RELAY) | TRAIT(LOOPBACK), LOW, "lets a relay reach out" },
	{ "connect-relay", BEHAVIOUR_CONNECT, TRAIT(RELAY), HIGH, "lets a relay reach out" },
	{ "connect-code", BEHAVIOUR_CONNECT, SERVICE | TRAIT(INTERPRETER) | TRAIT(CODE), CRITICAL,
	  "lets code that is in no file of its own reach out" },
	{ "connect-code", BEHAVIOUR_CONNECT, TRAIT(INTERPRETER) | TRAIT(CODE) | TRAIT(LOOPBACK), LOW,
	  "lets code that is in no file of its own reach out" },
	{ "connect-code", BEHAVIOUR_CONNECT, TRAIT(INTERPRETER) | TRAIT(CODE), MEDIUM,
	  "lets code that is in no file of its own reach out" },
	{ "connect-loopback", BEHAVIOUR_CONNECT, TRAIT(LOOPBACK), LOW, "reaches this host itself" },
	{ "connect-loopback", BEHAVIOUR_CONNECT, TRAIT(EVERYWHERE), LOW, "reaches this host itself" },
	{ "connect-login", BEHAVIOUR_CONNECT, SERVICE | TRAIT(LOGIN_PORT), HIGH, "reaches where one logs in" },
	{ "connect-login", BEHAVIOUR_CONNECT, TRAIT(LOGIN_PORT), LOW, "reaches where one logs in" },
	{ "connect-time", BEHAVIOUR_CONNECT, TRAIT(UDP) | TRAIT(TIME_PORT), INFORMATIONAL, "asks for the time" },
	{ "connect-internet", BEHAVIOUR_CONNECT, TRAIT(INTERNET) | TRAIT(WEB_PORT) | TRAIT(ALREADY_OUT), LOW,
	  "reaches the internet" },
	{ "connect-internet", BEHAVIOUR_CONNECT, TRAIT(INTERNET) | TRAIT(DOWNLOADER) | JOB, MEDIUM,
	  "reaches the internet" },
	{ "connect-internet", BEHAVIOUR_CONNECT, TRAIT(INTERNET) | TRAIT(WEB_PORT) | JOB, LOW, "reaches the internet" },
	{ "connect-internet", BEHAVIOUR_CONNECT, TRAIT(INTERNET) | TRAIT(USUAL_PORT), MEDIUM, "reaches the internet" },
	{ "connect-internet-port", BEHAVIOUR_CONNECT, TRAIT(INTERNET) | SERVICE, HIGH,
	  "reaches the internet at an unusual port" },
	{ "connect-internet-port", BEHAVIOUR_CONNECT, TRAIT(INTERNET), MEDIUM,
	  "reaches the internet at an unusual port" },
	{ "connect-inside-port", BEHAVIOUR_CONNECT, TRAIT(INSIDE) | TRAIT(USUAL_PORT), LOW, "reaches another host" },
	{ "connect-inside-port", BEHAVIOUR_CONNECT, TRAIT(INSIDE) | TRAIT(ALREADY_OUT), LOW, "reaches another host" },
	{ "connect-unusual-port", BEHAVIOUR_CONNECT, SERVICE | TRAIT(INSIDE), MEDIUM,
	  "reaches another host at an unusual port" },
	{ "connect", BEHAVIOUR_CONNECT, 0, LOW, "reaches another host" },

	{ "accept-in-no-file", BEHAVIOUR_ACCEPT, TRAIT(MEMFD), CRITICAL, "lets code be reached that is in no file" },
	{ "accept-loopback", BEHAVIOUR_ACCEPT, TRAIT(LOOPBACK), INFORMATIONAL, "is reached from this host" },
	{ "accept-temporary", BEHAVIOUR_ACCEPT, TRAIT(ANYONES), CRITICAL, "is reached where anyone may write" },
	{ "accept-shell", BEHAVIOUR_ACCEPT, TRAIT(SHELL), CRITICAL, "lets a shell be reached" },
	{ "accept-relay", BEHAVIOUR_ACCEPT, TRAIT(RELAY), HIGH, "lets a relay be reached" },
	{ "accept-code", BEHAVIOUR_ACCEPT, SERVICE | TRAIT(INTERPRETER) | TRAIT(CODE), HIGH,
	  "lets code be reached that is in no file of its own" },
	{ "accept-udp", BEHAVIOUR_ACCEPT, TRAIT(UDP) | TRAIT(EPHEMERAL), LOW, "gets datagrams" },
	{ "accept-internet", BEHAVIOUR_ACCEPT, TRAIT(INTERNET) | TRAIT(ALREADY_REACHED), LOW,
	  "is reached from the internet" },
	{ "accept-internet", BEHAVIOUR_ACCEPT, TRAIT(INTERNET) | TRAIT(WEB_PORT) | TRAIT(ALREADY_PORT), LOW,
	  "is reached from the internet" },
	{ "accept-internet", BEHAVIOUR_ACCEPT, TRAIT(INTERNET), MEDIUM, "is reached from the internet" },
	{ "accept", BEHAVIOUR_ACCEPT, 0, LOW, "is reached by another host" },

	{ "listen-in-no-file", BEHAVIOUR_LISTEN, TRAIT(MEMFD), CRITICAL, "listens from code that is in no file" },
	{ "listen-temporary", BEHAVIOUR_LISTEN, TRAIT(ANYONES), CRITICAL, "listens from where anyone may write" },
	{ "listen-shell", BEHAVIOUR_LISTEN, TRAIT(SHELL), CRITICAL, "lets a shell listen" },
	{ "listen-relay", BEHAVIOUR_LISTEN, TRAIT(RELAY), HIGH, "lets a relay listen" },
	{ "listen-code", BEHAVIOUR_LISTEN, SERVICE | TRAIT(INTERPRETER) | TRAIT(CODE), HIGH,
	  "lets code listen that is in no file of its own" },
	{ "listen-loopback", BEHAVIOUR_LISTEN, TRAIT(LOOPBACK), LOW, "listens on this host only" },
	{ "listen-udp", BEHAVIOUR_LISTEN, TRAIT(UDP) | TRAIT(EPHEMERAL), LOW, "waits for datagrams" },
	{ "listen-udp", BEHAVIOUR_LISTEN, TRAIT(UDP) | JOB, LOW, "waits for datagrams" },
	{ "listen-udp", BEHAVIOUR_LISTEN, TRAIT(UDP), MEDIUM, "waits for datagrams" },
	{ "listen-ephemeral", BEHAVIOUR_LISTEN, TRAIT(EPHEMERAL) | TRAIT(ALREADY_LISTENS), LOW,
	  "listens at a port that the system chose" },
	{ "listen-ephemeral", BEHAVIOUR_LISTEN, TRAIT(EPHEMERAL), MEDIUM, "listens at a port that the system chose" },
	{ "listen-everywhere", BEHAVIOUR_LISTEN, TRAIT(EVERYWHERE), HIGH, "listens on every address" },
	{ "listen", BEHAVIOUR_LISTEN, 0, HIGH, "listens for other hosts" },

	{ "owner-root", BEHAVIOUR_OWNER, TRAIT(ROOT) | NEW, LOW, "runs as root" },
	{ "owner-root", BEHAVIOUR_OWNER, TRAIT(ROOT) | JOB, LOW, "runs as root" },
	{ "owner-root", BEHAVIOUR_OWNER, TRAIT(ROOT) | TRAIT(ALREADY_ROOT), LOW, "runs as root" },
	{ "owner-root", BEHAVIOUR_OWNER, TRAIT(ROOT) | TRAIT(SETUID_HELPER), LOW, "runs as root" },
	{ "owner-root", BEHAVIOUR_OWNER, TRAIT(ROOT), HIGH, "runs as root" },
	{ "owner", BEHAVIOUR_OWNER, 0, INFORMATIONAL, "runs as another user" },

	{ "privilege-temporary", BEHAVIOUR_PRIVILEGE, TRAIT(ANYONES), CRITICAL,
	  "gains rights from where anyone may write" },
	{ "privilege-root", BEHAVIOUR_PRIVILEGE, TRAIT(ROOT) | TRAIT(SETUID_HELPER), LOW, "gains root" },
	{ "privilege-root", BEHAVIOUR_PRIVILEGE, TRAIT(ROOT) | TRAIT(ALREADY_GAINS), MEDIUM, "gains root" },
	{ "privilege-root", BEHAVIOUR_PRIVILEGE, TRAIT(ROOT) | JOB, MEDIUM, "gains root" },
	{ "privilege-root", BEHAVIOUR_PRIVILEGE, TRAIT(ROOT), CRITICAL, "gains root" },
	{ "privilege-capabilities", BEHAVIOUR_PRIVILEGE, TRAIT(CAPABILITIES) | TRAIT(SETUID_HELPER), LOW,
	  "gains capabilities" },
	{ "privilege-capabilities", BEHAVIOUR_PRIVILEGE, TRAIT(CAPABILITIES) | SERVICE, HIGH, "gains capabilities" },
	{ "privilege-capabilities", BEHAVIOUR_PRIVILEGE, TRAIT(CAPABILITIES), LOW, "gains capabilities" },
	{ "privilege-group", BEHAVIOUR_PRIVILEGE, TRAIT(GROUP), LOW, "gains a group's rights" },
	{ "privilege", BEHAVIOUR_PRIVILEGE, SERVICE, MEDIUM, "gains another user's rights" },
	{ "privilege", BEHAVIOUR_PRIVILEGE, 0, LOW, "gains another user's rights" },

	{ "raw-packet", BEHAVIOUR_RAW, TRAIT(PACKET), HIGH, "reads all that passes the network" },
	{ "raw-ping", BEHAVIOUR_RAW, TRAIT(PING) | TRAIT(SETUID_HELPER), LOW, "pings" },
	{ "raw-ping", BEHAVIOUR_RAW, TRAIT(PING) | JOB, LOW, "pings" },
	{ "raw-ping", BEHAVIOUR_RAW, TRAIT(PING), MEDIUM, "pings" },
	{ "raw", BEHAVIOUR_RAW, 0, HIGH, "makes packets of its own" },

	{ "write-nothing", BEHAVIOUR_WRITE, TRAIT(NOTHING), INFORMATIONAL, "is known to write nothing" },
	{ "write-later", BEHAVIOUR_WRITE, TRAIT(PERSISTENCE) | SERVICE, CRITICAL, "changes what is run later" },
	{ "write-later", BEHAVIOUR_WRITE, TRAIT(PERSISTENCE), HIGH, "changes what is run later" },
	{ "write-accounts", BEHAVIOUR_WRITE, TRAIT(ACCOUNTS) | SERVICE, CRITICAL, "changes who may log in or do what" },
	{ "write-accounts", BEHAVIOUR_WRITE, TRAIT(ACCOUNTS), HIGH, "changes who may log in or do what" },
	{ "write-programs", BEHAVIOUR_WRITE, TRAIT(PROGRAM_FILE), HIGH, "changes programs of the system" },
	{ "write-login-records", BEHAVIOUR_WRITE, TRAIT(LOGIN_RECORDS), MEDIUM, "changes what is known of logins" },
	{ "write-certificates", BEHAVIOUR_WRITE, TRAIT(CERTIFICATES) | JOB, LOW, "changes certificates" },
	{ "write-certificates", BEHAVIOUR_WRITE, TRAIT(CERTIFICATES), MEDIUM, "changes certificates" },
	{ "write-settings", BEHAVIOUR_WRITE, TRAIT(SETTINGS), MEDIUM, "changes settings of the system" },
	{ "write-cached-script", BEHAVIOUR_WRITE, TRAIT(RUNNABLE) | TRAIT(CACHE), LOW, "writes a script to a cache" },
	{ "write-script", BEHAVIOUR_WRITE, TRAIT(RUNNABLE) | TRAIT(WEB_ROOT), HIGH,
	  "writes a script that a server may run" },
	{ "write-script", BEHAVIOUR_WRITE, TRAIT(STEERING) | TRAIT(WEB_ROOT), HIGH,
	  "writes a script that a server may run" },
	{ "write-runnable", BEHAVIOUR_WRITE, TRAIT(RUNNABLE) | TRAIT(ALREADY_DIRECTORY), LOW,
	  "writes a script or library" },
	{ "write-runnable", BEHAVIOUR_WRITE, TRAIT(RUNNABLE), MEDIUM, "writes a script or library" },
	{ "write-log", BEHAVIOUR_WRITE, SERVICE | TRAIT(LOG) | TRAIT(SHELL) | TRAIT(CODE), MEDIUM, "writes a log" },
	{ "write-log", BEHAVIOUR_WRITE, TRAIT(LOG), INFORMATIONAL, "writes a log" },
	{ "write-temporary", BEHAVIOUR_WRITE, TRAIT(TEMPORARY), INFORMATIONAL, "writes a temporary file" },
	{ "write", BEHAVIOUR_WRITE, 0, LOW, "writes a file" },
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void set(struct verdict *out, const struct row *row)
{
	*out = (struct verdict) { .severity = row->severity, .rule = row->rule, .consequence = row->consequence };
}

static void judge(unsigned kind, uint64_t traits, struct verdict *out)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (rows[i].kind == kind && (traits & rows[i].traits) == rows[i].traits) {
			set(out, &rows[i]);
			return;
		}
	}
	*out = (struct verdict) { .severity = MEDIUM, .rule = "other", .consequence = "does something new" };
}

void behaviour_severity(const struct behaviour *behaviour, struct model *known, struct verdict *out)
{
	judge(behaviour->kind, traits_of(behaviour, known), out);
}

void line_severity(const struct behaviour *line, struct model *known, struct verdict *out)
{
	uint64_t covered = traits_covered(line);
	struct verdict worst;

	behaviour_severity(line, known, out);
	if (!covered)
		return;
	judge(line->kind, traits_of(line, known) | covered, &worst);
	*out = *verdict_worse(out, &worst);
}

void context_severity(const struct behaviour *sample, struct verdict *out)
{
	judge(CONTEXT, traits_of(sample, NULL), out);
}

const struct verdict *verdict_worse(const struct verdict *one, const struct verdict *other)
{
	return other->severity > one->severity ? other : one;
}

size_t severity_rows(void)
{
	return ROW_COUNT;
}

void severity_row(size_t row, struct verdict *out)
{
	set(out, &rows[row]);
}

/* ---- as a page ---- */

static void print_traits(struct buffer *out, uint64_t traits)
{
	bool first = true;

	for (unsigned trait = 0; trait < TRAIT_COUNT; trait++) {
		if (!(traits & UINT64_C(1) << trait))
			continue;
		buffer_printf(out, "%s%s", first ? "" : "; ", trait_name(trait));
		first = false;
	}
	buffer_text(out, first ? "anything else" : "");
}

static void print_row(struct buffer *out, const struct row *row)
{
	buffer_printf(out, "| `%s` | %s | ", row->rule,
		      row->kind == CONTEXT ? "a context" : behaviour_kind_name(row->kind));
	print_traits(out, row->traits);
	buffer_printf(out, " | %s | %s |\n", severity_name(row->severity), row->consequence);
}

void severity_print(struct buffer *out)
{
	buffer_text(out, "| rule | news | that is | severity | consequence |\n| --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < ROW_COUNT; i++)
		print_row(out, &rows[i]);
	buffer_text(out, "\n| programs | names, without a version |\n| --- | --- |\n");
	for (unsigned trait = 0; trait < TRAIT_COUNT; trait++) {
		if (trait_programs(trait))
			buffer_printf(out, "| %s | %s |\n", trait_name(trait), trait_programs(trait));
	}
}
