/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells what became of files that were touched: the state now against the baseline is what happened, whatever the single
 * steps were. An editor's dance of temporary files and renames is one write.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "base/path.h"
#include "event/diff.h"
#include "sensor/files_priv.h"
#include "sensor/login_priv.h"
#include "sensor/rooted.h"

#define MILLISECOND UINT64_C(1000000)
/* Left alone for so long, it is settled: closed, or still open for writing. Who goes on and on is told of from time to time. */
#define QUIET_NS      (100 * MILLISECOND)
#define QUIET_OPEN_NS (500 * MILLISECOND)
#define PATIENCE_NS   (2000 * MILLISECOND)
/* … of a large file less often: each time all of it is read. */
#define LARGE             (UINT64_C(16) << 20)
#define PATIENCE_LARGE_NS (30000 * MILLISECOND)
/* Reading takes no more than a tenth of the time, where it takes long: a log is told of less often the larger it is. */
#define LONG_NS (10 * MILLISECOND)
#define REST    9
/* The kernel stamps files with the time of its last tick. */
#define TICK_NS (10 * MILLISECOND)

/* A file as it was and is. */
struct net {
	const char *path;
	bool was, is;
	bool unseen; /* what is there can't be looked at; `is` is false then */
	struct baseline_file before, now;
	char target_before[PATH_MAX]; /* the baseline's is good until the next look into it */
};

static void find_before(const struct files *files, struct net *net)
{
	const struct baseline *baseline = files->watch->baseline;

	net->was = baseline->find(baseline->owner, net->path, &net->before) == 1;
	if (!net->was)
		return;
	(void)snprintf(net->target_before, sizeof(net->target_before), "%s", net->before.target);
	net->before.target = net->target_before;
}

static void find_now(struct files *files, struct net *net, bool content)
{
	bool text = content && files->watch->wants_text(files->watch->owner, place_inside(net->path));
	const char *name;
	int status = files_place(files, net->path, &name);

	buffer_clear(&files->text);
	if (status >= 0)
		status = look_at(files->look, status, name, content, text ? &files->text : NULL, &net->now);
	net->is = !status;
	net->unseen = status < 0 && status != -ENOENT;
}

/* --- the event ----------------------------------------------------------------------------------- */

static void hexadecimal(const uint8_t *bytes, char out[2 * BASELINE_SHA256_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < BASELINE_SHA256_SIZE; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * BASELINE_SHA256_SIZE] = '\0';
}

static const char *protection(const struct baseline_file *file)
{
	if (file->immutable)
		return file->append_only ? "immutable, append only" : "immutable";
	return file->append_only ? "append only" : "";
}

static void fill_state(const struct sensor *sensor, const struct baseline_file *file,
		       char hash[2 * BASELINE_SHA256_SIZE + 1], struct file_state *out)
{
	hash[0] = '\0';
	if (file->has_sha256)
		hexadecimal(file->sha256, hash);
	*out = (struct file_state) {
		.type = file->type,
		.size = file->type == FILE_REGULAR ? file->size : EVENT_NO_SIZE,
		.mode = file->type == FILE_SYMLINK ? EVENT_NO_ID : file->mode,
		.owner = contexts_login_user(&sensor->contexts, file->uid),
		.group = contexts_home_group(&sensor->contexts, file->gid),
		.sha256 = hash,
		.protection = protection(file),
		.target = file->target,
	};
}

static void exchange(struct actor *actor)
{
	struct image *image = actor->image;
	struct sombrero_credentials credentials = actor->credentials;

	actor->image = actor->other;
	actor->credentials = actor->other_credentials;
	actor->other = image;
	actor->other_credentials = credentials;
}

/*
 * Which of two programs it was, the one before an exec or the one after, the file itself may say: it has the time of its last
 * change, if a little early. Where it doesn't, and the exec gave other rights, it was the one before, unless that was root:
 * to start a set-user-id program is no way to have been somebody else.
 */
static void decide_actor(const struct sensor *sensor, const struct net *net, struct actor *actor)
{
	uint64_t exec_ns = actor->exec_ns + sensor->clock_offset_ns;
	bool has_time = net->is && (!net->was || net->now.ctime_ns != net->before.ctime_ns);
	bool is_before = has_time && net->now.ctime_ns + TICK_NS < exec_ns;
	bool is_after = has_time && net->now.ctime_ns > exec_ns;
	uint32_t euid_before = actor->other_credentials.euid;

	if (!actor->other)
		return;
	if (is_before || (!is_after && euid_before && euid_before != actor->credentials.euid))
		exchange(actor);
	if (!is_before && !is_after)
		return;
	image_release(actor->other);
	actor->other = NULL;
}

