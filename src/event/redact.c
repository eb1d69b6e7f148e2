/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what a secret in an argument looks like: by the name before it, by the option and program that take it,
 * by its own shape. Where it can't tell, it errs on the side of hiding. It keeps no copy: a kept byte moves
 * at most to the left, so that reading stays ahead of writing.
 */
#include "event/redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "event/program_priv.h"
#include "event/redact_priv.h"

/* Code within code ("sh -c 'ssh host \"…\"'") is followed this deep. */
#define DEPTH_MAX 4

/* The longest name before a = or : that is looked at, and the longest program name. */
#define NAME_MAX_SIZE 128

struct slice {
	const char *at;
	size_t size;
};

struct redactor {
	char *write; /* where the next kept byte goes */
	bool found;
	bool expands; /* in code, outside '…': $NAME stands for something else */
	bool feeds;   /* in code that pipes a password into a program */
	unsigned depth;
};

/* What is done with a value. */
enum treatment {
	TREAT_NOT,
	TREAT_WHOLE,
	TREAT_UNLESS_PATH,
	TREAT_AFTER_COLON,   /* user:password */
	TREAT_AFTER_PERCENT, /* user%password */
	TREAT_AFTER_COMMA,   /* user,password */
	TREAT_AFTER_SLASH,   /* user/password@database */
	TREAT_AFTER_EQUALS,  /* key=value */
	TREAT_PASS,          /* pass:password, but file:, env:, fd:, stdin */
	TREAT_COOKIE,        /* name=value, but a file's name */
	TREAT_CODE,          /* a shell reads it */
	TREAT_SCAN,          /* it can hold anything */
};

enum place { ATTACHED = 1, NEXT = 2, EITHER = ATTACHED | NEXT };

struct option {
	const char *name; /* with its dashes */
	enum place place;
	enum treatment treatment;
};

/* A program whose options don't speak for themselves. */
struct tool {
	const char *names;            /* separated by blanks; * at the end of one stands for anything */
	const char *flags;            /* letters of options without a value, which can stand before another's */
	const struct option *options; /* ended by one without a name */
	const char *after;            /* words of which one must have come before operands count */
	unsigned operand;             /* the first operand that is a secret, from 1; 0: none */
	enum treatment operand_treatment;
	unsigned traits;
};

#define PROMPTS       (1U << 0) /* --password without a value asks for it */
#define PASSES_ON     (1U << 1) /* runs the program that one of its arguments names */
#define NAMES_OPERAND (1U << 2) /* "set auth_token VALUE" */
#define FEEDS         (1U << 3) /* its operands are what the next program in the pipe reads */
#define OPTIONS_AFTER (1U << 4) /* `after` holds for the options too */
#define MAY_LACK_FILE (1U << 5) /* with -n it has one operand less */
#define COMPARES      (1U << 7) /* its words are values: [ "$1" = "--token" ] */
#define READS_CODE    (1U << 6) /* an operand with blanks in it is a shell's code */

#define OPTIONS(...) ((const struct option[]) { __VA_ARGS__, { NULL, EITHER, TREAT_NOT } })

