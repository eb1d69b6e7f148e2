/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/users.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/read.h"
#include "base/table.h"
#include "sensor/rooted.h"

#define NAMESPACES_MAX 64
#define NAME_SIZE_MAX  255

/* Of a file: our own may be large; another root's is what its owner makes it, and there can be many. */
#define OWN_FILE_MAX       (8U * 1024 * 1024)
#define OWN_ACCOUNTS_MAX   65536U
#define OTHER_FILE_MAX     (64U * 1024)
#define OTHER_ACCOUNTS_MAX 1024U

/* Names given out, which stay until the end. Other roots can't use up the half that is kept for ours. */
#define OWN_NAMES_MAX   16384U
#define OTHER_NAMES_MAX (OWN_NAMES_MAX / 2)

#define SECOND_NS INT64_C(1000000000)

enum account_kind { ACCOUNT_USER, ACCOUNT_GROUP, ACCOUNT_KIND_COUNT };

static const struct {
	const char *path;
	const char *prefix;
	const char *nameless; /* when there is no room for a name */
} account_kinds[] = {
	[ACCOUNT_USER] = { "/etc/passwd", "uid", "uid:?" },
	[ACCOUNT_GROUP] = { "/etc/group", "gid", "gid:?" },
};

struct account {
	uint32_t id;
	const char *in_file; /* in the file's text: not yet given out */
	const char *name;    /* the interned one; NULL until somebody asks */
};

/* What a passwd or group file says. */
struct account_file {
	bool present;
	struct stat status; /* when it was read */
	struct buffer text;
	struct account *accounts; /* owned */
	size_t count;
	struct table by_id;
};

struct mount_namespace {
	uint32_t number;
	char *root; /* where its files are: below the first process of it that we met and that still lives; owned */
	dev_t root_device;
	ino_t root_inode;
	bool checked;
	int64_t checked_ns;
	uint64_t used; /* the larger the later */
	struct account_file file[ACCOUNT_KIND_COUNT];
};

struct users {
	struct table namespaces;
	struct table names;
	uint64_t uses;
};

static bool account_has_id(const void *account, const void *id)
{
	return ((const struct account *)account)->id == *(const uint32_t *)id;
}

static bool has_number(const void *mount, const void *number)
{
	return ((const struct mount_namespace *)mount)->number == *(const uint32_t *)number;
}

static bool text_is(const void *one, const void *other)
{
	return strcmp(one, other) == 0;
}

/* The one copy of a name that stays; NULL when `maximum` names are there already or memory ran out. */
static const char *intern(struct users *users, const char *name, size_t maximum)
{
	uint64_t hash = hash_text(name);
	char *copy = table_find(&users->names, hash, name);

	if (copy || users->names.count >= maximum)
		return copy;
	copy = strdup(name);
	if (copy && table_insert(&users->names, hash, copy)) {
		free(copy);
		return NULL;
	}
	return copy;
}

/* A passwd or group file. */

static void account_file_clear(struct account_file *file)
{
	buffer_free(&file->text);
	table_free(&file->by_id);
	free(file->accounts);
	*file = (struct account_file) { .by_id = TABLE_INIT(account_has_id) };
}

/* Ids come from a file whose owner may be hostile: hash_u64() would let them choose collisions. */
static uint64_t hash_id(uint32_t id)
{
	return hash_bytes(&id, sizeof(id));
}

static bool read_id(const char *digits, uint32_t *out)
{
	uint64_t id = 0;

	if (!*digits)
		return false;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9')
			return false;
		id = id * 10 + (uint64_t)(*digits - '0');
		if (id >= UINT32_MAX)
			return false;
	}
	*out = (uint32_t)id;
	return true;
}

/* name:password:id…, in both files. Lines of NIS ("+::::::") and broken ones have no place. */
static bool read_account(char *line, struct account *out)
{
	const char *name = strsep(&line, ":");
	const char *id;

	(void)strsep(&line, ":");
	id = strsep(&line, ":");
	if (!id || !name[0] || name[0] == '+' || name[0] == '-' || strlen(name) > NAME_SIZE_MAX ||
	    !read_id(id, &out->id))
		return false;
	out->in_file = name;
	return true;
}

