#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is done inside a guest, as root, with the host's files and a kernel of Debian's. Each step's output and
# exit status are read by kernels_test.py; standard error goes to the console, which is shown where a test fails.

set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8

# step NAME COMMAND…
step() {
	local name=$1 status
	shift
	printf '@begin %s\n' "$name"
	"$@"
	status=$?
	printf '\n@end %s %d\n' "$name" "$status"
}

prepare() {
	mount -t cgroup2 cgroup2 /sys/fs/cgroup || return
	mount -t bpf bpf /sys/fs/bpf || return
	ip link set lo up
}

step kernel uname -r
step prepare prepare
step btf stat -c %s /sys/kernel/btf/vmlinux
step filesystems stat -f -c %T /sys/fs/cgroup /sys/fs/bpf