static const struct tool tools[] = {
	{ .names = "mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlslap mysqlbinlog mysqlpump "
		   "mysqlsh mariadb mariadb-* mariabackup xtrabackup innobackupex",
	  .flags = "ABbCcEfGHiIjJLnNoqrstTvVwWX",
	  .options = OPTIONS({ "-p", ATTACHED, TREAT_WHOLE }),
	  .traits = PROMPTS },
	{ .names = "psql pg_* createdb dropdb createuser dropuser vacuumdb reindexdb clusterdb", .traits = PROMPTS },
	{ .names = "mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat mongotop mongofiles mycli "
		   "pgcli mydumper myloader pt-* cqlsh smbmap ncftp ncftpget ncftpput ncftpls rdesktop",
	  .options = OPTIONS({ "-p", EITHER, TREAT_WHOLE }) },
	{ .names = "redis-cli valkey-cli",
	  .options = OPTIONS({ "-a", NEXT, TREAT_WHOLE }, { "--pass", EITHER, TREAT_WHOLE }) },
	{ .names = "sshpass", .flags = "v", .options = OPTIONS({ "-p", EITHER, TREAT_WHOLE }), .traits = PASSES_ON },
	{ .names = "curl",
	  .flags = "#0123456fgGiIjJklLnNOpqRsSvVaBZ",
	  .options = OPTIONS({ "-u", EITHER, TREAT_AFTER_COLON }, { "-U", EITHER, TREAT_AFTER_COLON },
			     { "--user", EITHER, TREAT_AFTER_COLON }, { "--proxy-user", EITHER, TREAT_AFTER_COLON },
			     { "-E", EITHER, TREAT_AFTER_COLON }, { "--cert", EITHER, TREAT_AFTER_COLON },
			     { "-H", EITHER, TREAT_SCAN }, { "-b", EITHER, TREAT_COOKIE },
			     { "--cookie", EITHER, TREAT_COOKIE }, { "--pass", EITHER, TREAT_WHOLE },
			     { "--proxy-pass", EITHER, TREAT_WHOLE }, { "--oauth2-bearer", EITHER, TREAT_WHOLE }) },
	{ .names = "http https httpie xh",
	  .options = OPTIONS({ "-a", EITHER, TREAT_AFTER_COLON }, { "--auth", EITHER, TREAT_AFTER_COLON }) },
	{ .names = "ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldapcompare ldapmodrdn ldapexop ldapvi",
	  .flags = "xZnvMcCLANQtu",
	  .options = OPTIONS({ "-w", EITHER, TREAT_WHOLE }) },
	{ .names = "ldappasswd",
	  .flags = "xZnvMCNQAS",
	  .options = OPTIONS({ "-w", EITHER, TREAT_WHOLE }, { "-s", EITHER, TREAT_WHOLE },
			     { "-a", EITHER, TREAT_WHOLE }) },
	{ .names = "smbclient rpcclient net smbget smbcacls smbcquotas smbtree winexe",
	  .flags = "NkPgEL",
	  .options = OPTIONS({ "-U", EITHER, TREAT_AFTER_PERCENT }, { "--user", EITHER, TREAT_AFTER_PERCENT }) },
	{ .names = "lftp",
	  .options = OPTIONS({ "-u", EITHER, TREAT_AFTER_COMMA }, { "--user", EITHER, TREAT_AFTER_COMMA }) },
	{ .names = "sqlplus rman expdp impdp sqlldr", .operand = 1, .operand_treatment = TREAT_AFTER_SLASH },
	{ .names = "sqlcmd bcp isql osql tsql ipmitool mosquitto_pub mosquitto_sub mosquitto_rr zip zipcloak unzip",
	  .options = OPTIONS({ "-P", EITHER, TREAT_WHOLE }) },
	{ .names = "snmpget snmpgetnext snmpset snmpwalk snmpbulkwalk snmpbulkget snmptable snmptrap snmpstatus",
	  .options = OPTIONS({ "-A", EITHER, TREAT_WHOLE }, { "-X", EITHER, TREAT_WHOLE },
			     { "-c", EITHER, TREAT_WHOLE }) },
	{ .names = "7z 7za 7zr 7zz rar unrar",
	  .options = OPTIONS({ "-p", ATTACHED, TREAT_WHOLE }, { "-hp", ATTACHED, TREAT_WHOLE }) },
	{ .names = "useradd usermod groupadd groupmod newusers", .options = OPTIONS({ "-p", EITHER, TREAT_WHOLE }) },
	{ .names = "docker podman nerdctl buildah skopeo helm oras crane az oc",
	  .options = OPTIONS({ "-p", EITHER, TREAT_WHOLE }),
	  .after = "login",
	  .traits = PASSES_ON | OPTIONS_AFTER },
	{ .names = "openssl",
	  .options = OPTIONS({ "-passin", EITHER, TREAT_PASS }, { "-passout", EITHER, TREAT_PASS },
			     { "-pass", EITHER, TREAT_PASS }, { "-k", NEXT, TREAT_WHOLE }, { "-K", NEXT, TREAT_WHOLE },
			     { "-passwd", EITHER, TREAT_PASS }, { "-hmac", NEXT, TREAT_WHOLE }),
	  .after = "passwd",
	  .operand = 2,
	  .operand_treatment = TREAT_WHOLE },
	{ .names = "pkcs11-tool pkcs15-tool",
	  .options = OPTIONS({ "-p", EITHER, TREAT_WHOLE }, { "--pin", EITHER, TREAT_WHOLE },
			     { "--so-pin", EITHER, TREAT_WHOLE }, { "--new-pin", EITHER, TREAT_WHOLE }) },
	{ .names = "xfreerdp wlfreerdp", .options = OPTIONS({ "/p:", ATTACHED, TREAT_WHOLE }) },
	{ .names = "htpasswd htdbm", .operand = 3, .operand_treatment = TREAT_WHOLE, .traits = MAY_LACK_FILE },
	{ .names = "wpa_passphrase", .operand = 2, .operand_treatment = TREAT_WHOLE },
	{ .names = "rabbitmqctl",
	  .after = "add_user change_password authenticate_user",
	  .operand = 3,
	  .operand_treatment = TREAT_WHOLE },
	{ .names = "vault", .after = "login", .operand = 2, .operand_treatment = TREAT_WHOLE },
	{ .names = "mc", .after = "alias", .operand = 5, .operand_treatment = TREAT_WHOLE },
	{ .names = "nmcli", .traits = NAMES_OPERAND },
	{ .names = "npm yarn pnpm git pip gcloud", .after = "config config:*", .traits = NAMES_OPERAND },
	{ .names = "aws", .after = "configure", .traits = NAMES_OPERAND },
	{ .names = "su runuser sg script flock",
	  .flags = "abdefhlmpqrsux",
	  .options = OPTIONS({ "-c", EITHER, TREAT_CODE }, { "--command", EITHER, TREAT_CODE }),
	  .traits = PASSES_ON },
	{ .names = "ssh watch eval parallel", .traits = PASSES_ON | READS_CODE },
	{ .names = "kubectl",
	  .options = OPTIONS({ "--from-literal", EITHER, TREAT_AFTER_EQUALS }),
	  .after = "secret secrets",
	  .traits = PASSES_ON | OPTIONS_AFTER },
	{ .names = "crictl lxc machinectl systemd-run find strace exec command", .traits = PASSES_ON },
	{ .names = "echo printf", .traits = FEEDS },
	{ .names = "[ [[ test", .traits = COMPARES },
};

/* Any shell: -c anywhere in a word of letters makes the next operand code. */
static const struct tool shell_tool = {
	.flags = "abdefhiklmnpqrstuvxBCDEHPTo",
	.options = OPTIONS({ "-c", NEXT, TREAT_CODE }),
	.traits = PASSES_ON,
};

/* Slices */

static struct slice slice_of(const char *at, size_t size)
{
	return (struct slice) { at, size };
}

static struct slice slice_from(struct slice text, size_t from)
{
	return slice_of(text.at + from, text.size - from);
}

static bool slice_is(struct slice slice, const char *text)
{
	return slice.size == strlen(text) && memcmp(slice.at, text, slice.size) == 0;
}

static bool slice_is_word(struct slice slice, const char *text)
{
	return slice.size == strlen(text) && strncasecmp(slice.at, text, slice.size) == 0;
}

static bool slice_starts(struct slice slice, const char *prefix)
{
	size_t size = strlen(prefix);

	return slice.size >= size && memcmp(slice.at, prefix, size) == 0;
}