static size_t count_lines(const char *text)
{
	size_t count = 1;

	while ((text = strchr(text, '\n'))) {
		count++;
		text++;
	}
	return count;
}

/* Of two names for one id the first counts, as for everybody else who reads these files. */
static int index_accounts(struct account_file *file)
{
	for (size_t i = 0; i < file->count; i++) {
		struct account *account = file->accounts + i;
		uint64_t hash = hash_id(account->id);

		if (table_find(&file->by_id, hash, &account->id))
			continue;
		if (table_insert(&file->by_id, hash, account))
			return -ENOMEM;
	}
	return 0;
}

static int parse_accounts(struct account_file *file, size_t maximum)
{
	char *rest = file->text.data;
	size_t room;

	if (!rest)
		return 0;
	room = count_lines(rest);
	if (room > maximum)
		room = maximum;
	file->accounts = calloc(room, sizeof(*file->accounts));
	if (!file->accounts)
		return -ENOMEM;
	while (rest && file->count < room)
		if (read_account(strsep(&rest, "\n"), file->accounts + file->count))
			file->count++;
	return index_accounts(file);
}

/* Of a file that is too large we know the accounts in its beginning. */
static void cut_last_line(struct buffer *text)
{
	char *newline = text->data ? strrchr(text->data, '\n') : NULL;

	if (newline)
		newline[1] = '\0';
	else
		buffer_clear(text);
}

/* Puts what `descriptor` holds in the place of `file`; on failure that stays as it was. */
static void load_accounts(struct account_file *file, int descriptor, const struct stat *status, bool own)
{
	size_t maximum = own ? OWN_FILE_MAX : OTHER_FILE_MAX;
	struct account_file fresh = { .present = true,
				      .status = *status,
				      .text = BUFFER_INIT(maximum + 1),
				      .by_id = TABLE_INIT(account_has_id) };
	int code = read_whole(descriptor, maximum, &fresh.text);

	if (code == -EFBIG)
		cut_last_line(&fresh.text);
	if ((!code || code == -EFBIG) && !parse_accounts(&fresh, own ? OWN_ACCOUNTS_MAX : OTHER_ACCOUNTS_MAX)) {
		account_file_clear(file);
		*file = fresh;
	} else {
		account_file_clear(&fresh);
	}
}

