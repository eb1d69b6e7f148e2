/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Names as paths, by walking from the leaf to the root and writing from the end of a buffer to its beginning: dentries
 * across mounts, and cgroups. bpf_d_path() is not for tracepoints.
 */
#ifndef BPF_PATH_H
#define BPF_PATH_H

#include "sensor.h"

#define NAME_LIMIT 255
/* A path of 4,095 bytes has at most this many components, and each mount crossed costs a step. */
#define PATH_STEPS 2304

/* A path while it is made: text[start] … text[SOMBRERO_PATH_MAX - 1], which is NUL. */
struct path_buffer {
	char text[SOMBRERO_PATH_MAX + NAME_LIMIT + 1];
};

struct path_walk {
	char *text;
	__u32 start;
	bool whole;   /* came to the root */
	bool outside; /* came to the end of the mounts without meeting the process's root */
	struct dentry *dentry, *mount_root, *root;
	struct mount *mount;
	struct vfsmount *root_mount;
	struct kernfs_node *node;
};

/* Puts "/name" before what is there. False: no room. */
static __always_inline bool path_prepend(struct path_walk *walk, const void *name, __u32 length)
{
	__u32 start = walk->start;

	if (length > NAME_LIMIT || start < length + 1)
		return false;
	start -= length + 1;
	start &= SOMBRERO_PATH_MAX - 1;
	walk->text[start] = '/';
	bpf_probe_read_kernel(&walk->text[start + 1], length & NAME_LIMIT, name);
	walk->start = start;
	return true;
}

static __always_inline struct mount *mount_of(struct vfsmount *vfsmount)
{
	return (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
}

/* One step of bpf_loop: a component, or over the edge of a mount. 1 ends the loop. */
static long path_step(__u32 index, struct path_walk *walk)
{
	/* Locals, since CO-RE would take our own structure for one of the kernel's. */
	struct dentry *dentry = walk->dentry, *parent;
	struct mount *mount = walk->mount, *up;
	struct qstr name;

	if (dentry == walk->root && &mount->mnt == walk->root_mount) {
		walk->whole = true;
		return 1;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == walk->mount_root || dentry == parent) {
		up = BPF_CORE_READ(mount, mnt_parent);
		if (up == mount) {
			walk->whole = walk->outside = true;
			return 1;
		}
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = up;
		walk->mount_root = BPF_CORE_READ(up, mnt.mnt_root);
		return 0;
	}
	name.len = BPF_CORE_READ(dentry, d_name.len);
	name.name = BPF_CORE_READ(dentry, d_name.name);
	if (!path_prepend(walk, name.name, name.len))
		return 1;
	walk->dentry = parent;
	return 0;
}

static __always_inline void path_begin(struct path_walk *walk, struct path_buffer *buffer)
{
	walk->text = buffer->text;
	walk->start = SOMBRERO_PATH_MAX - 1;
	walk->whole = walk->outside = false;
	buffer->text[SOMBRERO_PATH_MAX - 1] = '\0';
}

/* The path of `path` as `task` would name it. */
static __always_inline void path_resolve(struct path_walk *walk, struct path_buffer *buffer, const struct path *path,
					 const struct task_struct *task)
{
	struct vfsmount *mnt = path->mnt;

	path_begin(walk, buffer);
	walk->dentry = path->dentry;
	walk->mount = mount_of(mnt);
	walk->mount_root = mnt->mnt_root;
	walk->root = task->fs->root.dentry;
	walk->root_mount = task->fs->root.mnt;
	bpf_loop(PATH_STEPS, path_step, walk, 0);
	if (walk->start == SOMBRERO_PATH_MAX - 1 && walk->whole && !walk->outside) {
		walk->start--;
		buffer->text[SOMBRERO_PATH_MAX - 2] = '/';
	}
}

/* So many mounts may lie one over the other where a mount namespace begins: the kernel's first, an initramfs, the host's. */
#define ROOT_MOUNTS 16

/*
 * Is the task's root directory another than where its mount namespace begins? That is no one mount: a root is mounted over
 * the one before, or takes its place.
 */
static __always_inline bool is_chrooted(const struct task_struct *task)
{
	struct mount *mount = mount_of(task->fs->root.mnt), *first = task->nsproxy->mnt_ns->root, *up;
	struct dentry *at = task->fs->root.dentry;

	if (!first) /* a task that ends has given it back */
		return false;
	for (int i = 0; i < ROOT_MOUNTS; i++) {
		if (at != BPF_CORE_READ(mount, mnt.mnt_root))
			return true;
		up = BPF_CORE_READ(mount, mnt_parent);
		if (mount == first || up == mount)
			return mount != first;
		at = BPF_CORE_READ(mount, mnt_mountpoint);
		mount = up;
	}
	return true;
}

static long cgroup_step(__u32 index, struct path_walk *walk)
{
	struct kernfs_node *node = walk->node, *parent = kernfs_parent(node);
	char *name = walk->text + SOMBRERO_PATH_MAX; /* the slack serves to measure the name */
	long length;

	if (!parent) {
		walk->whole = true;
		return 1;
	}
	length = bpf_probe_read_kernel_str(name, NAME_LIMIT + 1, BPF_CORE_READ(node, name));
	if (length <= 1 || !path_prepend(walk, name, (length - 1) & NAME_LIMIT))
		return 1;
	walk->node = parent;
	return 0;
}

static __always_inline void cgroup_resolve(struct path_walk *walk, struct path_buffer *buffer,
					   const struct task_struct *task)
{
	path_begin(walk, buffer);
	walk->node = task->cgroups->dfl_cgrp->kn;
	bpf_loop(CGROUP_STEPS, cgroup_step, walk, 0);
	if (walk->start == SOMBRERO_PATH_MAX - 1 && walk->whole) {
		walk->start--;
		buffer->text[SOMBRERO_PATH_MAX - 2] = '/';
	}
}

#endif
