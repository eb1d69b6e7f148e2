/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "event/event.h"
#include "event/field_priv.h"
#include "event/ndjson.h"
#include "event/program.h"
#include "event/redact.h"

#include "any_event.h"

#ifndef SOURCE_ROOT
#define SOURCE_ROOT "."
#endif

/* Arguments as one literal: "cp\0-p" has two, each ended by a NUL byte. */
#define ARGUMENTS(literal_) (literal_), sizeof(literal_)

/* Redaction */

struct redaction {
	const char *given;
	size_t given_size;
	const char *expected; /* NULL: the same */
	size_t expected_size;
};

#define GOES(given_, expected_)                         \
	{                                               \
		ARGUMENTS(given_), ARGUMENTS(expected_) \
	}
#define STAYS(given_)                      \
	{                                  \
		ARGUMENTS(given_), NULL, 0 \
	}

static void show(const char *what, const char *argv, size_t size)
{
	fprintf(stderr, "%s:", what);
	for (size_t i = 0; i < size; i += strlen(argv + i) + 1)
		fprintf(stderr, " [%s]", argv + i);
	fprintf(stderr, "\n");
}

static void check_redactions(const struct redaction *rows, size_t count)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < count; i++) {
		const char *expected = rows[i].expected ? rows[i].expected : rows[i].given;
		size_t expected_size = rows[i].expected ? rows[i].expected_size : rows[i].given_size, size;
		bool found;
		/* A block of its own, so that the sanitiser sees each byte read beyond it. */
		char *argv = malloc(rows[i].given_size);

		assert_non_null(argv);
		memcpy(argv, rows[i].given, rows[i].given_size);
		size = redact_argv(argv, rows[i].given_size, &found);
		if (size != expected_size || memcmp(argv, expected, size) != 0 || found != (rows[i].expected != NULL)) {
			show("given   ", rows[i].given, rows[i].given_size);
			show("expected", expected, expected_size);
			show("got     ", argv, size);
			wrong++;
		}
		free(argv);
	}
	assert_int_equal(wrong, 0);
}

static const struct redaction options_that_go[] = {
	GOES("app\0--password=hunter2", "app\0--password=***"),
	GOES("app\0--password\0hunter2\0-v", "app\0--password\0***\0-v"),
	GOES("app\0--passwd\0hunter2", "app\0--passwd\0***"),
	GOES("app\0--token\0abc", "app\0--token\0***"),
	GOES("app\0--token=a=b=c", "app\0--token=***"),
	GOES("app\0-token=abc", "app\0-token=***"),
	GOES("app\0--secret\0abcd", "app\0--secret\0***"),
	GOES("app\0--client-secret=abcd", "app\0--client-secret=***"),
	GOES("app\0--api-key\0abcd", "app\0--api-key\0***"),
	GOES("app\0--apikey=abcd", "app\0--apikey=***"),
	GOES("app\0--api_key=abcd", "app\0--api_key=***"),
	GOES("app\0--auth-token\0abcd", "app\0--auth-token\0***"),
	GOES("app\0--access-key\0abcd", "app\0--access-key\0***"),
	GOES("app\0--secret-key=/abc+def", "app\0--secret-key=***"),
	GOES("app\0--private-key\0MIIEow", "app\0--private-key\0***"),
	GOES("app\0--pass\0abcd", "app\0--pass\0***"),
	GOES("app\0--db-pass\0abcd", "app\0--db-pass\0***"),
	GOES("app\0--password=x", "app\0--password=*"),
	GOES("app\0--password=ab", "app\0--password=**"),
	GOES("app\0--Password=abcd", "app\0--Password=***"),
	GOES("gpg\0--batch\0--passphrase\0abcd\0-d\0f", "gpg\0--batch\0--passphrase\0***\0-d\0f"),
	GOES("keytool\0-list\0-storepass\0changeit", "keytool\0-list\0-storepass\0***"),
	GOES("java\0-Ddb.password=abcd\0-jar\0a.jar", "java\0-Ddb.password=***\0-jar\0a.jar"),
	GOES("wget\0--http-password=abcd\0http://h/", "wget\0--http-password=***\0http://h/"),
	GOES("kubectl\0create\0secret\0generic\0db\0--from-literal=password=abcd",
	     "kubectl\0create\0secret\0generic\0db\0--from-literal=password=***"),
};

static const struct redaction tools_that_go[] = {
	GOES("mysql\0-uroot\0-phunter2\0db", "mysql\0-uroot\0-p***\0db"),
	GOES("/usr/bin/mysqldump\0-phunter2", "/usr/bin/mysqldump\0-p***"),
	GOES("mysqladmin\0-u\0root\0-psecret\0ping", "mysqladmin\0-u\0root\0-p***\0ping"),
	GOES("mariadb\0-ABpsecret", "mariadb\0-ABp***"),
	GOES("mariadb-dump\0--password=abcd", "mariadb-dump\0--password=***"),
	GOES("mysql\0-e\0CREATE USER u IDENTIFIED BY 'abcd'", "mysql\0-e\0CREATE USER u IDENTIFIED BY '***'"),
	GOES("psql\0-c\0ALTER ROLE u WITH PASSWORD 'abcd'", "psql\0-c\0ALTER ROLE u WITH PASSWORD '***'"),
	GOES("sshpass\0-p\0abcd\0ssh\0h", "sshpass\0-p\0***\0ssh\0h"),
	GOES("sshpass\0-pabcd\0ssh\0-p\022\0h", "sshpass\0-p***\0ssh\0-p\022\0h"),
	GOES("curl\0-u\0user:hunter2\0https://h/", "curl\0-u\0user:***\0https://h/"),
	GOES("curl\0-uuser:hunter2", "curl\0-uuser:***"),
	GOES("curl\0-sSu\0user:hunter2", "curl\0-sSu\0user:***"),
	GOES("curl\0--user\0user:a:b", "curl\0--user\0user:***"),
	GOES("curl\0--user=user:abc", "curl\0--user=user:***"),
	GOES("curl\0-H\0Authorization: Bearer abcdef", "curl\0-H\0Authorization: Bearer ***"),
	GOES("curl\0-HAuthorization: Basic YWxhZGRpbg==", "curl\0-HAuthorization: Basic ***"),
	GOES("curl\0-H\0X-Api-Key: abcdef", "curl\0-H\0X-Api-Key: ***"),
	GOES("curl\0--header=Private-Token: abcdef", "curl\0--header=Private-Token: ***"),
	GOES("curl\0-H\0cookie: session=abcd", "curl\0-H\0cookie: ***"),
	GOES("curl\0-b\0session=abcd", "curl\0-b\0***"),
	GOES("curl\0--oauth2-bearer\0abcd", "curl\0--oauth2-bearer\0***"),
	GOES("curl\0-d\0user=a&password=b%20c&x=y", "curl\0-d\0user=a&password=***&x=y"),
	GOES("curl\0-d\0{\"user\": \"a\", \"password\": \"b c\", \"x\": 1}",
	     "curl\0-d\0{\"user\": \"a\", \"password\": \"***\", \"x\": 1}"),
	GOES("ldapsearch\0-x\0-D\0cn=admin\0-w\0abcd", "ldapsearch\0-x\0-D\0cn=admin\0-w\0***"),
	GOES("ldapsearch\0-xwabcd", "ldapsearch\0-xw***"),
	GOES("smbclient\0-U\0DOM\\user%abcd\0//h/s", "smbclient\0-U\0DOM\\user%***\0//h/s"),
	GOES("redis-cli\0-a\0abcd\0ping", "redis-cli\0-a\0***\0ping"),
	GOES("mongodump\0-u\0u\0-p\0abcd", "mongodump\0-u\0u\0-p\0***"),
	GOES("docker\0login\0-u\0me\0-p\0abcd", "docker\0login\0-u\0me\0-p\0***"),
	GOES("docker\0run\0-e\0DB_PASSWORD=abcd\0-p\0"
	     "80:80\0img",
	     "docker\0run\0-e\0DB_PASSWORD=***\0-p\0"
	     "80:80\0img"),
	GOES("docker\0exec\0-it\0db\0mysqldump\0-pabcd", "docker\0exec\0-it\0db\0mysqldump\0-p***"),
	GOES("sudo\0-u\0backup\0mysqldump\0-pabcd", "sudo\0-u\0backup\0mysqldump\0-p***"),
	GOES("htpasswd\0-b\0/etc/h\0alice\0abcd", "htpasswd\0-b\0/etc/h\0alice\0***"),
	GOES("htpasswd\0-nb\0alice\0abcd", "htpasswd\0-nb\0alice\0***"),
	GOES("openssl\0enc\0-aes-256-cbc\0-pass\0pass:abcd", "openssl\0enc\0-aes-256-cbc\0-pass\0pass:***"),
	GOES("openssl\0passwd\0-6\0abcd", "openssl\0passwd\0-6\0***"),
	GOES("useradd\0-p\0$6$abcd\0alice", "useradd\0-p\0***\0alice"),
	GOES("sqlplus\0-s\0scott/tiger@db\0@run.sql", "sqlplus\0-s\0scott/***@db\0@run.sql"),
	GOES("7z\0x\0-pabcd\0a.7z", "7z\0x\0-p***\0a.7z"),
	GOES("mount\0-o\0username=u,password=abcd,ro=1", "mount\0-o\0username=u,password=***,ro=1"),
	GOES("aws\0configure\0set\0aws_secret_access_key\0abcd", "aws\0configure\0set\0aws_secret_access_key\0***"),
	GOES("nmcli\0dev\0wifi\0connect\0home\0password\0abcd", "nmcli\0dev\0wifi\0connect\0home\0password\0***"),
	GOES("kubectl\0create\0secret\0generic\0x\0--from-literal=user=abcd",
	     "kubectl\0create\0secret\0generic\0x\0--from-literal=user=***"),
	GOES("xfreerdp\0/u:me\0/p:abcd", "xfreerdp\0/u:me\0/p:***"),
	GOES("vault\0login\0abcd", "vault\0login\0***"),
};