static bool slice_has(struct slice slice, const char *part)
{
	return memmem(slice.at, slice.size, part, strlen(part)) != NULL;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_quote(char byte)
{
	return byte == '"' || byte == '\'';
}

static bool is_alnum(char byte)
{
	return isalnum((unsigned char)byte) && (unsigned char)byte < 0x80;
}

static bool is_name_byte(char byte)
{
	return is_alnum(byte) || byte == '_' || byte == '-' || byte == '.';
}

/* Does `match` hold for one of `list`, words with one blank between them? None is longer than what it matches. */
static bool is_listed(const char *list, struct slice word, bool (*match)(struct slice word, struct slice listed))
{
	for (const char *end; *list; list = *end ? end + 1 : end) {
		struct slice listed;

		end = strchrnul(list, ' ');
		listed = slice_of(list, (size_t)(end - list));
		if (listed.size <= word.size && match(word, listed))
			return true;
	}
	return false;
}

static bool match_equal(struct slice word, struct slice listed)
{
	return word.size == listed.size && strncasecmp(word.at, listed.at, word.size) == 0;
}

static bool match_ending(struct slice word, struct slice listed)
{
	return strncasecmp(word.at + word.size - listed.size, listed.at, listed.size) == 0;
}

static bool match_part(struct slice word, struct slice listed)
{
	char first = *listed.at; /* in lower case, as all that is listed */

	for (size_t i = 0; i + listed.size <= word.size; i++) {
		if ((word.at[i] | 0x20) == first && strncasecmp(word.at + i, listed.at, listed.size) == 0)
			return true;
	}
	return false;
}

/* listed is a program's name, perhaps with a star at its end */
static bool match_program(struct slice word, struct slice listed)
{
	if (listed.at[listed.size - 1] == '*')
		return memcmp(word.at, listed.at, listed.size - 1) == 0;
	return word.size == listed.size && memcmp(word.at, listed.at, word.size) == 0;
}

/* Names that tell: what stands before a secret. */

static const char passwords[] = "password passwd passphrase passcode";
static const char secrets[] =
	"secret secrets token pwd pass creds apikey accesskey secretkey accountkey sharedkey authkey "
	"signingkey encryptionkey masterkey psk bearer";
static const char keys[] = "privatekey credential credentials";

/* Words that only end like the above. */
static const char innocent[] = "oldpwd bypass compass encompass overpass underpass trespass surpass multipass nopass "
			       "passwordless";

/* With one of these before it, "key" is a secret. */
static const char secret_key_kinds[] = "api access secret account shared auth signing encryption master";

/* A name that ends so is about a secret, not it. */
static const char about[] =
	"file files path paths dir directory folder url uri endpoint type name names ttl expiry expires expiration "
	"timeout "
	"length len min max policy age store helper stdin prompt env fd cmd command program format required enabled "
	"disabled count limit size host port user username version algorithm method mode provider manager source "
	"prefix "
	"field header param label issuer audience scope server service location callback template pattern arn days "
	"hours "
	"minutes lifetime duration interval attempts retries";

/* An option that begins so asks for a secret, or is a switch. */
static const char asking[] =
	"no ask use prompt skip without with show generate enable disable require allow force stdin";

static enum telling word_tells(struct slice before, struct slice word)
{
	if (is_listed(innocent, word, match_ending))
		return TELLS_NOTHING;
	if (is_listed(passwords, word, match_part) || is_listed(secrets, word, match_ending))
		return TELLS_SECRET;
	if (is_listed(keys, word, match_ending))
		return TELLS_KEY;
	if (!slice_is_word(word, "key") && !slice_is_word(word, "keys"))
		return TELLS_NOTHING;
	if (slice_is_word(before, "private"))
		return TELLS_KEY;
	return is_listed(secret_key_kinds, before, match_equal) ? TELLS_SECRET : TELLS_NOTHING;
}

/* The next word of a name, of those between _ - and . */
static struct slice next_word(struct slice *name)
{
	size_t skip = 0, size = 0;
	struct slice word;

	while (skip < name->size && !is_alnum(name->at[skip]))
		skip++;
	*name = slice_from(*name, skip);
	while (size < name->size && is_alnum(name->at[size]))
		size++;
	word = slice_of(name->at, size);
	*name = slice_from(*name, size);
	return word;
}

/* Most names have nothing of what any name that tells has, which is cheap to see. */
static bool may_tell(struct slice name)
{
	static const char stems[] = "pass pwd psk secret token key cred bearer auth";

	return is_listed(stems, name, match_part);
}

/* `variable`: NAME=value rather than an option; there the word "auth" tells too. */
static enum telling name_tells(struct slice name, bool variable)
{
	struct slice word, last = { "", 0 };
	enum telling telling = TELLS_NOTHING, now;

	if (name.size > NAME_MAX_SIZE)
		name = slice_from(name, name.size - NAME_MAX_SIZE);
	if (!may_tell(name))
		return TELLS_NOTHING;
	while ((word = next_word(&name)).size) {
		now = variable && slice_is_word(word, "auth") ? TELLS_SECRET : word_tells(last, word);
		if (now != TELLS_NOTHING)
			telling = now;
		last = word;
	}
	return is_listed(about, last, match_equal) ? TELLS_NOTHING : telling;
}

/* Out */

static void keep(struct redactor *redactor, struct slice text)
{
	memmove(redactor->write, text.at, text.size);
	redactor->write += text.size;
}

/* $NAME or ${NAME}, or the $ before a ( that ended the word. */
static bool is_variable(struct slice value)
{
	size_t i = 1;

	if (!slice_starts(value, "$"))
		return false;
	if (value.size > 3 && value.at[1] == '{' && value.at[value.size - 1] == '}') {
		value.size--;
		i++;
	}
	while (i < value.size && (is_alnum(value.at[i]) || value.at[i] == '_'))
		i++;
	return i == value.size;
}

static bool is_harmless(const struct redactor *redactor, struct slice value)
{
	if (value.size == 1 && isdigit((unsigned char)*value.at)) /* a switch, a count */
		return true;
	return !value.size || slice_is(value, "***") || is_listed("true false yes no none null", value, match_equal) ||
	       (redactor->expands && is_variable(value));
}

static void hide_bare(struct redactor *redactor, struct slice value)
{
	if (is_harmless(redactor, value)) {
		keep(redactor, value);
		return;
	}
	keep(redactor, slice_of("***", value.size < 3 ? value.size : 3));
	redactor->found = true;
}

/* Quotes around the value stay, so that a shell's text still reads well. */
static void hide(struct redactor *redactor, struct slice value)
{
	bool expands = redactor->expands;
	struct slice quote = slice_of(value.at, 1);

	if (value.size < 2 || !is_quote(value.at[0]) || value.at[value.size - 1] != value.at[0]) {
		hide_bare(redactor, value);
		return;
	}
	redactor->expands = expands && value.at[0] == '"';
	keep(redactor, quote);
	hide_bare(redactor, slice_of(value.at + 1, value.size - 2));
	keep(redactor, slice_of(value.at + value.size - 1, 1));
	redactor->expands = expands;
}

/* Secrets within a text */

/* Part of a text; from == to is none. */
struct range {
	size_t from, to;
};

static const struct range nothing = { 0, 0 };

/* Secrets that show what they are. */
struct token {
	const char *prefix;
	const char *extra; /* what they are made of besides letters and digits */
	size_t minimum;    /* bytes after the prefix */
	char needs;        /* '.', or '0' for any digit, which plain words have none of; NUL: nothing */
	bool keeps_prefix;
};

static const struct token tokens[] = {
	{ "AKIA", "", 16, '\0', false },
	{ "ASIA", "", 16, '\0', false },
	{ "ghp_", "", 16, '\0', false },
	{ "gho_", "", 16, '\0', false },
	{ "ghu_", "", 16, '\0', false },
	{ "ghs_", "", 16, '\0', false },
	{ "ghr_", "", 16, '\0', false },
	{ "github_pat_", "_", 16, '\0', false },
	{ "glpat-", "-_", 16, '\0', false },
	{ "gldt-", "-_", 16, '\0', false },
	{ "glrt-", "-_", 16, '\0', false },
	{ "xoxa-", "-", 8, '\0', false },
	{ "xoxb-", "-", 8, '\0', false },
	{ "xoxe-", "-", 8, '\0', false },
	{ "xoxp-", "-", 8, '\0', false },
	{ "xoxr-", "-", 8, '\0', false },
	{ "xoxs-", "-", 8, '\0', false },
	{ "xapp-", "-", 8, '0', false },
	{ "sk-", "-_", 20, '0', false },
	{ "sk-", "", 20, '\0', false },
	{ "sk_live_", "", 16, '\0', false },
	{ "sk_test_", "", 16, '\0', false },
	{ "rk_live_", "", 16, '\0', false },
	{ "whsec_", "+/=", 20, '\0', false },
	{ "AIza", "-_", 30, '\0', false },
	{ "ya29.", "-_.", 20, '\0', false },
	{ "npm_", "", 30, '0', false },
	{ "pypi-", "-_", 50, '0', false },
	{ "dop_v1_", "", 40, '0', false },
	{ "hvs.", "-_", 20, '\0', false },
	{ "SG.", "-_.", 30, '\0', false },
	{ "AGE-SECRET-KEY-1", "", 40, '0', false },
	{ "eyJ", "-_.", 20, '.', false },
	{ "Bearer ", "-_.~+/=", 12, '0', true },
	{ "hooks.slack.com/services/", "/", 10, '\0', true },
	{ "api.telegram.org/bot", ":-_", 20, '0', true },
	{ "discord.com/api/webhooks/", "/-_", 20, '0', true },
};

static bool has_needed(struct slice text, char needs)
{
	if (!needs)
		return true;
	for (size_t i = 0; i < text.size; i++) {
		if (needs == '0' ? isdigit((unsigned char)text.at[i]) : text.at[i] == needs)
			return true;
	}
	return false;
}

static size_t token_span(const struct token *token, struct slice text, size_t from, size_t most)
{
	size_t end = from;

	while (end < text.size && end - from < most && (is_alnum(text.at[end]) || strchr(token->extra, text.at[end])))
		end++;
	return end - from;
}

/* The length of the token that starts `text`, or 0. */
static size_t token_length(const struct token *token, struct slice text)
{
	size_t prefix = strlen(token->prefix), size;

	if (*text.at != *token->prefix || !slice_starts(text, token->prefix))
		return 0;
	/* Its beginning decides, so that many prefixes in a row are not each read to the end. */
	size = token_span(token, text, prefix, token->minimum + 64);
	if (size < token->minimum || !has_needed(slice_of(text.at + prefix, size), token->needs))
		return 0;
	return prefix + token_span(token, text, prefix, text.size);
}

static struct range token_at(struct slice text, size_t i)
{
	for (size_t n = 0; n < sizeof(tokens) / sizeof(tokens[0]); n++) {
		size_t length = token_length(&tokens[n], slice_from(text, i));

		if (length)
			return (struct range) { i + (tokens[n].keeps_prefix ? strlen(tokens[n].prefix) : 0),
						i + length };
	}
	return nothing;
}

/* A private key in PEM, all but its first and last line. */
static struct range key_at(struct slice text, size_t i)
{
	static const char begin[] = "-----BEGIN ", kind[] = "PRIVATE KEY-----", end[] = "-----END ";
	struct slice rest = slice_from(text, i);
	const char *body, *last;

	if (!slice_starts(rest, begin))
		return nothing;
	body = memmem(rest.at, rest.size < 64 ? rest.size : 64, kind, strlen(kind));
	if (!body)
		return nothing;
	body += strlen(kind);
	rest = slice_from(text, (size_t)(body - text.at));
	last = memmem(rest.at, rest.size, end, strlen(end));
	return (struct range) { (size_t)(body - text.at), last ? (size_t)(last - text.at) : text.size };
}

/* Where the name that ends before `end` starts. What lies before `floor` has been written already. */
static size_t name_start(struct slice text, size_t floor, size_t end)
{
	size_t start = end;

	while (start > floor && end - start < NAME_MAX_SIZE && is_name_byte(text.at[start - 1]))
		start--;
	return start;
}

static bool starts_assignment(struct slice text, size_t i)
{
	size_t start;

	while (i < text.size && is_blank(text.at[i]))
		i++;
	for (start = i; i < text.size && i - start < NAME_MAX_SIZE && is_name_byte(text.at[i]); i++)
		;
	return i > start && i < text.size && text.at[i] == '=';
}

/* Where a value ends that is one of several. `first`: its name started the text. */
static size_t value_end(struct slice text, size_t from, bool first)
{
	for (size_t i = from; i < text.size; i++) {
		char byte = text.at[i];

		if (is_blank(byte) || byte == '&' || byte == ';' || byte == ',') {
			if (starts_assignment(text, i + 1) || (!first && byte != ','))
				return i;
		} else if (!first && (is_quote(byte) || strchr("<>)}", byte))) {
			return i;
		}
	}
	return text.size;
}

/* Where a value in quotes ends; its opening quote stands before `from`, perhaps behind a backslash. */
static size_t quoted_end(struct slice text, size_t from)
{
	bool escaped = from >= 2 && text.at[from - 2] == '\\';

	for (size_t i = from; i < text.size; i++) {
		if (text.at[i] == text.at[from - 1] && (escaped || text.at[i - 1] != '\\'))
			return escaped && i > from && text.at[i - 1] == '\\' ? i - 1 : i;
	}
	return text.size;
}

/* The first byte after an opening quote at `i`, or `i`. */
static size_t skip_quote(struct slice text, size_t i)
{
	size_t at = i;

	if (at < text.size && text.at[at] == '\\')
		at++;
	return at < text.size && is_quote(text.at[at]) ? at + 1 : i;
}

static bool is_shouted(struct slice name)
{
	for (size_t i = 0; i < name.size; i++) {
		if (islower((unsigned char)name.at[i]))
			return false;
	}
	return true;
}

static bool is_path(struct slice value)
{
	if (value.size && is_quote(*value.at))
		value = slice_from(value, 1);
	return slice_starts(value, "/") || slice_starts(value, "./") || slice_starts(value, "../") ||
	       slice_starts(value, "~/") || slice_starts(value, "file:");
}

/* The name before the = at `i`; also that of "name"=, name[…]=, NAME+= and `name =`. */
static struct slice name_before(struct slice text, size_t floor, size_t i)
{
	size_t end = i, start;

	while (end > floor && text.at[end - 1] == ' ')
		end--;
	if (end == i && end > floor && strchr("+\"']", text.at[end - 1]))
		end--;
	start = name_start(text, floor, end);
	return slice_of(text.at + start, end - start);
}

/* The value of NAME=value, whose = is at `i`. */
static struct range assigned_at(const struct redactor *redactor, struct slice text, size_t floor, size_t i)
{
	struct slice name = name_before(text, floor, i);
	enum telling telling = name_tells(name, true);
	bool spaced = i > floor && text.at[i - 1] == ' ', first = name.at == text.at && name.size == i;
	size_t value = i + 1, inner;

	while (spaced && value < text.size && text.at[value] == ' ')
		value++;
	inner = skip_quote(text, value);
	if (telling == TELLS_NOTHING || value >= text.size ||
	    (telling == TELLS_KEY && is_path(slice_from(text, value))))
		return nothing;
	if (spaced && inner == value) /* prose, or a comparison */
		return nothing;
	if (first ? slice_is(name, "PWD") : text.at[value] == '=')
		return nothing;
	if (first && (is_shouted(name) || (inner > value && redactor->depth)))
		return (struct range) { value, text.size };
	if (inner > value)
		return (struct range) { inner, quoted_end(text, inner) };
	return (struct range) { value, value_end(text, value, first) };
}

/* The password in scheme://user:password@host, whose first colon is at `i`. */
static struct range url_at(struct slice text, size_t i)
{
	size_t start = i + 3, end = start, colon = 0, at = 0;

	for (; end < text.size && !is_blank(text.at[end]) && !is_quote(text.at[end]) && !strchr("<>", text.at[end]);
	     end++) {
		if (text.at[end] == '[' && end == start) /* an IPv6 address, not a user */
			return nothing;
		/* A / ends what can hold a password, unless all before it can't be a host and its port. */
		if (strchr("/?#", text.at[end]) &&
		    (at || !colon || end == colon + 1 + strspn(text.at + colon + 1, "0123456789")))
			break;
		if (text.at[end] == ':' && !colon)
			colon = end;
		if (text.at[end] == '@')
			at = end;
	}
	if (at && colon && colon < at)
		return (struct range) { colon + 1, at };
	/* A lone user this long is a token. */
	if (at >= start + 20 && has_needed(slice_of(text.at + start, at - start), '0'))
		return (struct range) { start, at };
	return nothing;
}

static const char headers[] = "authorization proxy-authorization cookie set-cookie";

/* "name": value, as in JSON; its colon is at `i`, and a quote before it. */
static struct range member_at(struct slice text, size_t floor, size_t i)
{
	size_t end = i - 1, start, value = i + 1, inner;
	struct slice name;

	if (end > floor && text.at[end - 1] == '\\')
		end--;
	start = name_start(text, floor, end);
	name = slice_of(text.at + start, end - start);
	if (!name.size || (name_tells(name, true) == TELLS_NOTHING && !is_listed(headers, name, match_equal)))
		return nothing;
	while (value < text.size && is_blank(text.at[value]))
		value++;
	inner = skip_quote(text, value);
	if (inner > value)
		return (struct range) { inner, quoted_end(text, inner) };
	return (struct range) { value, value_end(text, value, false) };
}

/* After the scheme of an Authorization header, which is no secret. */
static size_t skip_scheme(struct slice text, size_t i)
{
	size_t end = i;

	while (end < text.size && is_name_byte(text.at[end]))
		end++;
	if (end == text.size || !is_blank(text.at[end]) ||
	    !is_listed("bearer basic token digest apikey negotiate", slice_of(text.at + i, end - i), match_equal))
		return i;
	while (end < text.size && is_blank(text.at[end]))
		end++;
	return end;
}

/* Name: value, to the end of the line or of the quotes that it stands in. */
static struct range header_at(struct slice text, size_t floor, size_t i)
{
	size_t start = name_start(text, floor, i), value = i + 1, end;
	struct slice name = slice_of(text.at + start, i - start);
	char before = start > floor ? text.at[start - 1] : '\n';
	bool spaced = value < text.size && text.at[value] == ' ';

	while (value < text.size && (text.at[value] == ' ' || text.at[value] == '\t'))
		value++;
	if (!is_listed(headers, name, match_equal)) {
		enum telling telling = name_tells(name, false);

		if ((before != '\n' && !is_quote(before)) || telling == TELLS_NOTHING)
			return nothing;
		if (telling == TELLS_KEY && is_path(slice_from(text, value)))
			return nothing;
		if (!spaced && (!slice_has(name, "-") || is_path(slice_from(text, value))))
			return nothing;
	}
	value = skip_scheme(text, value);
	for (end = value; end < text.size && text.at[end] != '\n' && text.at[end] != '\r'; end++) {
		if (is_quote(before) && text.at[end] == before)
			break;
	}
	return (struct range) { value, end };
}

static struct range colon_at(struct slice text, size_t floor, size_t i)
{
	if (i == floor || i + 1 >= text.size)
		return nothing;
	if (slice_starts(slice_from(text, i), "://") && is_alnum(text.at[i - 1]))
		return url_at(text, i);
	if (is_quote(text.at[i - 1]))
		return member_at(text, floor, i);
	return is_name_byte(text.at[i - 1]) ? header_at(text, floor, i) : nothing;
}

/* SQL: PASSWORD 'x', PASSWORD('x'), IDENTIFIED BY 'x'; the opening quote is at `i`. */
static struct range sql_at(struct slice text, size_t floor, size_t i)
{
	size_t end = i, start, before;
	struct slice word;

	if (end > floor && text.at[end - 1] == '(')
		end--;
	while (end > floor && is_blank(text.at[end - 1]))
		end--;
	start = name_start(text, floor, end);
	before = start - floor > NAME_MAX_SIZE ? start - NAME_MAX_SIZE : floor;
	word = slice_of(text.at + start, end - start);
	if (end == i || !is_listed("password by", word, match_equal))
		return nothing;
	if (slice_is_word(word, "by") &&
	    !is_listed("identified", slice_of(text.at + before, start - before), match_part))
		return nothing;
	return (struct range) { i + 1, quoted_end(text, i + 1) };
}

/* The secret that the byte at `i` gives away; it starts there or later. */
static struct range secret_at(const struct redactor *redactor, struct slice text, size_t floor, size_t i)
{
	char byte = text.at[i];

	if (byte == '=')
		return assigned_at(redactor, text, floor, i);
	if (byte == ':')
		return colon_at(text, floor, i);
	if (byte == '-')
		return key_at(text, i);
	if (is_quote(byte))
		return sql_at(text, floor, i);
	if (is_alnum(byte) && (i == 0 || !(is_alnum(text.at[i - 1]) || text.at[i - 1] == '_')))
		return token_at(text, i);
	return nothing;
}

static void scan(struct redactor *redactor, struct slice text)
{
	size_t done = 0, i = 0;

	while (i < text.size) {
		struct range secret = secret_at(redactor, text, done, i);

		if (secret.from == secret.to) {
			i++;
			continue;
		}
		keep(redactor, slice_of(text.at + done, secret.from - done));
		hide(redactor, slice_of(text.at + secret.from, secret.to - secret.from));
		done = i = secret.to;
	}
	keep(redactor, slice_from(text, done));
}

/* Values of options */

static void take_code(struct redactor *redactor, struct slice code);

/* Hides what follows the first `mark`, to the last `until` or to the end. */
static void hide_after(struct redactor *redactor, struct slice value, char mark, char until)
{
	const char *found = value.size ? memchr(value.at, mark, value.size) : NULL, *end;
	size_t from;

	if (!found || (mark == '/' && (found == value.at || *value.at == '@'))) { /* sqlplus / as sysdba, @script */
		scan(redactor, value);
		return;
	}
	from = (size_t)(found - value.at) + 1;
	end = until ? memrchr(value.at + from, until, value.size - from) : NULL;
	keep(redactor, slice_of(value.at, from));
	value = slice_from(value, from);
	from = end ? (size_t)(end - value.at) : value.size;
	hide(redactor, slice_of(value.at, from));
	keep(redactor, slice_from(value, from));
}

static void treat(struct redactor *redactor, enum treatment treatment, struct slice value)
{
	switch (treatment) {
	case TREAT_WHOLE:
		hide(redactor, value);
		break;
	case TREAT_UNLESS_PATH:
		(is_path(value) ? keep : hide)(redactor, value);
		break;
	case TREAT_AFTER_COLON:
		hide_after(redactor, value, ':', '\0');
		break;
	case TREAT_AFTER_PERCENT:
		hide_after(redactor, value, '%', '\0');
		break;
	case TREAT_AFTER_COMMA:
		hide_after(redactor, value, ',', '\0');
		break;
	case TREAT_AFTER_SLASH:
		hide_after(redactor, value, '/', '@');
		break;
	case TREAT_AFTER_EQUALS:
		hide_after(redactor, value, '=', '\0');
		break;
	case TREAT_PASS:
		if (slice_starts(value, "pass:"))
			hide_after(redactor, value, ':', '\0');
		else
			keep(redactor, value);
		break;
	case TREAT_COOKIE:
		(slice_has(value, "=") ? hide : keep)(redactor, value);
		break;
	case TREAT_CODE:
		take_code(redactor, value);
		break;
	case TREAT_SCAN:
	case TREAT_NOT:
		scan(redactor, value);
		break;
	}
}

/* Words of a command */

/* One command, word by word. */
struct command {
	bool expects_name;       /* the next word is the program */
	bool passes_on;          /* … or a later one, which then counts */
	bool after;              /* tool->after has come */
	bool next_unless_option; /* `next` does not hold for a word with a dash */
	bool names_user;         /* the next word is no program: sudo -u mysql */
	const struct tool *tool; /* or NULL */
	unsigned operands;       /* so far */
	enum treatment next;     /* of the next word */
};

static const struct tool *find_tool(struct slice base)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		if (is_listed(tools[i].names, base, match_program))
			return &tools[i];
	}
	return NULL;
}