static bool is_same_file(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size &&
	       one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
	       one->st_ctim.tv_sec == other->st_ctim.tv_sec && one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static void refresh_file(struct account_file *file, int root, const char *path, bool own)
{
	struct stat status;
	int descriptor = rooted_open_file(root, path, &status);

	if (descriptor < 0) {
		account_file_clear(file);
		return;
	}
	if (!file->present || !is_same_file(&file->status, &status))
		load_accounts(file, descriptor, &status, own);
	(void)close(descriptor);
}

/* A mount namespace. */

static void namespace_free(struct mount_namespace *mount)
{
	if (!mount)
		return;
	for (size_t i = 0; i < ACCOUNT_KIND_COUNT; i++)
		account_file_clear(&mount->file[i]);
	free(mount->root);
	free(mount);
}

static bool is_own(const struct mount_namespace *mount)
{
	return mount->root && !mount->root[0];
}

/* Takes `root` for the namespace's. A file descriptor of it, or a negative errno. */
static int adopt_root(struct mount_namespace *mount, const char *root)
{
	struct stat status;
	int directory = rooted_open_root(root);
	char *copy;

	if (directory < 0)
		return directory;
	copy = strdup(root);
	if (!copy || fstat(directory, &status) != 0) {
		free(copy);
		(void)close(directory);
		return -ENOMEM;
	}
	free(mount->root);
	mount->root = copy;
	mount->root_device = status.st_dev;
	mount->root_inode = status.st_ino;
	return directory;
}

/*
 * The root that was first met, while it is there, and not that of who is asked about now: a process may have changed its
 * root to a directory with a passwd file of its own, to appear under another name, and make others appear so. Once
 * it is gone, the new one is taken: the kernel gives numbers of ended namespaces to new ones.
 */
static int open_root(struct mount_namespace *mount, const char *root)
{
	struct stat status;
	int directory = mount->root ? rooted_open_root(mount->root) : -ENOENT;

	if (directory < 0)
		return adopt_root(mount, root);
	if (is_own(mount) || (fstat(directory, &status) == 0 && status.st_dev == mount->root_device &&
			      status.st_ino == mount->root_inode))
		return directory;
	(void)close(directory);
	return adopt_root(mount, root);
}

/* Looks whether the files changed, at most once a second; a process that is gone already doesn't count as a look. */
static void namespace_refresh(struct mount_namespace *mount, const char *root)
{
	struct timespec time;
	int64_t now;
	int directory;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	now = (int64_t)time.tv_sec * SECOND_NS + time.tv_nsec;
	if (mount->checked && now - mount->checked_ns < SECOND_NS)
		return;
	directory = open_root(mount, root);
	if (directory < 0)
		return;
	for (size_t i = 0; i < ACCOUNT_KIND_COUNT; i++)
		refresh_file(&mount->file[i], directory, account_kinds[i].path, is_own(mount));
	(void)close(directory);
	mount->checked = true;
	mount->checked_ns = now;
}

static void forget_least_used(struct users *users)
{
	struct mount_namespace *mount, *oldest = NULL;
	size_t cursor = 0;

	while ((mount = table_next(&users->namespaces, &cursor)))
		if (!oldest || mount->used < oldest->used)
			oldest = mount;
	if (oldest)
		(void)table_remove(&users->namespaces, hash_u64(oldest->number), &oldest->number);
	namespace_free(oldest);
}

static struct mount_namespace *namespace_add(struct users *users, uint32_t number)
{
	struct mount_namespace *mount = calloc(1, sizeof(*mount));

	if (!mount)
		return NULL;
	mount->number = number;
	for (size_t i = 0; i < ACCOUNT_KIND_COUNT; i++)
		account_file_clear(&mount->file[i]);
	if (users->namespaces.count >= NAMESPACES_MAX)
		forget_least_used(users);
	if (table_insert(&users->namespaces, hash_u64(number), mount)) {
		namespace_free(mount);
		return NULL;
	}
	return mount;
}

/* Names. */

static const char *nameless(struct users *users, enum account_kind kind, uint32_t id, size_t maximum)
{
	char text[32];
	const char *name;

	(void)snprintf(text, sizeof(text), "%s:%u", account_kinds[kind].prefix, id);
	name = intern(users, text, maximum);
	return name ? name : account_kinds[kind].nameless;
}

static const char *find_name(struct users *users, enum account_kind kind, uint32_t number, const char *root,
			     uint32_t id)
{
	struct mount_namespace *mount = table_find(&users->namespaces, hash_u64(number), &number);
	struct account *account = NULL;
	size_t maximum = OTHER_NAMES_MAX;

	if (id == UINT32_MAX)
		return "";
	if (!mount)
		mount = namespace_add(users, number);
	if (mount) {
		mount->used = ++users->uses;
		namespace_refresh(mount, root);
		maximum = is_own(mount) ? OWN_NAMES_MAX : OTHER_NAMES_MAX;
		account = table_find(&mount->file[kind].by_id, hash_id(id), &id);
	}
	if (account && !account->name)
		account->name = intern(users, account->in_file, maximum);
	return account && account->name ? account->name : nameless(users, kind, id, maximum);
}

struct users *users_new(void)
{
	struct users *users = calloc(1, sizeof(*users));

	if (!users)
		return NULL;
	users->namespaces = TABLE_INIT(has_number);
	users->names = TABLE_INIT(text_is);
	return users;
}

void users_free(struct users *users)
{
	struct mount_namespace *mount;
	size_t cursor = 0;
	char *name;

	if (!users)
		return;
	while ((mount = table_next(&users->namespaces, &cursor)))
		namespace_free(mount);
	for (cursor = 0; (name = table_next(&users->names, &cursor));)
		free(name);
	table_free(&users->namespaces);
	table_free(&users->names);
	free(users);
}

const char *users_name(struct users *users, uint32_t mount_namespace, const char *root, uint32_t uid)
{
	return find_name(users, ACCOUNT_USER, mount_namespace, root, uid);
}

const char *users_group(struct users *users, uint32_t mount_namespace, const char *root, uint32_t gid)
{
	return find_name(users, ACCOUNT_GROUP, mount_namespace, root, gid);
}
