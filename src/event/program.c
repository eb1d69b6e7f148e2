/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what is known of interpreters and of programs that only pass on to another: two tables. It reads argv as the
 * program itself would, since "python3 -W ignore x.py" runs x.py; it opens nothing and allocates nothing.
 */
#include "event/program.h"

#include <ctype.h>
#include <string.h>

#include "base/buffer.h"
#include "base/escape.h"
#include "event/program_priv.h"

/*
 * What follows an option's name in the tables below says what the option does:
 *   !  its value is code                     :  it has a value: the rest of the word, or the next one
 *   <  its value is the script               ?  it has a value only in the same word
 *   @  its value is a module's name          #  digits may follow, then further options
 *   +  the next word is its value, and the   -  the script comes from standard input
 *      options in this word go on            ^  like : and there need not be a script
 */
struct interpreter {
	const char *name;    /* without a version */
	const char *letters; /* options of one letter; NULL where a word is always one option */
	const char *words;   /* options written as a word, with their dashes; separated and ended by a blank */
	unsigned traits;
};

#define IS_SHELL         (1U << 0) /* +o is an option too; a lone - ends the options */
#define OPERAND_CODE     (1U << 1) /* the first operand is code: awk */
#define OPERAND_CLASS    (1U << 2) /* … a class: java */
#define OPERAND_ASSEMBLY (1U << 3) /* … a .dll, or a command of the tool: dotnet */
#define OPERAND_IGNORED  (1U << 4) /* … nothing to run: R */
#define MAY_RUN_NONE     (1U << 5) /* without an operand it does not read standard input */
#define MULTI_CALL       (1U << 6) /* the program is named by argv[0], or by argv[1] */

#define BASH_WORDS                                                                                           \
	"--rcfile: --init-file: -rcfile: -init-file: -debug -debugger -dump-po-strings -dump-strings -help " \
	"-login -noediting -noprofile -norc -posix -pretty-print -protected -restricted -verbose -version "
#define AWK_LETTERS "f<F:v:e!E<i:l:W:o?p?d?D?L?"
#define AWK_WORDS   "--file< --exec< --source! --field-separator: --assign: --include: --load: "
#define NODE_WORDS                                                                                                   \
	"--eval! --print! --run@ --require: --import: --loader: --experimental-loader: --conditions: --input-type: " \
	"--title: --env-file: --env-file-if-exists: --icu-data-dir: --openssl-config: --redirect-warnings: "         \
	"--diagnostic-dir: --trace-event-categories: --experimental-config-file: "
#define PHP_LETTERS "r!B!R!E!f<F<S^t:c:d:z:T:b^"
#define PHP_WORDS                                                                                              \
	"--run! --process-begin! --process-code! --process-end! --file< --process-file< --server^ --docroot: " \
	"--php-ini: --define: --zend-extension: --timing: --bindpath^ --rf: --rfunction: --rc: --rclass: "     \
	"--re: --rextension: --rz: --rzendextension: --ri: --rextinfo: "