/* It is told later than it was: the session may have ended meanwhile. */
static bool was_orphan(const struct touch *touch)
{
	const struct login *login = touch->actor.process->login;

	return !login || (login->end_ns && login->end_ns < touch->since_ns);
}

static void describe(struct files *files, const struct touch *touch, enum event_kind kind, struct event *event)
{
	struct sensor *sensor = files->sensor;

	if (touch->actor.process && !touch->found) {
		sensor_describe(sensor, touch->actor.process, kind, touch->first_ns, event);
		describe_image(touch->actor.image, event);
		describe_credentials(sensor, touch->actor.process, &touch->actor.credentials, event);
		if (!was_orphan(touch))
			event->flags &= ~(uint32_t)EVENT_FLAG_ORPHAN;
	} else {
		event_init(event, kind);
		event->time_ns = touch->first_ns + sensor->clock_offset_ns;
		event->host = sensor->host;
	}
	if (touch->actor.other && strcmp(touch->actor.other->program.text, event->program.text) != 0) {
		event->other_program = touch->actor.other->program.text;
		event->flags |= EVENT_FLAG_ACTOR_UNCERTAIN;
	}
	if (touch->found)
		event->flags |= EVENT_FLAG_FOUND;
	else if (touch->weak || !touch->actor.process)
		event->flags |= EVENT_FLAG_ACTOR_UNCERTAIN;
}

/* What changed in a text whose differences are wanted: `files->text` has it as it is now. */
static const char *difference(struct files *files, enum event_kind kind, const struct net *net)
{
	const struct baseline *baseline = files->watch->baseline;
	const char *before = NULL;
	size_t size = 0;

	buffer_clear(&files->diff);
	if (!net->is || (kind != EVENT_WRITE && kind != EVENT_CREATE) || net->now.type != FILE_REGULAR ||
	    net->now.size > BASELINE_TEXT_MAX ||
	    !files->watch->wants_text(files->watch->owner, place_inside(net->path)))
		return "";
	/* One that was there and whose text is not known was too large. */
	if (net->was && net->before.size && baseline->find_text(baseline->owner, net->path, &before, &size) != 1)
		return "";
	/* In between it was too large, and its text is an older one's. */
	if (net->was && size != net->before.size)
		return "";
	(void)diff_text(before, size, buffer_string(&files->text), files->text.size, &files->diff);
	return buffer_string(&files->diff);
}

static void emit(struct files *files, struct touch *touch, enum event_kind kind, const struct net *net,
		 const char *path_before, uint64_t entries)
{
	char hash[2 * BASELINE_SHA256_SIZE + 1], hash_before[2 * BASELINE_SHA256_SIZE + 1];
	char container[PLACE_ID_MAX];
	struct event event;

	decide_actor(files->sensor, net, &touch->actor);
	describe(files, touch, kind, &event);
	/* Stored into a mapping: told at the close, by whoever closed it last. */
	if (kind == EVENT_WRITE && !(touch->mask & ~(uint64_t)FAN_CLOSE_WRITE) && touch->mask)
		event.flags |= EVENT_FLAG_ACTOR_UNCERTAIN;
	event.path = place_inside(net->path);
	event.path_before = place_inside(path_before);
	event.file_container = place_container(net->path, container);
	event.entries = entries;
	event.diff = difference(files, kind, net);
	if (net->is)
		fill_state(files->sensor, &net->now, hash, &event.file);
	if (net->was)
		fill_state(files->sensor, &net->before, hash_before, &event.file_before);
	files->tally.events++;
	/* Whose file it is counts, not whether the actor is in the scope. */
	sensor_emit(files->sensor, NULL, &event);
}

/* --- what happened ------------------------------------------------------------------------------- */

static bool was_rewritten(const struct touch *touch, const struct net *net)
{
	const uint64_t writes = FAN_MODIFY | FAN_CREATE | FAN_RENAME;
	bool is_replaced = net->before.inode != net->now.inode && !touch->found;

	if (net->now.type == FILE_DIRECTORY)
		return false;
	return is_replaced || (touch->mask & writes && (touch->forced || !look_untouched(&net->before, &net->now)));
}

