/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/touch_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/path.h"

static bool same_path(const void *entry, const void *key)
{
	return !strcmp(((const struct touch *)entry)->path, key);
}

void touches_init(struct touches *touches, struct process_table *processes)
{
	*touches = (struct touches) { .by_path = TABLE_INIT(same_path), .processes = processes };
}

struct actor actor_hold(const struct actor *actor)
{
	if (actor->process)
		process_hold(actor->process);
	if (actor->image)
		actor->image->references++;
	if (actor->other)
		actor->other->references++;
	return *actor;
}

void actor_drop(struct touches *touches, struct actor *actor)
{
	image_release(actor->image);
	image_release(actor->other);
	process_drop(touches->processes, actor->process);
	*actor = (struct actor) { 0 };
}

void touches_free(struct touches *touches)
{
	while (touches->oldest) {
		struct touch *touch = touches->oldest;

		touches_take(touches, touch);
		touch_free(touches, touch);
	}
	table_free(&touches->by_path);
}

struct touch *touches_find(const struct touches *touches, const char *path)
{
	return table_find(&touches->by_path, hash_text(path), path);
}

struct touch *touches_add(struct touches *touches, const char *path, const struct actor *actor, uint64_t time_ns)
{
	struct touch *touch = calloc(1, sizeof(*touch));
	struct actor held = *actor;

	if (touch)
		touch->path = strdup(path);
	if (!touch || !touch->path || table_insert(&touches->by_path, hash_text(path), touch) < 0) {
		if (touch)
			free(touch->path);
		free(touch);
		actor_drop(touches, &held);
		return NULL;
	}
	touch->actor = held;
	touch->first_ns = touch->last_ns = time_ns;
	touch->older = touches->youngest;
	if (touches->youngest)
		touches->youngest->younger = touch;
	else
		touches->oldest = touch;
	touches->youngest = touch;
	return touch;
}

void touches_take(struct touches *touches, struct touch *touch)
{
	(void)table_remove(&touches->by_path, hash_text(touch->path), touch->path);
	if (touch->older)
		touch->older->younger = touch->younger;
	else
		touches->oldest = touch->younger;
	if (touch->younger)
		touch->younger->older = touch->older;
	else
		touches->youngest = touch->older;
	touch->older = touch->younger = NULL;
}

void touch_free(struct touches *touches, struct touch *touch)
{
	actor_drop(touches, &touch->actor);
	free(touch->from);
	free(touch->to);
	free(touch->path);
	free(touch);
}

static bool rename_one(char **path, const char *from, const char *to)
{
	char *renamed;

	if (!*path || !path_is_below(*path, from))
		return true;
	if (asprintf(&renamed, "%s%s", to, *path + strlen(from)) < 0)
		return false;
	free(*path);
	*path = renamed;
	return true;
}

void touches_rename(struct touches *touches, const char *from, const char *to)
{
	struct touch *next;

	for (struct touch *touch = touches->oldest; touch; touch = next) {
		struct touch *there;

		next = touch->younger;
		if (!path_is_below(touch->path, from))
			continue;
		(void)table_remove(&touches->by_path, hash_text(touch->path), touch->path);
		if (rename_one(&touch->path, from, to)) {
			(void)rename_one(&touch->from, from, to);
			(void)rename_one(&touch->to, from, to);
		}
		there = touches_find(touches, touch->path);
		if (there) {
			next = next == there ? there->younger : next;
			touches_take(touches, there);
			touch_free(touches, there);
		}
		/* The place that was just given up is there for it. */
		(void)table_insert(&touches->by_path, hash_text(touch->path), touch);
	}
}