/* Makes `word` the command's program, if it is one we know or `always`. */
static bool set_program(struct command *command, struct slice word, bool always)
{
	char name[NAME_MAX_SIZE] = "";
	const char *slash = memrchr(word.at, '/', word.size);
	const struct tool *tool;
	bool passes_on;

	if (slash)
		word = slice_from(word, (size_t)(slash - word.at) + 1);
	else if (slice_starts(word, "-")) /* a login shell */
		word = slice_from(word, 1);
	if (word.size < sizeof(name))
		memcpy(name, word.at, word.size);
	tool = program_is_shell(name) ? &shell_tool : find_tool(word);
	passes_on = (tool && tool->traits & PASSES_ON) || program_passes_on(name) || program_is_interpreter(name);
	if (!always && !tool && !passes_on)
		return false;
	*command = (struct command) {
		.tool = tool,
		.passes_on = passes_on,
	};
	return true;
}

/* The options of the command's tool, or NULL where they don't apply. */
static const struct option *options_of(const struct command *command)
{
	const struct tool *tool = command->tool;

	return tool && (command->after || !(tool->traits & OPTIONS_AFTER)) ? tool->options : NULL;
}

static const struct option *find_option(const struct command *command, struct slice name)
{
	const struct option *option;

	for (option = options_of(command); option && option->name; option++) {
		if (slice_is(name, option->name))
			return option;
	}
	return NULL;
}