static bool has_other_attributes(const struct touch *touch, const struct net *net)
{
	if (!look_same_attributes(&net->before, &net->now))
		return true;
	return touch->mask & FAN_ATTRIB && (touch->forced || net->before.ctime_ns != net->now.ctime_ns);
}

/* By what notices said alone: its container has ended, or its disk fails. */
static enum event_kind judge_unseen(const struct touch *touch, const struct net *net)
{
	if (touch->mask & FAN_DELETE)
		return net->was ? EVENT_REMOVE : (enum event_kind)0;
	if (touch->mask & (FAN_MODIFY | FAN_CLOSE_WRITE | FAN_CREATE | FAN_RENAME))
		return net->was ? EVENT_WRITE : EVENT_CREATE;
	return touch->mask & FAN_ATTRIB ? EVENT_ATTRIBUTES : (enum event_kind)0;
}

/* The kind of change, or 0 for none that lasted. */
static enum event_kind judge(const struct touch *touch, const struct net *net)
{
	if (net->unseen)
		return judge_unseen(touch, net);
	if (!net->was)
		return net->is ? EVENT_CREATE : (enum event_kind)0;
	if (!net->is)
		return EVENT_REMOVE;
	if (!look_same_content(&net->before, &net->now) || was_rewritten(touch, net))
		return EVENT_WRITE;
	return has_other_attributes(touch, net) ? EVENT_ATTRIBUTES : (enum event_kind)0;
}

static void keep(struct files *files, const struct net *net)
{
	const struct baseline *baseline = files->watch->baseline;
	int status = 0;

	if (net->is)
		status = baseline->put(baseline->owner, net->path, &net->now);
	else if (net->was && !net->unseen)
		status = baseline->forget(baseline->owner, net->path);
	if (net->is && files->text.size && status >= 0)
		status = baseline->put_text(baseline->owner, net->path, buffer_string(&files->text), files->text.size);
	if (status < 0 && !files->sensor->sink_status)
		files->sensor->sink_status = status;
}

static uint64_t count_below(struct files *files, const struct net *net)
{
	const struct baseline *baseline = files->watch->baseline;
	int count;

	if (!net->was || net->is || net->before.type != FILE_DIRECTORY)
		return 0;
	count = baseline->forget(baseline->owner, net->path);
	return count > 1 ? (uint64_t)count - 1 : 0;
}

/* `is_gone`: what has the name now is another file, whose own story that is. */
static void settle_alone(struct files *files, struct touch *touch, bool is_gone)
{
	static struct net net; /* large, and used by one thread only; nothing here calls itself */
	enum event_kind kind;

	net.path = touch->path;
	net.is = net.unseen = false;
	find_before(files, &net);
	if (!is_gone)
		find_now(files, &net, true);
	net.unseen |= touch->left && net.was && !net.is;
	kind = judge(touch, &net);
	if (kind)
		emit(files, touch, kind, &net, "", kind == EVENT_REMOVE ? count_below(files, &net) : 0);
	else if (!net.was && !net.is)
		files->tally.transient++;
	keep(files, &net);
}

/* Is what `touch` names now the file that was called `from`, and is there nothing of that name any more? */
static bool is_renamed(struct files *files, const struct touch *touch, bool is_gone, struct net *old,
		       const struct net *net)
{
	old->path = touch->from;
	old->is = old->unseen = false;
	find_before(files, old);
	if (!old->was || !net->is)
		return false;
	if (!is_gone)
		find_now(files, old, false);
	return !old->is && !old->unseen && old->before.inode == net->now.inode && old->before.type == net->now.type;
}

static bool settle_as_rename(struct files *files, struct touch *touch, bool is_gone)
{
	const struct baseline *baseline = files->watch->baseline;
	static struct net net, old;
	bool replaces;

	net.path = touch->path;
	find_now(files, &net, false);
	if (!is_renamed(files, touch, is_gone, &old, &net))
		return false;
	find_before(files, &net);
	find_now(files, &net, true);
	replaces = net.was;
	if (!replaces) {
		net.was = true;
		net.before = old.before;
	}
	if (!net.is)
		return false;
	emit(files, touch, EVENT_RENAME, &net, touch->from, 0);
	(void)baseline->rename(baseline->owner, touch->from, touch->path);
	keep(files, &net);
	return true;
}