static const struct redaction texts_that_go[] = {
	GOES("psql\0postgresql://u:hunter2@h/db", "psql\0postgresql://u:***@h/db"),
	GOES("git\0clone\0https://x:abcd@git.example/r.git", "git\0clone\0https://x:***@git.example/r.git"),
	GOES("app\0redis://:abcd@h:6379/0", "app\0redis://:***@h:6379/0"),
	GOES("app\0amqp://u:a/b@c@h/v", "app\0amqp://u:***@h/v"),
	GOES("app\0https://0123456789abcdefABCDEF@h/", "app\0https://***@h/"),
	GOES("app\0https://h/p?token=abcd&x=y", "app\0https://h/p?token=***&x=y"),
	GOES("env\0MYSQL_PWD=abcd\0mysql", "env\0MYSQL_PWD=***\0mysql"),
	GOES("env\0PGPASSWORD=a b,c&d", "env\0PGPASSWORD=***"),
	GOES("env\0SMTP_PASS=abcd", "env\0SMTP_PASS=***"),
	GOES("env\0REDISCLI_AUTH=abcd", "env\0REDISCLI_AUTH=***"),
	GOES("env\0X_AUTH_DATA=abcd", "env\0X_AUTH_DATA=***"),
	GOES("env\0accessToken=abcd", "env\0accessToken=***"),
	GOES("env\0SECRET_KEY_BASE=abcd", "env\0SECRET_KEY_BASE=***"),
	GOES("env\0AWS_CREDENTIALS=abcd", "env\0AWS_CREDENTIALS=***"),
	GOES("isql\0Driver=x;UID=sa;PWD=abcd;Port=1", "isql\0Driver=x;UID=sa;PWD=***;Port=1"),
	GOES("app\0AKIAIOSFODNN7EXAMPLE", "app\0***"),
	GOES("app\0key:ASIAIOSFODNN7EXAMPLE!", "app\0key:***!"),
	GOES("app\0ghp_0123456789abcdefghijklmnopqrstuvwxyz", "app\0***"),
	GOES("app\0github_pat_11ABCDEFG0123456789_abcdefghij", "app\0***"),
	GOES("app\0glpat-0123456789abcdefghij", "app\0***"),
	GOES("app\0xoxb-123456789012-abcdef", "app\0***"),
	GOES("app\0sk-0123456789abcdefghijklmn", "app\0***"),
	GOES("app\0sk-proj-abcdef0123456789_-abc", "app\0***"),
	GOES("app\0sk-abcdefghijklmnopqrstuvwx", "app\0***"),
	GOES("app\0AIzaSyA0123456789012345678901234567890", "app\0***"),
	GOES("app\0x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl y", "app\0x *** y"),
	GOES("app\0-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
	     "app\0-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"),
	GOES("curl\0https://hooks.slack.com/services/T00/B00/XXXX0", "curl\0https://hooks.slack.com/services/***"),
	GOES("python3\0-c\0requests.get(u, headers={'Authorization': 'Bearer abcd'})",
	     "python3\0-c\0requests.get(u, headers={'Authorization': '***'})"),
	GOES("python3\0-c\0connect(password='a b', host='h')", "python3\0-c\0connect(password='***', host='h')"),
	GOES("git\0-c\0http.extraHeader=Authorization: Basic abcd\0fetch",
	     "git\0-c\0http.extraHeader=Authorization: Basic ***\0fetch"),
};

static const struct redaction code_that_goes[] = {
	GOES("sh\0-c\0MYSQL_PWD=x mysql -u root", "sh\0-c\0MYSQL_PWD=* mysql -u root"),
	GOES("sh\0-c\0export TOKEN=abcd; run", "sh\0-c\0export TOKEN=***; run"),
	GOES("bash\0-lc\0mysql -u root -p'a b' db", "bash\0-lc\0mysql -u root -p'***' db"),
	GOES("bash\0-euo\0pipefail\0-c\0app --password \"a b\" x",
	     "bash\0-euo\0pipefail\0-c\0app --password \"***\" x"),
	GOES("sh\0-c\0cd /x && curl -u a:bcde h 2>&1 -H \"X-Api-Key: abcd\" | jq .",
	     "sh\0-c\0cd /x && curl -u a:*** h 2>&1 -H \"X-Api-Key: ***\" | jq ."),
	GOES("sh\0-c\0sh -c 'mysql -pabcd'", "sh\0-c\0sh -c 'mysql -p***'"),
	GOES("sh\0-c\0echo root:abcd | chpasswd", "sh\0-c\0echo *** | chpasswd"),
	GOES("sh\0-c\0X=\"$(mysql -pabcd)\" run", "sh\0-c\0X=\"$(mysql -p***)\" run"),
	GOES("sh\0-c\0if true; then mysql -pabcd; fi", "sh\0-c\0if true; then mysql -p***; fi"),
	GOES("sh\0-c\0app --token \\\n abcd", "sh\0-c\0app --token \\\n ***"),
	GOES("sh\0-c\0PASSWORD='$ecret' app", "sh\0-c\0PASSWORD='***' app"),
	GOES("sh\0-c\0PASSWORD=\"a\"bcd app", "sh\0-c\0PASSWORD=*** app"),
	GOES("bash\0-ce\0mysql -pabcd", "bash\0-ce\0mysql -p***"),
	GOES("bash\0-c\0-e\0mysql -pabcd", "bash\0-c\0-e\0mysql -p***"),
	GOES("ssh\0host\0mysqldump --all -pabcd", "ssh\0host\0mysqldump --all -p***"),
	GOES("ssh\0-p\022\0host\0mysql\0-pabcd", "ssh\0-p\022\0host\0mysql\0-p***"),
	GOES("su\0-\0alice\0-c\0mysql -pabcd", "su\0-\0alice\0-c\0mysql -p***"),
	GOES("sudo\0sh\0-c\0mysql -pabcd", "sudo\0sh\0-c\0mysql -p***"),
	GOES("-bash\0-c\0mysql -pabcd", "-bash\0-c\0mysql -p***"),
	GOES("sh\0-c\0curl -d '{\"token\":\"abcd\"}' h", "sh\0-c\0curl -d '{\"token\":\"***\"}' h"),
};