static const struct interpreter interpreters[] = {
	{ "sh", "c!s-o+", "", IS_SHELL },
	{ "dash", "c!s-o+", "", IS_SHELL },
	{ "bash", "c!s-o+O+", BASH_WORDS, IS_SHELL },
	{ "rbash", "c!s-o+O+", BASH_WORDS, IS_SHELL },
	{ "ash", "c!s-o+", "", IS_SHELL },
	{ "hush", "c!s-", "", IS_SHELL },
	{ "zsh", "c!s-o:", "--emulate: ", IS_SHELL },
	{ "ksh", "c!s-o:R:T?", "", IS_SHELL },
	{ "mksh", "c!s-o:T?", "", IS_SHELL },
	{ "pdksh", "c!s-o:", "", IS_SHELL },
	{ "yash", "c!s-o:", "--profile: --rcfile: ", IS_SHELL },
	{ "posh", "c!s-o+", "", IS_SHELL },
	{ "csh", "c!s-", "", IS_SHELL },
	{ "tcsh", "c!s-", "", IS_SHELL },
	{ "fish", "c!C:d:D:o:p:f:", "--command! --init-command: --debug: --debug-output: --features: --profile: ", 0 },
	{ "python", "c!m@W:X:", "--check-hash-based-pycs: ", 0 },
	{ "pypy", "c!m@W:X:", "--jit: ", 0 },
	{ "perl", "e!E!I:M?m?i?F?D?d?x?V?C?0#l#", "", 0 },
	{ "ruby", "e!I:r:C:X:E:F?i?K?T?W?x?0#l#",
	  "--encoding: --external-encoding: --internal-encoding: --enable: --disable: --dump: --backtrace-limit: ", 0 },
	{ "node", "e!p!r:C:", NODE_WORDS, 0 },
	{ "nodejs", "e!p!r:C:", NODE_WORDS, 0 },
	{ "php", PHP_LETTERS, PHP_WORDS, 0 },
	{ "php-cgi", PHP_LETTERS, PHP_WORDS, MAY_RUN_NONE },
	{ "lua", "e!l:", "", 0 },
	{ "luajit", "e!l:j:O?", "", 0 },
	{ "tclsh", NULL, "-encoding: ", 0 },
	{ "wish", NULL, "-encoding: -display: -geometry: -name: -colormap: -visual: -use: ", 0 },
	{ "expect", "c!f<b<D:", "", 0 },
	{ "awk", AWK_LETTERS, AWK_WORDS, OPERAND_CODE | MAY_RUN_NONE },
	{ "gawk", AWK_LETTERS, AWK_WORDS, OPERAND_CODE | MAY_RUN_NONE },
	{ "mawk", "f<F:v:W:", "", OPERAND_CODE | MAY_RUN_NONE },
	{ "nawk", "f<F:v:", "", OPERAND_CODE | MAY_RUN_NONE },
	{ "original-awk", "f<F:v:", "", OPERAND_CODE | MAY_RUN_NONE },
	{ "R", "e!f<g:d:", "--file< --gui: --debugger: --encoding: ", OPERAND_IGNORED },
	{ "Rscript", "e!", "", MAY_RUN_NONE },
	{ "java", NULL,
	  "-jar< -m@ --module@ -cp: -classpath: --class-path: -p: --module-path: --upgrade-module-path: --add-modules: "
	  "--add-exports: --add-opens: --add-reads: --patch-module: --limit-modules: --enable-native-access: --source: "
	  "-d: --describe-module: ",
	  OPERAND_CLASS | MAY_RUN_NONE },
	{ "dotnet", NULL,
	  "--additionalprobingpath: --additional-deps: --depsfile: --runtimeconfig: --fx-version: --roll-forward: ",
	  OPERAND_ASSEMBLY | MAY_RUN_NONE },
	{ "mono", NULL, "--config: ", MAY_RUN_NONE },
	{ "busybox", NULL, "", MULTI_CALL },
	{ "toybox", NULL, "", MULTI_CALL },
	{ "coreutils", NULL, "", MULTI_CALL },
};

/* Both ld.so of glibc and of musl, which also takes --name=value. */
static const struct interpreter loader = {
	"ld.so", NULL,
	"--library-path: --preload: --argv0: --audit: --inhibit-rpath: --glibc-hwcaps-prepend: --glibc-hwcaps-mask: ", 0
};

/* Names */

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *suffix)
{
	size_t size = strlen(text), tail = strlen(suffix);

	return size >= tail && memcmp(text + size - tail, suffix, tail) == 0;
}

const char *program_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/*
 * Is `rest`, what stands after an interpreter's name, only a version: "", "3.11", "3.7m", "-5.9",
 * "5.36-x86_64-linux-gnu", "-2.1.0-beta3", "-static", ".static"? "8.2-fpm" is another program.
 */
static bool is_version(const char *rest)
{
	if (!*rest || strcmp(rest, "-static") == 0 || strcmp(rest, ".static") == 0)
		return true;
	if (*rest == '-')
		rest++;
	if (*rest < '0' || *rest > '9')
		return false;
	rest += strspn(rest, "0123456789.");
	rest += strspn(rest, "dmtu"); /* python's ABI flags */
	return !*rest || (*rest == '-' && strcmp(rest, "-fpm") != 0);
}