/* An option of the tool with its value at `at` in `word`. */
static void take_value(struct redactor *redactor, struct command *command, const struct option *option,
		       struct slice word, size_t at)
{
	keep(redactor, slice_of(word.at, at));
	if (at < word.size) {
		treat(redactor, option->place & ATTACHED ? option->treatment : TREAT_SCAN, slice_from(word, at));
	} else if (option->place & NEXT && word.at[at - 1] != '=') {
		command->next = option->treatment;
		command->next_unless_option = option->treatment == TREAT_CODE;
	}
}

/* Options of one letter in one word, of which the last can have its value with it: mysql -ABpsecret. */
static bool take_letters(struct redactor *redactor, struct command *command, struct slice word)
{
	const char *flags = command->tool->flags;
	char name[2] = "-";
	const struct option *option;

	for (size_t i = 1; i < word.size; i++) {
		name[1] = word.at[i];
		option = find_option(command, slice_of(name, 2));
		/* A shell's -c takes no value itself: the code is the first operand. */
		if (option && option->place == NEXT && option->treatment == TREAT_CODE)
			i = word.size - 1;
		if (option && (option->place & ATTACHED || i + 1 == word.size)) {
			take_value(redactor, command, option, word, i + 1);
			return true;
		}
		if (!flags || !strchr(flags, word.at[i]))
			return false;
	}
	return false;
}

