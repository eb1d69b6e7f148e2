/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What we need to know of the kernel's own structures: names only. CO-RE finds the true offsets when
 * a program is loaded, so that one object runs on every kernel that has these fields, and the build
 * needs no kernel's BTF. Where kernels differ, `___old` or `___new` flavours say so, with the version.
 */
#ifndef BPF_KERNEL_H
#define BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__u32 val;
} kuid_t;

typedef struct {
	__u32 val;
} kgid_t;

struct ns_common {
	unsigned int inum;
};

struct user_namespace {
	struct ns_common ns;
};

/* kernel_cap_t is two __u32 before 6.3 and one __u64 since: the same eight bytes here (little endian). */
struct kernel_capabilities {
	__u64 val;
};

struct cred {
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	struct user_namespace *user_ns;
	struct kernel_capabilities cap_effective;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct super_block {
	__u32 s_dev;
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct mm_struct {
	unsigned long arg_start, arg_end;
	struct file *exe_file;
};

struct linux_binprm {
	struct file *file;
	int argc;
	unsigned int secureexec : 1;
	const char *filename;
	const char *interp;
};

struct pid_namespace {
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
	struct mount *root;
};

struct net {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	struct tty_driver *driver;
	int index;
};

struct sched_entity {
	__u64 sum_exec_runtime;
};

struct signal_struct {
	atomic_t live;
	unsigned long long sum_sched_runtime; /* of threads that are gone */
	int group_exit_code;
	unsigned int flags;
	struct tty_struct *tty;
};

struct kernfs_node {
	const char *name;
	struct kernfs_node *parent;
	__u64 id;
};

/* 6.15 renamed parent, which RCU protects since (kernel commit 633488947ef6). */
struct kernfs_node___new {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	unsigned int flags;
	int pid, tgid;
	int exit_code;
	struct sched_entity se;
	__u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	const struct cred *cred;
	kuid_t loginuid;
	unsigned int sessionid;
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u8 sk_userlocks : 4;
	__u16 sk_type;
	__u16 sk_protocol;
};

struct inet_sock {
	__be16 inet_sport;
};

struct socket {
	struct sock *sk;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

/* Constants of the kernel that no header for user space has. */
#define PF_KTHREAD         0x00200000U
#define PF_FORKNOEXEC      0x00000040U
#define SIGNAL_GROUP_EXIT  0x00000004U
#define SOCK_BINDPORT_LOCK 8
#define S_IFMT             00170000
#define S_IFSOCK           0140000

enum { TCP_ESTABLISHED = 1, TCP_SYN_RECV = 3, TCP_CLOSE = 7, TCP_LISTEN = 10 };
enum { AF_INET = 2, AF_INET6 = 10, AF_PACKET = 17 };
enum { SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_PACKET = 10 };
enum { IPPROTO_ICMP = 1, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_ICMPV6 = 58, IPPROTO_UDPLITE = 136 };

#endif