static const struct interpreter *find_interpreter(const char *base)
{
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		const char *name = interpreters[i].name;

		if (*name == *base && starts_with(base, name) && is_version(base + strlen(name)))
			return &interpreters[i];
	}
	return NULL;
}

static bool is_loader(const char *base)
{
	if (strcmp(base, "libc.so") == 0) /* musl's is both */
		return true;
	if (!starts_with(base, "ld"))
		return false;
	base += 2;
	base += strspn(base, "0123456789"); /* ld64.so.2 */
	if (starts_with(base, ".so"))
		return !base[3] || base[3] == '.';
	return *base == '-' && strstr(base, ".so") && (ends_with(base, ".so") || strstr(base, ".so."));
}

/* Paths */

/* Appends the segments of `path`: without empty ones and ".", and ".." takes one off. */
static void add_segments(struct buffer *out, const char *path)
{
	size_t size;

	for (; *path; path += size) {
		path += strspn(path, "/");
		size = strcspn(path, "/");
		if (size == 0 || (size == 1 && *path == '.'))
			continue;
		if (size == 2 && starts_with(path, "..")) {
			while (out->size && out->data[--out->size] != '/')
				;
			out->data[out->size] = '\0';
			continue;
		}
		buffer_byte(out, '/');
		buffer_append(out, path, size);
	}
}

/* A buffer on memory that it neither owns nor can outgrow: filling it allocates nothing, and it needs no freeing. */
static struct buffer buffer_on(char *place, size_t size)
{
	place[0] = '\0';
	return (struct buffer) { .data = place, .capacity = size, .maximum = size };
}

/* Writes `path`, made absolute by cwd where that is known, to `out`. False when it does not fit. */
static bool make_absolute(const struct program_facts *facts, const char *path, char out[PROGRAM_SCRIPT_MAX])
{
	struct buffer place = buffer_on(out, PROGRAM_SCRIPT_MAX);

	if (*path != '/' && *facts->cwd != '/') {
		buffer_text(&place, path);
	} else {
		if (*path != '/')
			add_segments(&place, facts->cwd);
		add_segments(&place, path);
		if (!place.size)
			buffer_byte(&place, '/');
	}
	return !place.failed;
}

static bool is_standard_input(const char *path)
{
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0 || starts_with(path, "/dev/fd/") ||
	       starts_with(path, "/proc/self/fd/");
}

/* Arguments */

/* A walk through argv, and what it has come to. */
struct walk {
	const struct program_facts *facts;
	const struct interpreter *interpreter;
	const char *at, *end;
	bool cut;            /* the last argument is not whole */
	bool standard_input; /* an option said so */
	bool server;         /* an option said that there need not be a script */
	bool done;
	struct program_class *out;
};

/* The next argument, or NULL. */
static const char *next(struct walk *walk)
{
	const char *argument = walk->at, *nul;

	if (argument == walk->end)
		return NULL;
	nul = memchr(argument, '\0', (size_t)(walk->end - argument));
	walk->at = nul ? nul + 1 : walk->end;
	walk->cut = !nul;
	return nul ? argument : NULL;
}

static void found(struct walk *walk, enum script_kind kind)
{
	walk->out->kind = kind;
	walk->done = true;
}

static void found_script(struct walk *walk, const char *path)
{
	if (!path)
		found(walk, SCRIPT_UNKNOWN);
	else if (is_standard_input(path))
		found(walk, SCRIPT_STDIN);
	else if (!make_absolute(walk->facts, path, walk->out->script))
		found(walk, SCRIPT_UNKNOWN);
	else
		found(walk, walk->interpreter == &loader ? SCRIPT_LOADER : SCRIPT_CLAIMED);
}

static void found_module(struct walk *walk, const char *name)
{
	struct buffer place = buffer_on(walk->out->script, PROGRAM_SCRIPT_MAX);

	if (name)
		buffer_text(&place, name);
	found(walk, name && !place.failed ? SCRIPT_MODULE : SCRIPT_UNKNOWN);
}