/* An option that is special to the tool. */
static bool take_tool_option(struct redactor *redactor, struct command *command, struct slice word)
{
	const char *equals = memchr(word.at, '=', word.size);
	size_t size = equals ? (size_t)(equals - word.at) : word.size;
	const struct option *option;

	if (!options_of(command))
		return false;
	option = size > 2 ? find_option(command, slice_of(word.at, size)) : NULL;
	if (option) {
		take_value(redactor, command, option, word, equals ? size + 1 : size);
		return true;
	}
	for (option = options_of(command); option && option->name; option++) {
		if (option->place == ATTACHED && option->name[2] && slice_starts(word, option->name)) {
			take_value(redactor, command, option, word, strlen(option->name));
			return true;
		}
	}
	return slice_starts(word, "-") && !slice_starts(word, "--") && take_letters(redactor, command, word);
}

/* Is it an option that asks for a secret, or switches: --ask-password, --no-token? */
static bool only_asks(const struct command *command, struct slice name)
{
	return is_listed(asking, next_word(&name), match_equal) ||
	       (command->tool && command->tool->traits & (PROMPTS | COMPARES));
}

/* --name, --name=value and -name=value of any program. */
static void take_any_option(struct redactor *redactor, struct command *command, struct slice word)
{
	size_t dashes = slice_starts(word, "--") ? 2 : 1, end = dashes;
	enum telling telling;
	struct slice name;

	while (end < word.size && is_name_byte(word.at[end]))
		end++;
	name = slice_of(word.at + dashes, end - dashes);
	telling = name.size > 2 ? name_tells(name, false) : TELLS_NOTHING;
	if (end < word.size && word.at[end] == '=') {
		keep(redactor, slice_of(word.at, end + 1));
		treat(redactor,
		      telling == TELLS_SECRET ? TREAT_WHOLE
		      : telling == TELLS_KEY  ? TREAT_UNLESS_PATH
					      : TREAT_SCAN,
		      slice_from(word, end + 1));
		return;
	}
	if (end == word.size && telling != TELLS_NOTHING && !only_asks(command, name)) {
		command->next = telling == TELLS_SECRET ? TREAT_WHOLE : TREAT_UNLESS_PATH;
		command->next_unless_option = true;
	}
	scan(redactor, word);
}