static const struct redaction ordinary[] = {
	STAYS("app\0--token-file\0/run/t"),
	STAYS("app\0--password-file=/run/p"),
	STAYS("rsync\0--password-file\0/etc/rsync.pw\0a\0b"),
	STAYS("app\0--private-key\0/etc/ssl/k.pem"),
	STAYS("ansible\0--private-key=./id_rsa\0all"),
	STAYS("app\0--credentials\0/etc/c.json"),
	STAYS("passwd\0alice"),
	STAYS("grep\0password\0file"),
	STAYS("grep\0-r\0password: \0/etc"),
	STAYS("ssh\0-p\022\0host"),
	STAYS("ssh\0-p22\0host"),
	STAYS("tar\0-p\0-xf\0a.tar"),
	STAYS("tar\0-cpf\0a.tar\0dir"),
	STAYS("cp\0-p\0a\0b"),
	STAYS("mkdir\0-p\0/a/b"),
	STAYS("mysql\0-p\0db"),
	STAYS("mysql\0-uproot\0-P3306\0-hdb"),
	STAYS("mysql\0--password\0-u\0root\0db"),
	STAYS("psql\0--password\0db"),
	STAYS("git\0log\0--author=x"),
	STAYS("git\0commit\0-m\0fix --password handling in login"),
	STAYS("git\0config\0credential.helper\0store"),
	STAYS("env\0PWD=/root\0OLDPWD=/tmp"),
	STAYS("sh\0-c\0cd /x; PWD=/root run"),
	STAYS("docker\0run\0-p\0"
	      "80:80\0img"),
	STAYS("docker\0run\0-v\0my-secret:/run/secret:ro\0img"),
	STAYS("docker\0login\0--password-stdin\0h"),
	STAYS("env\0AUTH_TYPE=basic"),
	STAYS("kubectl\0create\0configmap\0x\0--from-literal=user=abcd"),
	STAYS("app\0sk-learn-is-a-library-for-python"),
	STAYS("app\0--max-tokens=4096"),
	STAYS("app\0--tokenizer\0bpe"),
	STAYS("app\0--password-policy\0strong"),
	STAYS("app\0--token-url=https://h/t"),
	STAYS("app\0--no-password\0db"),
	STAYS("ansible-playbook\0--ask-become-pass\0site.yml"),
	STAYS("kubectl\0get\0secret\0db\0-n\0prod"),
	STAYS("kubectl\0get\0secrets"),
	STAYS("curl\0https://h:8443/a@b"),
	STAYS("curl\0http://[::1]:80/a:b@c"),
	STAYS("curl\0ssh://git@h/r.git"),
	STAYS("curl\0-b\0cookies.txt\0-c\0cookies.txt"),
	STAYS("curl\0-H\0Accept: text/html\0-H\0Content-Type: application/json"),
	STAYS("curl\0-o\0/tmp/x\0-p"),
	STAYS("ldapsearch\0-W\0-x\0-b\0dc=x"),
	STAYS("redis-cli\0-h\0h\0get\0token"),
	STAYS("openssl\0req\0-passin\0file:/etc/p\0-key\0/k.pem"),
	STAYS("openssl\0rsa\0-in\0k.pem\0-noout"),
	STAYS("sqlplus\0/\0as\0sysdba"),
	STAYS("unzip\0-p\0a.zip"),
	STAYS("nginx\0-g\0daemon off;"),
	STAYS("sh\0-c\0app --password \"$PASSWORD\" --token=${TOKEN}"),
	STAYS("sh\0-c\0TOKEN=$(cat /run/t) app"),
	STAYS("sh\0-c\0[ \"$1\" = --token ] && shift"),
	STAYS("sh\0-c\0if [ \"$password\" = \"\" ]; then exit 1; fi"),
	STAYS("sh\0-c\0curl -H \"Authorization: Bearer $TOKEN\" h"),
	STAYS("java\0-Dcompass=north\0Main"),
	STAYS("ffmpeg\0-pass\0"
	      "1\0x"),
	STAYS("find\0/\0-name\0*.secret\0-print"),
	STAYS("app\0skating-is-fun-and-good-for-you"),
	STAYS("app\0/srv/sk-learn/data"),
	STAYS("htpasswd\0/etc/h\0alice"),
	STAYS("python3\0-c\0print('x = y: z')"),
	STAYS("app\0a=b&c=d"),
	STAYS("app\0--password=true"),
	STAYS("app\0"),
	STAYS("\0\0\0"),
};

static void options_with_telling_names_lose_their_values(void **state)
{
	(void)state;
	check_redactions(options_that_go, sizeof(options_that_go) / sizeof(options_that_go[0]));
}

static void options_of_known_programs_lose_their_secrets(void **state)
{
	(void)state;
	check_redactions(tools_that_go, sizeof(tools_that_go) / sizeof(tools_that_go[0]));
}

static void secrets_within_texts_go(void **state)
{
	(void)state;
	check_redactions(texts_that_go, sizeof(texts_that_go) / sizeof(texts_that_go[0]));
}

static void secrets_within_code_go(void **state)
{
	(void)state;
	check_redactions(code_that_goes, sizeof(code_that_goes) / sizeof(code_that_goes[0]));
}

static void ordinary_arguments_stay(void **state)
{
	(void)state;
	check_redactions(ordinary, sizeof(ordinary) / sizeof(ordinary[0]));
}

static void redaction_never_grows_and_is_stable(void **state)
{
	static const char *const starts[] = { "sh\0-c", "mysql", "curl\0-u", "ssh\0h", "sudo", "x" };
	static const size_t sizes[] = { 6, 6, 8, 6, 5, 2 };
	char given[256];

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t start = round % 6, size = sizes[start] + any_below(200), once, twice;
		char *argv = malloc(size);

		assert_non_null(argv);
		random_bytes(given, sizeof(given));
		memcpy(argv, given, size);
		memcpy(argv, starts[start], sizes[start]);
		once = redact_argv(argv, size, NULL);
		assert_true(once <= size);
		memcpy(given, argv, once);
		twice = redact_argv(argv, once, NULL);
		assert_true(twice <= once);
		free(argv);
	}
}

/* Programs */

struct example {
	const char *exe;
	const char *argv;
	size_t argv_size;
	enum script_kind kind;
	const char *text;
};