/* Does what an option's mark asks for. `value` is what is left of its word, or NULL. */
static void take_option(struct walk *walk, char mark, const char *value)
{
	switch (mark) {
	case '!':
		found(walk, SCRIPT_INLINE);
		break;
	case '@':
		found_module(walk, value ? value : next(walk));
		break;
	case '<':
		found_script(walk, value ? value : next(walk));
		break;
	case '-':
		walk->standard_input = true;
		break;
	case '^':
	case ':':
		walk->server |= mark == '^';
		if (!value)
			(void)next(walk);
		break;
	case '+':
		(void)next(walk);
		break;
	default:
		break;
	}
}

static char mark_of_letter(const char *letters, char letter)
{
	const char *at = isalnum((unsigned char)letter) ? strchr(letters, letter) : NULL;

	return at ? at[1] : '\0';
}

/* Options of one letter, in one word, without the dash. */
static void take_letters(struct walk *walk, const char *letters)
{
	char mark;

	while (*letters && !walk->done) {
		mark = mark_of_letter(walk->interpreter->letters, *letters++);
		if (mark == '#')
			letters += strspn(letters, "0123456789");
		else
			take_option(walk, mark, *letters && mark != '+' ? letters : NULL);
		if (mark == ':' || mark == '?' || mark == '^')
			return;
	}
}

/* An option that is a word. False when the interpreter has none of that name. */
static bool take_word(struct walk *walk, const char *argument)
{
	size_t size = strcspn(argument, "=");
	const char *words = walk->interpreter->words, *known;

	for (known = words; (known = strstr(known, "-")); known += strcspn(known, " ")) {
		size_t length = strcspn(known, " :<@!^");

		if (length != size || memcmp(known, argument, size) != 0)
			continue;
		take_option(walk, known[length], argument[size] ? argument + size + 1 : NULL);
		return true;
	}
	return false;
}

/* False when `argument` is no option but the first operand. */
static bool take_argument(struct walk *walk, const char *argument)
{
	bool shell = walk->interpreter->traits & IS_SHELL;

	if (argument[0] == '+' && argument[1] && shell) {
		/* +c and +s ask for nothing; +o has a value as -o has. */
		if (argument[1] == 'o' || argument[1] == 'O')
			take_option(walk, '+', NULL);
		return true;
	}
	if (argument[0] != '-' || !argument[1])
		return false;
	if (!take_word(walk, argument) && argument[1] != '-' && walk->interpreter->letters)
		take_letters(walk, argument + 1);
	return true;
}

static void take_operand(struct walk *walk, const char *operand)
{
	unsigned traits = walk->interpreter->traits;

	if (walk->standard_input)
		found(walk, SCRIPT_STDIN);
	else if (traits & OPERAND_CODE)
		found(walk, SCRIPT_INLINE);
	else if (traits & OPERAND_CLASS && *operand == '@') /* options in a file that we do not read */
		found(walk, SCRIPT_UNKNOWN);
	else if (traits & OPERAND_CLASS && !ends_with(operand, ".java"))
		found_module(walk, operand);
	else if (traits & OPERAND_ASSEMBLY && strcmp(operand, "exec") == 0)
		return;
	else if (traits & OPERAND_ASSEMBLY && !ends_with(operand, ".dll") && !ends_with(operand, ".exe"))
		found_module(walk, operand);
	else if (!(traits & OPERAND_IGNORED))
		found_script(walk, operand);
}

/* Neither options nor operands named anything to run. */
static void found_nothing(struct walk *walk)
{
	if (walk->cut)
		found(walk, SCRIPT_UNKNOWN);
	else if (walk->interpreter == &loader)
		found(walk, SCRIPT_LOADER);
	else if (walk->server || walk->interpreter->traits & MAY_RUN_NONE)
		found(walk, SCRIPT_NONE);
	else
		found(walk, SCRIPT_STDIN);
}

static void walk_arguments(struct walk *walk)
{
	bool options = true;
	const char *argument;

	while (!walk->done) {
		argument = next(walk);
		if (!argument)
			found_nothing(walk);
		else if (options && strcmp(argument, "--") == 0)
			options = false;
		else if (options && strcmp(argument, "-") == 0 && walk->interpreter->traits & IS_SHELL)
			options = false;
		else if (!options || !take_argument(walk, argument))
			take_operand(walk, argument);
	}
}