/* `is_gone`: nothing is left of what was called `touch->from`. */
static void settle_with_other_end(struct files *files, struct touch *touch, bool is_gone)
{
	struct touch *old = touch->from ? touches_find(&files->touches, touch->from) : NULL;
	bool renamed;

	touches_take(&files->touches, touch);
	renamed = touch->from && settle_as_rename(files, touch, is_gone);
	if (!renamed)
		settle_alone(files, touch, false);
	touch_free(&files->touches, touch);
	if (!old)
		return;
	/* The other end of the rename is told with it. */
	touches_take(&files->touches, old);
	if (!renamed)
		settle_alone(files, old, is_gone);
	touch_free(&files->touches, old);
}

void settle_touch(struct files *files, struct touch *touch)
{
	settle_with_other_end(files, touch, false);
}

/* Told together with what it is called now; NULL: it is not to be told so. */
static struct touch *other_end(const struct files *files, const struct touch *touch)
{
	struct touch *other = touch->to ? touches_find(&files->touches, touch->to) : NULL;

	return other && other->from && !strcmp(other->from, touch->path) ? other : NULL;
}

void settle_gone(struct files *files, struct touch *touch)
{
	struct touch *other = other_end(files, touch);

	if (other) {
		settle_with_other_end(files, other, true);
		return;
	}
	touches_take(&files->touches, touch);
	settle_alone(files, touch, true);
	touch_free(&files->touches, touch);
}

/* --- directories --------------------------------------------------------------------------------- */

void settle_replaced(struct files *files, const char *path, const struct process *by)
{
	struct touch *next;

	for (struct touch *touch = files->touches.oldest; touch; touch = next) {
		next = touch->younger;
		if (touch->weak || (by && touch->actor.process == by) || !path_is_below(touch->path, path))
			continue;
		touches_take(&files->touches, touch);
		settle_alone(files, touch, true);
		touch_free(&files->touches, touch);
	}
}

/* All that is known by the name. How many files. */
static int call(struct files *files, const char *from, const char *to)
{
	const struct baseline *baseline = files->watch->baseline;

	marks_rename(&files->marks, from, to);
	touches_rename(&files->touches, from, to);
	return baseline->rename(baseline->owner, from, to);
}

/*
 * A directory that was not known was made a moment ago, and is told of under its new name. What was looked for under the old
 * one and not found there is looked for again.
 */
static void tell_rename(struct files *files, const struct net *old, const char *to, int count,
			const struct actor *actor)
{
	static struct net net;
	struct touch touch = { .since_ns = files->empty_ns, .first_ns = files->empty_ns, .mask = FAN_RENAME };

	if (files_wants_below(files, to))
		scan_again(files, to, actor);
	if (!files_wants(files, to))
		return;
	if (!old->was) {
		(void)files_touch(files, to, FAN_CREATE | FAN_ONDIR, actor);
		return;
	}
	net.path = to;
	net.was = true;
	net.before = old->before;
	find_now(files, &net, false);
	touch.actor = actor_hold(actor);
	emit(files, &touch, EVENT_RENAME, &net, old->path, count > 1 ? (uint64_t)count - 1 : 0);
	actor_drop(&files->touches, &touch.actor);
	if (net.is)
		keep(files, &net);
}

/* Is the directory that is at `path` now the one that is known as `known`? */
static bool is_known_as(struct files *files, const char *path, const char *known)
{
	int root = place_root(files, path), fd;
	bool is;

	fd = root < 0 ? root : rooted_open(root, place_inside(path), O_PATH | O_DIRECTORY);
	if (fd < 0)
		return false;
	is = marks_is(&files->marks, fd, known);
	(void)close(fd);
	return is;
}

/* A name that no path can have, in the directory that `path` lies in. NULL: no memory. */
static char *name_aside(const char *path)
{
	char *aside;

	return asprintf(&aside, "%.*s//", (int)(strrchr(path, '/') - path), path) < 0 ? NULL : aside;
}

static void settle_exchange(struct files *files, const char *one, const char *other, const struct actor *actor)
{
	static struct net first, second;
	char *aside = name_aside(one);
	int first_count, second_count;

	if (!aside) {
		files->sensor->losses[LOSS_MEMORY]++;
		return;
	}
	first.path = one;
	second.path = other;
	find_before(files, &first);
	find_before(files, &second);
	(void)call(files, one, aside);
	second_count = call(files, other, one);
	first_count = call(files, aside, other);
	free(aside);
	tell_rename(files, &first, other, first_count, actor);
	tell_rename(files, &second, one, second_count, actor);
}