static const struct example shells[] = {
	{ "/usr/bin/ls", ARGUMENTS("ls\0-c"), SCRIPT_NONE, "/usr/bin/ls" },
	{ "/usr/bin/dash", ARGUMENTS("sh\0-c\0ls"), SCRIPT_INLINE, "/usr/bin/dash(-c)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0-lc\0ls"), SCRIPT_INLINE, "/usr/bin/bash(-c)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0-euo\0pipefail\0-c\0ls"), SCRIPT_INLINE, "/usr/bin/bash(-c)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0-euo\0pipefail\0x.sh"), SCRIPT_CLAIMED, "/usr/bin/bash(/srv/app/x.sh)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0+o\0posix\0+x\0x.sh"), SCRIPT_CLAIMED, "/usr/bin/bash(/srv/app/x.sh)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0-O\0extglob\0x.sh"), SCRIPT_CLAIMED, "/usr/bin/bash(/srv/app/x.sh)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0--rcfile\0r\0x.sh"), SCRIPT_CLAIMED, "/usr/bin/bash(/srv/app/x.sh)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0--init-file\0r\0-i"), SCRIPT_STDIN, "/usr/bin/bash(stdin)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0-norc\0x.sh"), SCRIPT_CLAIMED, "/usr/bin/bash(/srv/app/x.sh)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0--\0-c"), SCRIPT_CLAIMED, "/usr/bin/bash(/srv/app/-c)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0-\0x.sh"), SCRIPT_CLAIMED, "/usr/bin/bash(/srv/app/x.sh)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0-s\0a\0b"), SCRIPT_STDIN, "/usr/bin/bash(stdin)" },
	{ "/usr/bin/bash", ARGUMENTS("-bash"), SCRIPT_STDIN, "/usr/bin/bash(stdin)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0/dev/fd/63"), SCRIPT_STDIN, "/usr/bin/bash(stdin)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0/dev/stdin"), SCRIPT_STDIN, "/usr/bin/bash(stdin)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0../a//./b/../x.sh"), SCRIPT_CLAIMED, "/usr/bin/bash(/srv/a/x.sh)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0/../../.."), SCRIPT_CLAIMED, "/usr/bin/bash(/)" },
	{ "/usr/bin/bash", ARGUMENTS("bash\0/a b(c)*\n\\\xff"), SCRIPT_CLAIMED,
	  "/usr/bin/bash(/a\\x20b\\x28c\\x29\\x2a\\x0a\\\\\\xff)" },
	{ "/usr/bin/bash", "", 0, SCRIPT_UNKNOWN, "/usr/bin/bash(?)" },
	{ "/usr/bin/bash", "bash\0x.s", 8, SCRIPT_UNKNOWN, "/usr/bin/bash(?)" },
	{ "/usr/bin/zsh-5.9", ARGUMENTS("zsh\0-o\0extendedglob\0x"), SCRIPT_CLAIMED, "/usr/bin/zsh-5.9(/srv/app/x)" },
	{ "/usr/bin/ksh93", ARGUMENTS("ksh\0-ec\0x"), SCRIPT_INLINE, "/usr/bin/ksh93(-c)" },
	{ "/usr/bin/shutdown", ARGUMENTS("shutdown\0-c"), SCRIPT_NONE, "/usr/bin/shutdown" },
	{ "memfd:bash", ARGUMENTS("bash\0-c\0x"), SCRIPT_NONE, "memfd:bash" },
	{ "/usr/bin/busybox", ARGUMENTS("sh\0-c\0ls"), SCRIPT_INLINE, "/usr/bin/busybox(-c)" },
	{ "/usr/bin/busybox", ARGUMENTS("/bin/sh\0x.sh"), SCRIPT_CLAIMED, "/usr/bin/busybox(/srv/app/x.sh)" },
	{ "/usr/bin/busybox", ARGUMENTS("-sh"), SCRIPT_STDIN, "/usr/bin/busybox(stdin)" },
	{ "/usr/bin/busybox", ARGUMENTS("busybox\0ash\0-c\0x"), SCRIPT_INLINE, "/usr/bin/busybox(-c)" },
	{ "/usr/bin/busybox", ARGUMENTS("wget\0-c"), SCRIPT_MODULE, "/usr/bin/busybox(-m:wget)" },
	{ "/usr/bin/busybox", ARGUMENTS("busybox\0--list"), SCRIPT_NONE, "/usr/bin/busybox" },
	{ "/usr/bin/busybox", ARGUMENTS("busybox"), SCRIPT_NONE, "/usr/bin/busybox" },
};

static const struct example interpreters[] = {
	{ "/usr/bin/python3.11", ARGUMENTS("python3\0x.py\0-c"), SCRIPT_CLAIMED, "/usr/bin/python3.11(/srv/app/x.py)" },
	{ "/usr/bin/python3.7m", ARGUMENTS("python3\0-W\0error\0-Xdev\0-B\0x.py"), SCRIPT_CLAIMED,
	  "/usr/bin/python3.7m(/srv/app/x.py)" },
	{ "/usr/bin/python3.11", ARGUMENTS("python3\0-Bc\0x"), SCRIPT_INLINE, "/usr/bin/python3.11(-c)" },
	{ "/usr/bin/python3.11", ARGUMENTS("python3\0-m\0http.server"), SCRIPT_MODULE,
	  "/usr/bin/python3.11(-m:http.server)" },
	{ "/usr/bin/python3.11", ARGUMENTS("python3\0-Impip"), SCRIPT_MODULE, "/usr/bin/python3.11(-m:pip)" },
	{ "/usr/bin/python3.11", ARGUMENTS("python3\0-m"), SCRIPT_UNKNOWN, "/usr/bin/python3.11(?)" },
	{ "/usr/bin/python3.11", ARGUMENTS("python3\0-"), SCRIPT_STDIN, "/usr/bin/python3.11(stdin)" },
	{ "/usr/bin/python3.11", ARGUMENTS("python3"), SCRIPT_STDIN, "/usr/bin/python3.11(stdin)" },
	{ "/usr/bin/perl5.36-x86_64-linux-gnu", ARGUMENTS("perl\0-lane\0x"), SCRIPT_INLINE,
	  "/usr/bin/perl5.36-x86_64-linux-gnu(-c)" },
	{ "/usr/bin/perl", ARGUMENTS("perl\0-0777\0-i.bak\0-Mstrict\0-I\0lib\0x.pl"), SCRIPT_CLAIMED,
	  "/usr/bin/perl(/srv/app/x.pl)" },
	{ "/usr/bin/perl", ARGUMENTS("perl\0-pie\0x"), SCRIPT_CLAIMED, "/usr/bin/perl(/srv/app/x)" },
	{ "/usr/bin/perl5.36.0", ARGUMENTS("perl\0-E\0x"), SCRIPT_INLINE, "/usr/bin/perl5.36.0(-c)" },
	{ "/usr/bin/ruby3.1", ARGUMENTS("ruby\0-rjson\0-r\0set\0-I\0lib\0x.rb"), SCRIPT_CLAIMED,
	  "/usr/bin/ruby3.1(/srv/app/x.rb)" },
	{ "/usr/bin/ruby3.1", ARGUMENTS("ruby\0-ne\0x"), SCRIPT_INLINE, "/usr/bin/ruby3.1(-c)" },
	{ "/usr/bin/node", ARGUMENTS("node\0--require\0a\0--import=b\0--inspect\0x.js"), SCRIPT_CLAIMED,
	  "/usr/bin/node(/srv/app/x.js)" },
	{ "/usr/bin/nodejs", ARGUMENTS("node\0-pe\0x"), SCRIPT_INLINE, "/usr/bin/nodejs(-c)" },
	{ "/usr/bin/node", ARGUMENTS("node\0--eval=x"), SCRIPT_INLINE, "/usr/bin/node(-c)" },
	{ "/usr/bin/php8.2", ARGUMENTS("php\0-d\0a=b\0-c/etc\0-f\0x.php"), SCRIPT_CLAIMED,
	  "/usr/bin/php8.2(/srv/app/x.php)" },
	{ "/usr/bin/php8.2", ARGUMENTS("php\0-r\0x"), SCRIPT_INLINE, "/usr/bin/php8.2(-c)" },
	{ "/usr/bin/php8.2", ARGUMENTS("php\0-S\0h:80\0-t\0d"), SCRIPT_NONE, "/usr/bin/php8.2" },
	{ "/usr/bin/php8.2", ARGUMENTS("php\0-S\0h:80\0r.php"), SCRIPT_CLAIMED, "/usr/bin/php8.2(/srv/app/r.php)" },
	{ "/usr/bin/php-cgi8.2", ARGUMENTS("php-cgi\0x.php"), SCRIPT_CLAIMED, "/usr/bin/php-cgi8.2(/srv/app/x.php)" },
	{ "/usr/bin/php-cgi8.2", ARGUMENTS("php-cgi"), SCRIPT_NONE, "/usr/bin/php-cgi8.2" },
	{ "/usr/sbin/php-fpm8.2", ARGUMENTS("php-fpm\0-c\0x"), SCRIPT_NONE, "/usr/sbin/php-fpm8.2" },
	{ "/usr/sbin/php8.2-fpm", ARGUMENTS("php-fpm\0-c\0x"), SCRIPT_NONE, "/usr/sbin/php8.2-fpm" },
	{ "/usr/bin/lua5.4", ARGUMENTS("lua\0-l\0m\0x.lua"), SCRIPT_CLAIMED, "/usr/bin/lua5.4(/srv/app/x.lua)" },
	{ "/usr/bin/tclsh8.6", ARGUMENTS("tclsh\0-encoding\0utf-8\0x.tcl"), SCRIPT_CLAIMED,
	  "/usr/bin/tclsh8.6(/srv/app/x.tcl)" },
	{ "/usr/bin/gawk", ARGUMENTS("awk\0-F:\0-v\0a=b\0{print}"), SCRIPT_INLINE, "/usr/bin/gawk(-c)" },
	{ "/usr/bin/mawk", ARGUMENTS("awk\0-F\0:\0-f\0x.awk\0in"), SCRIPT_CLAIMED, "/usr/bin/mawk(/srv/app/x.awk)" },
	{ "/usr/lib/R/bin/exec/R", ARGUMENTS("R\0--no-echo\0--file=x.R\0--args\0y"), SCRIPT_CLAIMED,
	  "/usr/lib/R/bin/exec/R(/srv/app/x.R)" },
	{ "/usr/bin/Rscript", ARGUMENTS("Rscript\0--vanilla\0x.R"), SCRIPT_CLAIMED, "/usr/bin/Rscript(/srv/app/x.R)" },
	{ "/opt/java/bin/java", ARGUMENTS("java\0-Xmx1g\0-Da=b\0-jar\0a.jar"), SCRIPT_CLAIMED,
	  "/opt/java/bin/java(/srv/app/a.jar)" },
	{ "/opt/java/bin/java", ARGUMENTS("java\0-cp\0a:b\0-Dx\0org.Main\0-jar"), SCRIPT_MODULE,
	  "/opt/java/bin/java(-m:org.Main)" },
	{ "/opt/java/bin/java", ARGUMENTS("java\0--class-path=a\0-m\0mod/org.Main"), SCRIPT_MODULE,
	  "/opt/java/bin/java(-m:mod/org.Main)" },
	{ "/opt/java/bin/java", ARGUMENTS("java\0Main.java"), SCRIPT_CLAIMED,
	  "/opt/java/bin/java(/srv/app/Main.java)" },
	{ "/opt/java/bin/java", ARGUMENTS("java\0@options"), SCRIPT_UNKNOWN, "/opt/java/bin/java(?)" },
	{ "/opt/java/bin/java", ARGUMENTS("java\0-version"), SCRIPT_NONE, "/opt/java/bin/java" },
	{ "/usr/bin/dotnet", ARGUMENTS("dotnet\0exec\0--depsfile\0d\0a.dll"), SCRIPT_CLAIMED,
	  "/usr/bin/dotnet(/srv/app/a.dll)" },
	{ "/usr/bin/dotnet", ARGUMENTS("dotnet\0build"), SCRIPT_MODULE, "/usr/bin/dotnet(-m:build)" },
	{ "/lib64/ld-linux-x86-64.so.2", ARGUMENTS("ld\0--library-path\0/l\0--inhibit-cache\0./p\0-x"), SCRIPT_LOADER,
	  "/lib64/ld-linux-x86-64.so.2(ld.so:/srv/app/p)" },
	{ "/lib/ld-musl-x86_64.so.1", ARGUMENTS("ld\0--preload=/l\0--\0/bin/p"), SCRIPT_LOADER,
	  "/lib/ld-musl-x86_64.so.1(ld.so:/bin/p)" },
	{ "/lib/ld-2.31.so", ARGUMENTS("ld"), SCRIPT_LOADER, "/lib/ld-2.31.so(ld.so:)" },
	{ "/usr/bin/ld", ARGUMENTS("ld\0-o\0a"), SCRIPT_NONE, "/usr/bin/ld" },
};