/* busybox as sh is a shell; as wget it is the program wget, which is to it what a module is to python. */
static void walk_multi_call(struct walk *walk, const char *name)
{
	const struct interpreter *applet;

	if (name && *name == '-') /* a login shell */
		name++;
	name = name ? program_base(name) : NULL;
	if (name && find_interpreter(name) == walk->interpreter)
		name = next(walk);
	applet = name ? find_interpreter(name) : NULL;
	if (applet && !(applet->traits & MULTI_CALL)) {
		walk->interpreter = applet;
		walk_arguments(walk);
	} else if (name && *name && *name != '-') {
		found_module(walk, name);
	} else {
		found(walk, walk->cut ? SCRIPT_UNKNOWN : SCRIPT_NONE);
	}
}

static void classify(const struct program_facts *facts, struct program_class *out)
{
	const char *base = program_base(facts->exe), *name;
	struct walk walk = { .facts = facts, .at = facts->argv, .end = facts->argv + facts->argv_size, .out = out };

	walk.interpreter = is_loader(base) ? &loader : find_interpreter(base);
	if (facts->shebang) {
		found_script(&walk, facts->called);
		if (out->kind == SCRIPT_CLAIMED || out->kind == SCRIPT_LOADER)
			out->kind = SCRIPT_TRUSTED;
		return;
	}
	if (!walk.interpreter)
		return;
	name = next(&walk);
	if (!name)
		found(&walk, SCRIPT_UNKNOWN);
	else if (walk.interpreter->traits & MULTI_CALL)
		walk_multi_call(&walk, name);
	else
		walk_arguments(&walk);
}

/* Blanks and parentheses would end a path too early; a star would stand for any text in a model. */
static void append_path(struct buffer *out, const char *path)
{
	escape_append(out, path, strnlen(path, PROGRAM_SCRIPT_MAX), " ()*");
}

static void write_text(const char *exe, struct program_class *out)
{
	static const char *const before[SCRIPT_KIND_COUNT] = {
		[SCRIPT_NONE] = "",          [SCRIPT_TRUSTED] = "(#!", [SCRIPT_CLAIMED] = "(",
		[SCRIPT_INLINE] = "(-c",     [SCRIPT_MODULE] = "(-m:", [SCRIPT_STDIN] = "(stdin",
		[SCRIPT_LOADER] = "(ld.so:", [SCRIPT_UNKNOWN] = "(?",
	};
	struct buffer text = buffer_on(out->text, sizeof(out->text));

	append_path(&text, exe);
	buffer_text(&text, before[out->kind]);
	append_path(&text, out->script);
	if (out->kind != SCRIPT_NONE)
		buffer_byte(&text, ')');
}

void program_classify(const struct program_facts *facts, struct program_class *out)
{
	out->kind = SCRIPT_NONE;
	out->script[0] = '\0';
	classify(facts, out);
	if (out->kind == SCRIPT_STDIN && facts->argv_truncated)
		out->kind = SCRIPT_UNKNOWN;
	if (out->kind == SCRIPT_UNKNOWN)
		out->script[0] = '\0';
	write_text(facts->exe, out);
}

/* Called by a descriptor's name, which says nothing of the program. */
static bool is_nameless(const char *called)
{
	return !*called || !strncmp(called, "/proc/", 6) || !strncmp(called, "/dev/fd/", 8);
}

/* By the name it was called, as people do: redis-server is a link to redis-check-rdb, and nobody calls it that. */
static const char *called_name(const struct program *program)
{
	const char *name = program_base(is_nameless(program->called) ? program->exe : program->called);

	return *name ? name : program_base(program->exe);
}

const char *program_name(const struct program *program)
{
	switch (program->script_kind) {
	case SCRIPT_TRUSTED:
	case SCRIPT_CLAIMED:
		return program_base(*program->script ? program->script : program->exe);
	case SCRIPT_MODULE:
		return *program->script ? program->script : program_base(program->exe);
	case SCRIPT_NONE:
		return called_name(program);
	default:
		return program_base(program->exe);
	}
}