static void take_option(struct redactor *redactor, struct command *command, struct slice word)
{
	command->names_user = is_listed("-u -g -U --user --group", word, match_equal);
	if (command->tool && command->tool->traits & MAY_LACK_FILE && memchr(word.at, 'n', word.size))
		command->operands++;
	if (!take_tool_option(redactor, command, word))
		take_any_option(redactor, command, word);
}

static bool has_blank(struct slice word)
{
	for (size_t i = 0; i < word.size; i++) {
		if (is_blank(word.at[i]))
			return true;
	}
	return false;
}

/* What an operand of a program is. */
static enum treatment operand_treatment(const struct redactor *redactor, struct command *command, struct slice word)
{
	const struct tool *tool = command->tool;

	command->operands++;
	if (tool && tool->after && is_listed(tool->after, word, match_program))
		command->after = true;
	if (tool && tool->traits & FEEDS && redactor->feeds)
		return TREAT_WHOLE;
	if (tool && (!tool->after || command->after)) {
		if (tool->operand && command->operands >= tool->operand)
			return tool->operand_treatment;
		if (tool->traits & NAMES_OPERAND && name_tells(word, false) != TELLS_NOTHING)
			command->next = TREAT_WHOLE;
	}
	return tool && tool->traits & READS_CODE && has_blank(word) ? TREAT_CODE : TREAT_SCAN;
}