static void check_programs(const struct example *examples, size_t count)
{
	static struct program_class class;

	for (size_t i = 0; i < count; i++) {
		char *argv = malloc(examples[i].argv_size + 1);
		const struct program_facts facts = { examples[i].exe,       "./called", "/srv/app/", false, argv,
						     examples[i].argv_size, false };

		assert_non_null(argv);
		memcpy(argv, examples[i].argv, examples[i].argv_size);
		program_classify(&facts, &class);
		if (class.kind != examples[i].kind || strcmp(class.text, examples[i].text) != 0)
			fail_msg("%zu: expected %s %s, got %s %s", i, script_kind_name(examples[i].kind),
				 examples[i].text, script_kind_name(class.kind), class.text);
		free(argv);
	}
}

static void a_shell_is_read_as_it_reads_itself(void **state)
{
	(void)state;
	check_programs(shells, sizeof(shells) / sizeof(shells[0]));
}

static void an_interpreter_is_read_as_it_reads_itself(void **state)
{
	(void)state;
	check_programs(interpreters, sizeof(interpreters) / sizeof(interpreters[0]));
}

static void a_shebang_is_trusted_whatever_argv_says(void **state)
{
	static struct program_class class;
	struct program_facts facts = { "/usr/bin/bash", "./run", "/srv", true, ARGUMENTS("bash\0-c\0x"), false };

	(void)state;
	program_classify(&facts, &class);
	assert_int_equal(class.kind, SCRIPT_TRUSTED);
	assert_string_equal(class.script, "/srv/run");
	assert_string_equal(class.text, "/usr/bin/bash(#!/srv/run)");
	facts.exe = "/usr/sbin/nft";
	program_classify(&facts, &class);
	assert_string_equal(class.text, "/usr/sbin/nft(#!/srv/run)");
	facts.cwd = "";
	program_classify(&facts, &class);
	assert_string_equal(class.text, "/usr/sbin/nft(#!./run)");
}

static void a_script_too_long_for_its_place_is_unknown(void **state)
{
	static struct program_class class;
	static char argv[PROGRAM_SCRIPT_MAX + 8] = "sh", exe[PROGRAM_SCRIPT_MAX];
	struct program_facts facts = { exe, "sh", "/", false, argv, sizeof(argv), false };

	(void)state;
	memset(argv + 3, 1, sizeof(argv) - 4);
	assert_int_equal(snprintf(exe, sizeof(exe), "/%04091d/sh", 0), sizeof(exe) - 1);
	program_classify(&facts, &class);
	assert_int_equal(class.kind, SCRIPT_UNKNOWN);
	assert_string_equal(class.script, "");
	facts.argv_size = PROGRAM_SCRIPT_MAX;
	argv[3] = '/';
	argv[PROGRAM_SCRIPT_MAX - 1] = '\0';
	program_classify(&facts, &class);
	assert_int_equal(class.kind, SCRIPT_CLAIMED);
	assert_int_equal(class.text[strlen(class.text) - 1], ')');
}

static void any_arguments_classify_to_something(void **state)
{
	static struct program_class class;
	static const char *const exes[] = { "/bin/sh",      "/bin/java",  "/bin/perl",
					    "/bin/busybox", "/bin/ld.so", "/bin/awk" };
	struct program_facts facts = { .called = "x", .cwd = "/srv" };

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t size = any_below(100);
		char *argv = malloc(size + 1);

		assert_non_null(argv);
		random_bytes(argv, size);
		facts.exe = exes[round % 6];
		facts.argv = argv;
		facts.argv_size = size;
		program_classify(&facts, &class);
		assert_non_null(script_kind_name(class.kind));
		assert_null(strpbrk(class.text, " \n\t"));
		free(argv);
	}
}