void settle_rename(struct files *files, const char *from, const char *to, const struct actor *actor)
{
	static struct net old;
	int count;

	/* Two that change places are told twice, of each as renamed to the other. */
	if (is_known_as(files, from, to) && is_known_as(files, to, from)) {
		settle_exchange(files, from, to, actor);
		return;
	}
	if (is_known_as(files, from, from) && is_known_as(files, to, to))
		return;
	settle_replaced(files, to, NULL);
	old.path = from;
	find_before(files, &old);
	count = call(files, from, to);
	tell_rename(files, &old, to, count, actor);
}

/*
 * A directory that is new is told before what is in it: else its rename, were that to come before it is told, would be one that
 * nobody heard of, with files in it that were told under the old name.
 */
bool settle_parent(struct files *files, const char *path)
{
	const struct baseline *baseline = files->watch->baseline;
	const char *slash = strrchr(path, '/');
	char *parent = slash && slash != path ? strndup(path, (size_t)(slash - path)) : NULL;
	struct touch *touch = parent ? touches_find(&files->touches, parent) : NULL;
	struct baseline_file known;
	bool is_new = touch && baseline->find(baseline->owner, parent, &known) != 1;

	if (is_new) {
		(void)settle_parent(files, parent);
		settle_touch(files, touch);
	}
	free(parent);
	return is_new;
}

/* --- when ---------------------------------------------------------------------------------------- */

static bool is_large(const struct files *files, const struct touch *touch)
{
	const struct baseline *baseline = files->watch->baseline;
	struct baseline_file file;

	return baseline->find(baseline->owner, touch->path, &file) == 1 && file.size > LARGE;
}

static bool is_settled(const struct files *files, const struct touch *touch, uint64_t now)
{
	bool is_open = touch->mask & FAN_MODIFY && !(touch->mask & FAN_CLOSE_WRITE);
	uint64_t quiet = now - touch->last_ns, age = now - touch->first_ns;

	if (quiet < (is_open ? QUIET_OPEN_NS : QUIET_NS) && age < PATIENCE_NS)
		return false;
	if ((is_open || now < files->rest_ns) && age < PATIENCE_LARGE_NS && is_large(files, touch))
		return false;
	return !touch->actor.process || login_is_settled(touch->actor.process) || age >= PATIENCE_NS;
}

/* Told together with what it is called now. */
static bool waits_for_other_end(const struct files *files, const struct touch *touch)
{
	const struct touch *other = other_end(files, touch);

	/* Two that changed places wait for nothing: each is another file now. */
	return other && !(touch->from && !strcmp(touch->from, other->path));
}

/* The one to be settled after this one: the other end of a rename, which is told with it, may be the next. */
static struct touch *next_of(const struct touch *touch)
{
	struct touch *next = touch->younger;

	return touch->from && next && !strcmp(next->path, touch->from) ? next->younger : next;
}

void settle_below(struct files *files, const char *path)
{
	struct touch *touch = files->touches.oldest, *next;

	for (; touch; touch = next) {
		bool is_below = path_is_below(touch->path, path);

		next = is_below ? next_of(touch) : touch->younger;
		if (is_below)
			settle_touch(files, touch);
	}
}

static void settle_and_rest(struct files *files, struct touch *touch)
{
	uint64_t begun = files_now(), took;

	settle_touch(files, touch);
	took = files_now() - begun;
	if (took > LONG_NS)
		files->rest_ns = begun + (1 + REST) * took;
}

void settle(struct files *files, uint64_t now_ns, bool at_once)
{
	struct touch *touch = files->touches.oldest;
	unsigned told = 0;

	while (touch) {
		struct touch *next = touch->younger;

		if (!waits_for_other_end(files, touch) && (at_once || is_settled(files, touch, now_ns))) {
			if (settle_parent(files, touch->path)) {
				touch = files->touches.oldest; /* the next may have been the parent */
				continue;
			}
			next = next_of(touch);
			settle_and_rest(files, touch);
			if (++told % 64 == 0)
				files_breathe(files);
		}
		touch = next;
	}
}