static void take_operand(struct redactor *redactor, struct command *command, struct slice word, bool names_user)
{
	if (*word.at == '/' && take_tool_option(redactor, command, word)) /* xfreerdp /p:password */
		return;
	if (command->passes_on && !names_user && set_program(command, word, false))
		scan(redactor, word);
	else
		treat(redactor, operand_treatment(redactor, command, word), word);
}

/* The first word of a command, or one that stands before it. */
static void take_name(struct redactor *redactor, struct command *command, struct slice word)
{
	static const char keywords[] = "export local declare readonly typeset then do if elif while until else ! { }";

	if (!starts_assignment(word, 0) && !is_listed(keywords, word, match_equal))
		(void)set_program(command, word, true);
	scan(redactor, word);
}

static void take_word(struct redactor *redactor, struct command *command, struct slice word)
{
	bool is_option = word.size > 1 && word.at[0] == '-', names_user = command->names_user;
	enum treatment next = command->next;

	command->next = next == TREAT_CODE && is_option ? next : TREAT_NOT; /* sh -c -e CODE */
	command->names_user = false;
	if (!word.size)
		return;
	if (next != TREAT_NOT && !(is_option && command->next_unless_option))
		treat(redactor, next, word);
	else if (command->expects_name)
		take_name(redactor, command, word);
	else if (is_option)
		take_option(redactor, command, word);
	else
		take_operand(redactor, command, word, names_user);
}

/* A shell's code */

/* Does it hand a password from one program to the next? */
static bool feeds_password(struct slice code)
{
	return slice_has(code, "chpasswd") || slice_has(code, "passwd --stdin") || slice_has(code, "password-stdin") ||
	       slice_has(code, "sudo -S") || slice_has(code, "sudo --stdin");
}

/* Does a word end here? & is part of a redirection in >&2 and &>file. */
static bool ends_word(struct slice code, size_t i)
{
	char byte = code.at[i];

	if (byte == '\\')
		return i + 1 < code.size && code.at[i + 1] == '\n';
	return is_blank(byte) || strchr(";|()`<>&", byte);
}

/* Does a command end with the byte at `i`, which ends a word? */
static bool ends_command(struct slice code, size_t i)
{
	if (code.at[i] == '&')
		return !(i && strchr("<>", code.at[i - 1])) && !(i + 1 < code.size && code.at[i + 1] == '>');
	return strchr("\n;|()`", code.at[i]) && !(i && code.at[i] == '\n' && code.at[i - 1] == '\\');
}

static size_t word_length(struct slice code, size_t from)
{
	char quote = '\0';
	size_t i;

	for (i = from; i < code.size && (quote || !ends_word(code, i)); i++) {
		if (code.at[i] == '\\' && quote != '\'')
			i++;
		else if (code.at[i] == quote)
			quote = '\0';
		else if (!quote && is_quote(code.at[i]))
			quote = code.at[i];
	}
	return (i < code.size ? i : code.size) - from;
}

/* Code within the quotes of a word, NAME="$(…)" or "$(…)"? Gives where it starts, or 0. */
static size_t inner_code(struct slice word)
{
	const char *opening = memmem(word.at, word.size, "\"$(", 3);

	if (!opening || word.at[word.size - 1] != '"' || (opening > word.at && opening[-1] != '='))
		return 0;
	return (size_t)(opening - word.at) + 1;
}

/* A word as the code has it, quotes and all. */
static void take_raw_word(struct redactor *redactor, struct command *command, struct slice word)
{
	bool expands = redactor->expands;
	char quote = word.at[0];
	size_t code = inner_code(word), last = word.size - 1;

	if (code && code <= last) {
		keep(redactor, slice_of(word.at, code));
		take_code(redactor, slice_of(word.at + code, last - code));
		keep(redactor, slice_of(word.at + last, 1));
	} else if (last && is_quote(quote) && memchr(word.at + 1, quote, last) == word.at + last) {
		redactor->expands = expands && quote == '"';
		keep(redactor, slice_of(word.at, 1));
		take_word(redactor, command, slice_of(word.at + 1, last - 1));
		keep(redactor, slice_of(word.at + last, 1));
		redactor->expands = expands;
	} else {
		take_word(redactor, command, word);
	}
}

static void take_words(struct redactor *redactor, struct slice code)
{
	struct command command = { .expects_name = true };
	size_t i = 0, size;

	while (i < code.size) {
		size = word_length(code, i);
		if (size) {
			take_raw_word(redactor, &command, slice_of(code.at + i, size));
			i += size;
			continue;
		}
		if (ends_command(code, i))
			command = (struct command) { .expects_name = true };
		if (redactor->feeds && slice_starts(slice_from(code, i), "<<<"))
			command.next = TREAT_WHOLE;
		keep(redactor, slice_of(code.at + i, 1));
		i++;
	}
}

static void take_code(struct redactor *redactor, struct slice code)
{
	const struct redactor before = *redactor;

	if (redactor->depth == DEPTH_MAX) {
		scan(redactor, code);
		return;
	}
	redactor->depth++;
	redactor->expands = true;
	redactor->feeds = before.feeds || feeds_password(code);
	take_words(redactor, code);
	redactor->depth = before.depth;
	redactor->expands = before.expands;
	redactor->feeds = before.feeds;
}

size_t redact_argv(char *argv, size_t size, bool *found)
{
	struct redactor redactor = { .write = argv };
	struct command command = { .expects_name = true };
	size_t from = 0, length;

	while (from < size) {
		length = strnlen(argv + from, size - from);
		take_word(&redactor, &command, slice_of(argv + from, length));
		from += length;
		if (from < size) {
			*redactor.write++ = '\0';
			from++;
		}
	}
	if (found)
		*found = redactor.found;
	return (size_t)(redactor.write - argv);
}

enum telling redact_name(const char *name, size_t size, bool variable)
{
	return name_tells(slice_of(name, size), variable);
}

size_t redact_code(char *text, size_t size, bool *found)
{
	struct redactor redactor = { .write = text };

	scan(&redactor, slice_of(text, size));
	size = (size_t)(redactor.write - text);
	redactor.write = text;
	take_code(&redactor, slice_of(text, size));
	*found = *found || redactor.found;
	return (size_t)(redactor.write - text);
}