/* Wrappers */

static const char *const wrappers[] = {
	"capsh",
	"catatonit",
	"chpst",
	"chroot",
	"chronic",
	"chrt",
	"dbus-run-session",
	"doas",
	"docker-init",
	"dumb-init",
	"env",
	"envdir",
	"flock",
	"gosu",
	"ionice",
	"nice",
	"nohup",
	"nsenter",
	"numactl",
	"pkexec",
	"prlimit",
	"runuser",
	"run-parts",
	"s6-envdir",
	"s6-setuidgid",
	"script",
	"setarch",
	"setlock",
	"setpriv",
	"setsid",
	"setuidgid",
	"sg",
	"softlimit",
	"start-stop-daemon",
	"stdbuf",
	"su",
	"su-exec",
	"sudo",
	"systemd-cat",
	"systemd-inhibit",
	"taskset",
	"time",
	"timeout",
	"tini",
	"tini-static",
	"unshare",
	"watch",
	"xargs",
};

bool program_passes_on(const char *base)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		if (*wrappers[i] == *base && strcmp(wrappers[i], base) == 0)
			return true;
	}
	return false;
}

bool program_is_shell(const char *base)
{
	const struct interpreter *interpreter = find_interpreter(base);

	return interpreter && (interpreter->traits & IS_SHELL || strcmp(interpreter->name, "fish") == 0);
}

bool program_is_interpreter(const char *base)
{
	return find_interpreter(base) != NULL;
}

/* Where anyone may put a file, a name says nothing about what it is. */
static bool is_anyones(const char *exe)
{
	return starts_with(exe, "/tmp/") || starts_with(exe, "/var/tmp/") || starts_with(exe, "/dev/shm/") ||
	       starts_with(exe, "/run/user/") || *exe != '/';
}

/* With code, busybox is a shell or awk; how it was called tells, unless it was as "busybox". */
static bool multi_call_passes_on(const struct program *program)
{
	const char *called = program_base(program->called);

	if (program->script_kind == SCRIPT_MODULE)
		return program_passes_on(program->script);
	return program->script_kind == SCRIPT_INLINE && strcmp(called, "awk") != 0;
}

static bool is_multi_call(const char *base)
{
	const struct interpreter *interpreter = find_interpreter(base);

	return interpreter && interpreter->traits & MULTI_CALL;
}

const char *program_executable(const struct program *program)
{
	const char *base = program_base(program->exe);

	if (is_anyones(program->exe))
		return "";
	return program->script_kind == SCRIPT_MODULE && is_multi_call(base) ? program->script : base;
}

bool program_is_typed_shell(const struct program *program)
{
	const char *base = program_base(program->exe);

	return program->script_kind == SCRIPT_STDIN && (program_is_shell(base) || is_multi_call(base));
}

bool program_is_wrapper(const struct program *program)
{
	const char *base = program_base(program->exe);
	const struct interpreter *interpreter = find_interpreter(base);

	if (is_anyones(program->exe))
		return false;
	if (interpreter && interpreter->traits & MULTI_CALL)
		return multi_call_passes_on(program);
	if (program->script_kind == SCRIPT_INLINE)
		return program_is_shell(base);
	if (program->script_kind == SCRIPT_TRUSTED && strcmp(program_base(program->script), "run-parts") == 0)
		return !is_anyones(program->script);
	return program_passes_on(base);
}

const char *script_kind_name(enum script_kind kind)
{
	static const char *const names[SCRIPT_KIND_COUNT] = {
		[SCRIPT_NONE] = "none",     [SCRIPT_TRUSTED] = "trusted", [SCRIPT_CLAIMED] = "claimed",
		[SCRIPT_INLINE] = "inline", [SCRIPT_MODULE] = "module",   [SCRIPT_STDIN] = "stdin",
		[SCRIPT_LOADER] = "loader", [SCRIPT_UNKNOWN] = "unknown",
	};

	return (unsigned)kind < SCRIPT_KIND_COUNT ? names[kind] : NULL;
}
