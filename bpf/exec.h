/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The exec record: made when a program starts (process.bpf.c) and for those that were there before
 * (snapshot.bpf.c). Its size varies, so it is built in scratch memory and copied out. Each program has scratch of
 * its own: the kernel lets no tracing program interrupt itself on one CPU, so nobody else writes there.
 */
#ifndef BPF_EXEC_H
#define BPF_EXEC_H

#include "path.h"

#define EXEC_TAIL_MAX (SOMBRERO_STRING_COUNT * SOMBRERO_PATH_MAX)

struct exec_scratch {
	struct sombrero_exec record; /* the strings follow at once */
	char tail[EXEC_TAIL_MAX];
	struct path_buffer path;
};

/* Where the next string goes: an offset into `tail`, which stays below EXEC_TAIL_MAX - SOMBRERO_PATH_MAX. */
static __always_inline char *exec_tail(struct exec_scratch *scratch, __u32 offset)
{
	if (offset > EXEC_TAIL_MAX - SOMBRERO_PATH_MAX)
		return NULL;
	return scratch->tail + offset;
}

/* Copies a resolved path behind what is there; returns its size with the NUL byte. */
static __always_inline __u32 exec_add_path(struct exec_scratch *scratch, __u32 offset, const struct path_walk *walk)
{
	char *to = exec_tail(scratch, offset);
	__u64 start = walk->start, size;

	/* 64 bits wide and opaque to clang: the verifier of 6.1 loses the bounds of a 32-bit copy. */
	barrier_var(start);
	if (!to || start >= SOMBRERO_PATH_MAX)
		return 0;
	size = SOMBRERO_PATH_MAX - start;
	barrier_var(size);
	if (size > SOMBRERO_PATH_MAX)
		return 0;
	if (bpf_probe_read_kernel(to, size, scratch->path.text + start))
		return 0;
	if (!walk->whole)
		scratch->record.header.flags |= SOMBRERO_PATH_TRUNCATED;
	return size;
}

static __always_inline void exec_tty(struct sombrero_exec *record, const struct task_struct *task)
{
	struct tty_struct *tty = task->signal->tty;

	record->tty_major = record->tty_minor = 0;
	if (!tty)
		return;
	record->tty_major = tty->driver->major;
	record->tty_minor = tty->driver->minor_start + tty->index;
}

static __always_inline void exec_fixed(struct sombrero_exec *record, __u16 type, const struct task_struct *task)
{
	struct task_struct *parent = task->group_leader->real_parent;

	header_fill(&record->header, type, sizeof(*record), task);
	credentials_read(&record->credentials, task);
	record->parent_tgid = parent->tgid;
	record->parent_start_ns = parent->group_leader->start_boottime;
	record->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	record->login_uid = task->loginuid.val;
	record->session_id = task->sessionid;
	namespaces_read(record, task);
	record->argc = 0;
	__builtin_memset(record->padding, 0, sizeof(record->padding));
	exec_tty(record, task);
}

/* What kind of file the executable is, and its name. A memfd has no path: its dentry is called memfd:NAME. */
static __always_inline void exec_file(struct sombrero_exec *record, struct path_walk *walk, struct path_buffer *buffer,
				      const struct file *file, const struct task_struct *task)
{
	struct inode *inode = file->f_inode;
	struct dentry *dentry = file->f_path.dentry;
	struct qstr name;

	record->inode = inode->i_ino;
	record->device = inode->i_sb->s_dev;
	path_resolve(walk, buffer, &file->f_path, task);
	if (walk->outside)
		record->header.flags |= SOMBRERO_PATH_OUTSIDE;
	if (is_chrooted(task))
		record->header.flags |= SOMBRERO_EXE_CHROOT;
	if (dentry == dentry->d_parent) {
		path_begin(walk, buffer);
		name.len = dentry->d_name.len;
		name.name = dentry->d_name.name;
		path_prepend(walk, name.name, name.len);
		walk->start++; /* without the slash */
		walk->whole = true;
		record->header.flags &= ~SOMBRERO_PATH_OUTSIDE;
		record->header.flags |= SOMBRERO_EXE_MEMFD;
	} else if (!inode->i_nlink || !dentry->d_hash.pprev) {
		record->header.flags |= SOMBRERO_EXE_DELETED;
	}
}

/* A process as it is now: its executable and its cgroup, as far as the kernel knows. Returns the record's size. */
static __always_inline __u32 exec_task(struct exec_scratch *scratch, __u16 type, const struct task_struct *task)
{
	struct sombrero_exec *record = &scratch->record;
	struct file *file = task->mm->exe_file;
	struct path_walk walk;
	__u32 offset = 0;

	exec_fixed(record, type, task);
	if (task->flags & PF_FORKNOEXEC)
		record->header.flags |= SOMBRERO_EXE_INHERITED;
	if (task_in_scope(task))
		record->header.flags |= SOMBRERO_IN_SCOPE;
	__builtin_memset(record->size, 0, sizeof(record->size));
	if (file) {
		exec_file(record, &walk, &scratch->path, file, task);
		offset += record->size[SOMBRERO_STRING_EXE] = exec_add_path(scratch, offset, &walk);
		cgroup_resolve(&walk, &scratch->path, task);
		offset += record->size[SOMBRERO_STRING_CGROUP] = exec_add_path(scratch, offset, &walk);
	}
	record->header.length = sizeof(*record) + offset;
	return sizeof(*record) + offset;
}

#endif