static void a_program_is_called_after_what_it_runs(void **state)
{
	const struct program named[] = {
		{ "/usr/sbin/nginx", "", SCRIPT_NONE, "", "" },
		{ "/usr/bin/python3.11", "", SCRIPT_CLAIMED, "/srv/nginx", "" },
		{ "/usr/bin/bash", "", SCRIPT_TRUSTED, "/etc/cron.daily/nginx", "" },
		{ "/usr/bin/java", "", SCRIPT_MODULE, "nginx", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		assert_string_equal(program_name(&named[i]), "nginx");
	assert_string_equal(program_name(&(struct program) { "/lib/ld.so", "", SCRIPT_LOADER, "/bin/nginx", "" }),
			    "ld.so");
	assert_string_equal(program_name(&(struct program) { "memfd:x", "", SCRIPT_NONE, "", "" }), "memfd:x");
}

static void only_what_passes_on_is_a_wrapper(void **state)
{
	const struct program wrappers[] = {
		{ "/usr/bin/dash", "/bin/sh", SCRIPT_INLINE, "", "" },
		{ "/usr/bin/env", "env", SCRIPT_NONE, "", "" },
		{ "/usr/bin/sudo", "sudo", SCRIPT_NONE, "", "" },
		{ "/usr/bin/env", "./x.py", SCRIPT_TRUSTED, "/srv/x.py", "" },
		{ "/usr/bin/run-parts", "", SCRIPT_NONE, "", "" },
		{ "/usr/bin/bash", "", SCRIPT_TRUSTED, "/usr/bin/run-parts", "" },
		{ "/bin/busybox", "/bin/sh", SCRIPT_INLINE, "", "" },
		{ "/bin/busybox", "/usr/bin/xargs", SCRIPT_MODULE, "xargs", "" },
		{ "/tini", "/tini", SCRIPT_NONE, "", "" },
	};
	const struct program others[] = {
		{ "/usr/bin/dash", "/bin/sh", SCRIPT_TRUSTED, "/srv/x.sh", "" },
		{ "/usr/bin/dash", "/bin/sh", SCRIPT_CLAIMED, "/srv/run-parts", "" },
		{ "/usr/bin/dash", "/bin/sh", SCRIPT_STDIN, "", "" },
		{ "/usr/bin/python3", "", SCRIPT_INLINE, "", "" },
		{ "/bin/busybox", "/usr/bin/awk", SCRIPT_INLINE, "", "" },
		{ "/bin/busybox", "/usr/bin/wget", SCRIPT_MODULE, "wget", "" },
		{ "/usr/sbin/nginx", "", SCRIPT_NONE, "", "" },
		{ "/tmp/sudo", "", SCRIPT_NONE, "", "" },
		{ "memfd:env", "", SCRIPT_NONE, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
		assert_true(program_is_wrapper(&wrappers[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(program_is_wrapper(&others[i]));
}

/* NDJSON */

static struct buffer line_of(const struct event *event)
{
	struct buffer line = BUFFER_INIT(NDJSON_LINE_MAX + 2);

	ndjson_write(&line, event);
	assert_false(line.failed);
	return line;
}

static void check_line(const struct event *event, const char *expected)
{
	struct ndjson_reader *reader = ndjson_reader_new();
	struct buffer line = line_of(event), again;
	struct error error = { "" };
	struct event read;

	assert_non_null(reader);
	assert_string_equal(buffer_string(&line), expected);
	assert_int_equal(ndjson_read(reader, line.data, line.size, &read, &error), 0);
	again = line_of(&read);
	assert_string_equal(buffer_string(&again), expected);
	buffer_free(&line);
	buffer_free(&again);
	ndjson_reader_free(reader);
}

static void an_exec_has_all_fields_of_its_actor_in_order(void **state)
{
	struct event event;

	(void)state;
	event_init(&event, EVENT_EXEC);
	event.time_ns = 1795520146123456789;
	event.host = "web\"1";
	event.flags = EVENT_FLAG_SETID | EVENT_FLAG_ORPHAN;
	event.context = (struct context) { CONTEXT_SERVICE, "nginx", "0123456789ab" };
	event.pid = 3;
	event.parent_pid = 2;
	event.namespace_pid = 1;
	event.start_ns = 5;
	event.program = (struct program) { "/a\xff", "\x1b[1m", SCRIPT_CLAIMED, "/s \\", "/a\\xff(/s\\x20\\\\)" };
	event.argv = "a\0\0c\xc3\xa9";
	event.argv_size = 7;
	event.argc = 9;
	event.cwd = "/";
	event.uid = event.euid = event.gid = event.egid = 0;
	event.user = event.effective_user = event.group = "root";
	event.login_uid = 1000;
	event.login_user = "alice";
	event.session_id = 7;
	event.tty = "pts/0";
	event.cgroup = "/x";
	event.mount_namespace = 11;
	event.pid_namespace = 12;
	event.net_namespace = 13;
	event.user_namespace = 14;
	event.lineage_count = 2;
	event.lineage[0] = (struct event_ancestor) { 2, "/p\\x20", "u" };
	event.uid_before = 33;
	event.capabilities = UINT64_MAX;
	event.exit_code = 1; /* not of its kind */
	check_line(&event,
		   "{\"time\":\"2026-11-24T11:35:46.123456789Z\",\"host\":\"web\\\"1\",\"kind\":\"exec\","
		   "\"flags\":[\"setid\",\"orphan\"],"
		   "\"context\":{\"kind\":\"service\",\"name\":\"nginx\",\"container\":\"0123456789ab\"},"
		   "\"pid\":3,\"parent_pid\":2,\"namespace_pid\":1,\"start\":5,\"program\":\"/a\\\\xff(/"
		   "s\\\\x20\\\\\\\\)\","
		   "\"exe\":\"/a\\\\xff\",\"called\":\"\\\\x1b[1m\",\"script_kind\":\"claimed\",\"script\":\"/s "
		   "\\\\\\\\\","
		   "\"argv\":[\"a\",\"\",\"c\xc3\xa9\"],\"argc\":9,\"cwd\":\"/"
		   "\",\"uid\":0,\"euid\":0,\"gid\":0,\"egid\":0,"
		   "\"user\":\"root\",\"effective_user\":\"root\",\"group\":\"root\",\"login_uid\":1000,"
		   "\"login_user\":\"alice\",\"session\":7,\"tty\":\"pts/0\",\"cgroup\":\"/x\",\"mount_namespace\":11,"
		   "\"pid_namespace\":12,\"net_namespace\":13,\"user_namespace\":14,"
		   "\"lineage\":[{\"pid\":2,\"program\":\"/p\\\\x20\",\"user\":\"u\"},{}],\"uid_before\":33,"
		   "\"capabilities\":\"ffffffffffffffff\"}\n");
}

static void other_kinds_have_their_own_fields_and_no_empty_ones(void **state)
{
	struct event event;

	(void)state;
	event_init(&event, EVENT_CONNECT);
	event.family = AF_INET6;
	event.protocol = 132;
	event.remote_address[15] = 1;
	event.remote_port = 443;
	check_line(&event,
		   "{\"time\":\"1970-01-01T00:00:00.000000000Z\",\"kind\":\"connect\",\"family\":\"ipv6\","
		   "\"protocol\":\"132\",\"local_address\":\"::\",\"remote_address\":\"::1\",\"remote_port\":443}\n");
	event_init(&event, EVENT_RAW);
	event.family = AF_PACKET;
	event.protocol = 58;
	check_line(&event, "{\"time\":\"1970-01-01T00:00:00.000000000Z\",\"kind\":\"raw\",\"family\":\"packet\","
			   "\"protocol\":\"icmpv6\"}\n");
	event_init(&event, EVENT_EXIT);
	check_line(&event, "{\"time\":\"1970-01-01T00:00:00.000000000Z\",\"kind\":\"exit\",\"exit_code\":0}\n");
	event_init(&event, EVENT_LOSS);
	event.loss_reason = "ring full";
	check_line(&event,
		   "{\"time\":\"1970-01-01T00:00:00.000000000Z\",\"kind\":\"loss\",\"loss_reason\":\"ring full\","
		   "\"loss_count\":0}\n");
	event_init(&event, EVENT_CONTEXT);
	event.time_ns = UINT64_MAX;
	event.context_before.kind = CONTEXT_BOOT;
	check_line(&event, "{\"time\":\"2554-07-21T23:34:33.709551615Z\",\"kind\":\"context\","
			   "\"context_before\":{\"kind\":\"boot\"}}\n");
}

struct refusal {
	const char *line, *why;
};

#define WITH(fields_) "{\"time\":\"2026-01-01T00:00:00Z\",\"kind\":\"connect\"," fields_ "}"

static const struct refusal refusals[] = {
	{ "", "column" },
	{ "[]", "object" },
	{ "{\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":\"2026-01-01T00:00:00Z\"}", "kind: " },
	{ "{\"time\":\"2026-01-01T00:00:00Z\",\"kind\":\"dance\"}", "kind: " },
	{ "{\"time\":\"2026-02-30T00:00:00Z\",\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":\"2026-01-01T00:00:60Z\",\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":\"2026-01-01T00:00:00+01:00\",\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":\"2026-01-01T00:00:00.Z\",\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":\"2026-01-01T00:00:00.1234567890Z\",\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":\"1969-12-31T23:59:59Z\",\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":\"2554-07-21T23:34:34Z\",\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":\"2026-01-01T00:00:00Zx\",\"kind\":\"exec\"}", "time: " },
	{ "{\"time\":1,\"kind\":\"exec\"}", "time: " },
	{ WITH("\"pid\":1,\"pid\":1"), "duplicate" },
	{ WITH("\"context\":{\"kind\":\"job\",\"kind\":\"job\"}"), "duplicate" },
	{ WITH("\"pid\":\"1\""), "pid: " },
	{ WITH("\"pid\":1.0"), "pid: " },
	{ WITH("\"pid\":-1"), "pid: -1 is not from 0 to 4294967295" },
	{ WITH("\"pid\":4294967296"), "pid: " },
	{ WITH("\"remote_port\":65536"), "remote_port: " },
	{ WITH("\"start\":9223372036854775808"), "column" },
	{ WITH("\"exe\":\"\\\\q\""), "exe: " },
	{ WITH("\"exe\":\"\\\\x00\""), "exe: " },
	{ WITH("\"exe\":\"\\\\\""), "exe: " },
	{ WITH("\"exe\":\"\\u0000\""), "column" },
	{ WITH("\"exe\":null"), "exe: " },
	{ WITH("\"program\":\"a\\u0007\""), "program: " },
	{ WITH("\"program\":\"a\\\\x0\""), "program: " },
	{ WITH("\"argv\":\"a\""), "argv: " },
	{ WITH("\"argv\":[1]"), "argv: " },
	{ WITH("\"flags\":\"setid\""), "flags: " },
	{ WITH("\"flags\":[1]"), "flags: " },
	{ WITH("\"context\":\"nginx\""), "context: " },
	{ WITH("\"context\":{\"name\":\"nginx\"}"), "context: " },
	{ WITH("\"context\":{\"kind\":\"job\",\"name\":1}"), "context.name: " },
	{ WITH("\"script_kind\":\"x\""), "script_kind: " },
	{ WITH("\"lineage\":[1]"), "lineage: " },
	{ WITH("\"lineage\":[{\"pid\":-1}]"), "lineage.pid: " },
	{ WITH("\"lineage\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]"), "lineage: " },
	{ WITH("\"family\":\"ipx\""), "family: " },
	{ WITH("\"protocol\":\"0\""), "protocol: " },
	{ WITH("\"protocol\":\"256\""), "protocol: " },
	{ WITH("\"protocol\":\"6x\""), "protocol: " },
	{ WITH("\"protocol\":\"\""), "protocol: " },
	{ WITH("\"protocol\":6"), "protocol: " },
	{ WITH("\"local_address\":\"1.2.3.4\""), "local_address: " },
	{ WITH("\"family\":\"ipv4\",\"local_address\":\"::1\""), "local_address: " },
	{ WITH("\"family\":\"ipv4\",\"local_address\":\"1.2.3.4.5\""), "local_address: " },
	{ "{\"time\":\"2026-01-01T00:00:00Z\",\"kind\":\"privilege\",\"capabilities\":\"\"}", "capabilities: " },
	{ "{\"time\":\"2026-01-01T00:00:00Z\",\"kind\":\"privilege\",\"capabilities\":\"0x1\"}", "capabilities: " },
	{ "{\"time\":\"2026-01-01T00:00:00Z\",\"kind\":\"privilege\",\"capabilities\":\"12345678123456781\"}",
	  "capabilities: " },
	{ WITH("\"pid\":1") "x", "column" },
};

static void a_broken_line_is_refused_with_its_place(void **state)
{
	struct ndjson_reader *reader = ndjson_reader_new();
	struct event event;
	struct error error = { "" };

	(void)state;
	assert_non_null(reader);
	event_init(&event, EVENT_LOSS);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];

		error.text[0] = '\0';
		assert_int_equal(ndjson_read(reader, refusal->line, strlen(refusal->line), &event, &error), -EINVAL);
		if (!strstr(error.text, refusal->why))
			fail_msg("%s: expected \"%s\" in \"%s\"", refusal->line, refusal->why, error.text);
		assert_int_equal(event.kind, EVENT_LOSS);
	}
	ndjson_reader_free(reader);
}

static void what_a_newer_sensor_adds_is_skipped(void **state)
{
	static const char line[] =
		WITH("\"new\":{\"a\":[1]},\"flags\":[\"new\",\"memfd\"],\"exit_code\":\"not of this kind\","
		     "\"context\":{\"kind\":\"job\",\"new\":1}");
	struct ndjson_reader *reader = ndjson_reader_new();
	struct error error = { "" };
	struct event event;

	(void)state;
	assert_non_null(reader);
	assert_int_equal(ndjson_read(reader, line, strlen(line), &event, &error), 0);
	assert_int_equal(event.flags, EVENT_FLAG_MEMFD);
	assert_int_equal(event.context.kind, CONTEXT_JOB);
	assert_int_equal(event.exit_code, 0);
	ndjson_reader_free(reader);
}

static void lines_and_strings_have_a_maximum(void **state)
{
	struct ndjson_reader *reader = ndjson_reader_new();
	char *line = malloc(NDJSON_LINE_MAX + 1);
	struct error error = { "" };
	struct event event;
	int size;

	(void)state;
	assert_non_null(reader);
	assert_non_null(line);
	memset(line, ' ', NDJSON_LINE_MAX + 1);
	assert_int_equal(ndjson_read(reader, line, NDJSON_LINE_MAX + 1, &event, &error), -EINVAL);
	assert_non_null(strstr(error.text, "longer than"));
	size = snprintf(line, NDJSON_LINE_MAX, WITH("\"exe\":\"%04095d\""), 0);
	assert_int_equal(ndjson_read(reader, line, (size_t)size, &event, &error), 0);
	size = snprintf(line, NDJSON_LINE_MAX, WITH("\"exe\":\"%04096d\""), 0);
	assert_int_equal(ndjson_read(reader, line, (size_t)size, &event, &error), -EINVAL);
	assert_string_equal(error.text, "exe: longer than 4095 bytes");
	free(line);
	ndjson_reader_free(reader);
}

static void check_again(struct ndjson_reader *reader, const struct event *event)
{
	struct buffer line = line_of(event), again;
	struct error error = { "" };
	struct event read;

	if (ndjson_read(reader, line.data, line.size, &read, &error) < 0)
		fail_msg("%s: %s", error.text, line.data);
	again = line_of(&read);
	assert_string_equal(buffer_string(&line), buffer_string(&again));
	buffer_free(&line);
	buffer_free(&again);
}

static void the_worst_event_of_the_sensor_still_reads(void **state)
{
	static char path[4096], argv[4096];
	struct buffer text = BUFFER_INIT(PROGRAM_TEXT_MAX);
	struct ndjson_reader *reader = ndjson_reader_new();
	struct event event;

	(void)state;
	assert_non_null(reader);
	memset(path, 0xff, sizeof(path) - 1);
	memset(argv, 0xff, sizeof(argv));
	while (!text.failed)
		buffer_text(&text, "\\xff");
	event_init(&event, EVENT_EXEC);
	event.program = (struct program) { path, path, SCRIPT_CLAIMED, path, text.data };
	event.host = event.cwd = event.cgroup = path;
	event.argv = argv;
	event.argv_size = sizeof(argv);
	event.lineage_count = EVENT_LINEAGE_MAX;
	for (unsigned i = 0; i < EVENT_LINEAGE_MAX; i++)
		event.lineage[i] = (struct event_ancestor) { UINT32_MAX, text.data, "user" };
	check_again(reader, &event);
	buffer_free(&text);
	ndjson_reader_free(reader);
}

static void any_event_written_read_and_written_is_the_same(void **state)
{
	struct ndjson_reader *reader = ndjson_reader_new();
	struct event event;

	(void)state;
	assert_non_null(reader);
	for (unsigned round = 0; round < 5000; round++) {
		char *string = strings[round % 64];

		random_bytes(string, sizeof(strings[0]) - 1);
		any_event(&event);
		check_again(reader, &event);
	}
	ndjson_reader_free(reader);
}

static void a_string_read_is_byte_for_byte_what_was_written(void **state)
{
	struct ndjson_reader *reader = ndjson_reader_new();
	struct event event, read;
	struct error error = { "" };
	char bytes[256];

	(void)state;
	assert_non_null(reader);
	for (unsigned i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	bytes[255] = '\0';
	event_init(&event, EVENT_EXEC);
	event.program.exe = bytes;
	event.argv = bytes;
	event.argv_size = sizeof(bytes);
	for (unsigned round = 0; round < 2; round++) {
		struct buffer line = line_of(&event);

		assert_int_equal(ndjson_read(reader, line.data, line.size, &read, &error), 0);
		assert_string_equal(read.program.exe, bytes);
		assert_int_equal(read.argv_size, sizeof(bytes));
		assert_memory_equal(read.argv, bytes, sizeof(bytes));
		buffer_free(&line);
	}
	ndjson_reader_free(reader);
}

static void a_line_that_does_not_fit_marks_the_buffer(void **state)
{
	struct buffer line = BUFFER_INIT(40);
	struct event event;

	(void)state;
	event_init(&event, EVENT_EXEC);
	event.host = "\"\"\"\"\"\"\"\"\"\"\"\"";
	ndjson_write(&line, &event);
	assert_true(line.failed);
	assert_true(line.size < 40);
	buffer_free(&line);
}

/* Names */

static void every_number_has_a_name_of_its_own(void **state)
{
	(void)state;
	assert_null(event_kind_name((enum event_kind)0));
	assert_null(event_kind_name(EVENT_KIND_COUNT));
	assert_null(context_kind_name(CONTEXT_KIND_COUNT));
	assert_null(event_flag_name(EVENT_FLAG_COUNT));
	assert_null(script_kind_name(SCRIPT_KIND_COUNT));
	for (int kind = EVENT_EXEC; kind < EVENT_KIND_COUNT; kind++)
		assert_non_null(event_kind_name((enum event_kind)kind));
	for (int kind = CONTEXT_UNKNOWN; kind < CONTEXT_KIND_COUNT; kind++)
		assert_non_null(context_kind_name((enum context_kind)kind));
	for (int kind = SCRIPT_NONE; kind < SCRIPT_KIND_COUNT; kind++)
		assert_non_null(script_kind_name((enum script_kind)kind));
	for (unsigned bit = 0; bit < EVENT_FLAG_COUNT; bit++)
		assert_non_null(event_flag_name(bit));
	assert_int_equal(EVENT_FLAG_FOUND, 1U << (EVENT_FLAG_COUNT - 1));
	for (int type = FILE_NONE; type < FILE_TYPE_COUNT; type++)
		assert_non_null(file_type_name((enum file_type)type));
	assert_null(file_type_name(FILE_TYPE_COUNT));
	assert_string_equal(event_flag_name(8), "by_reader");
}

/* The manual */

static char *manual(void)
{
	FILE *file = fopen(SOURCE_ROOT "/docs/reference/events.md", "r");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, 65535, file) > 0);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void the_manual_has_exactly_the_fields_of_the_table(void **state)
{
	struct buffer table = BUFFER_INIT(65536);
	char *text = manual();

	(void)state;
	field_reference(&table);
	assert_false(table.failed);
	if (!strstr(text, buffer_string(&table)))
		fail_msg("the table in docs/reference/events.md should be:\n%s", buffer_string(&table));
	free(text);
	buffer_free(&table);
}

static void check_named(const char *text, const char *name)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "`%s`", name);
	if (!strstr(text, quoted))
		fail_msg("docs/reference/events.md does not say what %s is", quoted);
}

static void the_manual_explains_every_name(void **state)
{
	char *text = manual();

	(void)state;
	for (int kind = EVENT_EXEC; kind < EVENT_KIND_COUNT; kind++)
		check_named(text, event_kind_name((enum event_kind)kind));
	for (int kind = CONTEXT_UNKNOWN; kind < CONTEXT_KIND_COUNT; kind++)
		check_named(text, context_kind_name((enum context_kind)kind));
	for (int type = FILE_REGULAR; type < FILE_TYPE_COUNT; type++)
		check_named(text, file_type_name((enum file_type)type));
	for (int kind = SCRIPT_NONE; kind < SCRIPT_KIND_COUNT; kind++)
		check_named(text, script_kind_name((enum script_kind)kind));
	for (unsigned bit = 0; bit < EVENT_FLAG_COUNT; bit++)
		check_named(text, event_flag_name(bit));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_has_a_name_of_its_own),
		cmocka_unit_test(the_manual_has_exactly_the_fields_of_the_table),
		cmocka_unit_test(the_manual_explains_every_name),
		cmocka_unit_test(an_exec_has_all_fields_of_its_actor_in_order),
		cmocka_unit_test(other_kinds_have_their_own_fields_and_no_empty_ones),
		cmocka_unit_test(a_broken_line_is_refused_with_its_place),
		cmocka_unit_test(what_a_newer_sensor_adds_is_skipped),
		cmocka_unit_test(lines_and_strings_have_a_maximum),
		cmocka_unit_test(the_worst_event_of_the_sensor_still_reads),
		cmocka_unit_test(any_event_written_read_and_written_is_the_same),
		cmocka_unit_test(a_string_read_is_byte_for_byte_what_was_written),
		cmocka_unit_test(a_line_that_does_not_fit_marks_the_buffer),
		cmocka_unit_test(a_shell_is_read_as_it_reads_itself),
		cmocka_unit_test(an_interpreter_is_read_as_it_reads_itself),
		cmocka_unit_test(a_shebang_is_trusted_whatever_argv_says),
		cmocka_unit_test(a_script_too_long_for_its_place_is_unknown),
		cmocka_unit_test(any_arguments_classify_to_something),
		cmocka_unit_test(a_program_is_called_after_what_it_runs),
		cmocka_unit_test(only_what_passes_on_is_a_wrapper),
		cmocka_unit_test(options_with_telling_names_lose_their_values),
		cmocka_unit_test(options_of_known_programs_lose_their_secrets),
		cmocka_unit_test(secrets_within_texts_go),
		cmocka_unit_test(secrets_within_code_go),
		cmocka_unit_test(ordinary_arguments_stay),
		cmocka_unit_test(redaction_never_grows_and_is_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
