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

# What the sensor must see on every kernel: a program, a connection at both of its ends, a datagram and its answer's port.
acts() {
	local sombrero=$SOMBRERO_PLAIN_BUILD/src/sombrero
	# shellcheck disable=SC2016 # expanded by the shell that is watched
	timeout 100 "$sombrero" watch --json -- sh -c '
		nc -l 127.0.0.1 4242 >/dev/null & tcp=$!
		nc -u -l -W 1 127.0.0.1 4243 >/dev/null & udp=$!
		sleep 1
		echo hello | nc -N 127.0.0.1 4242
		echo hello | nc -u -w 1 127.0.0.1 4243
		/usr/bin/id -u
		wait $tcp
		kill $udp 2>/dev/null; true'
}
step acts acts
step status timeout 100 "$SOMBRERO_PLAIN_BUILD/src/sombrero" status

# Changes of watched files: on a filesystem, and on an overlay, which before Linux 6.6 tells only by its upper layer.
files() {
	local sombrero=$SOMBRERO_PLAIN_BUILD/src/sombrero watching
	mount -t tmpfs tmpfs /mnt && mkdir -p /mnt/plain /mnt/lower/deep /mnt/upper /mnt/work /mnt/merged || return
	echo below >/mnt/lower/deep/file
	mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/merged || return
	timeout 100 "$sombrero" watch --json --host --state /mnt/state --files '/mnt/plain/**' --files '/mnt/merged/**' \
		>/mnt/findings 2>/mnt/said &
	watching=$!
	for _ in $(seq 300); do
		grep -q watching /mnt/said && break
		sleep 0.1
	done
	cat /mnt/said >&2
	echo new >/mnt/plain/file
	mkdir -p /mnt/plain/a/b && echo x >/mnt/plain/a/b/c
	sleep 1
	mv /mnt/plain/file /mnt/plain/moved
	chmod 4755 /mnt/plain/a/b/c
	echo over >/mnt/merged/deep/file
	sleep 1
	rm /mnt/merged/deep/file
	echo made >/mnt/merged/deep/made
	sleep 2
	kill -INT "$watching"
	wait "$watching"
	cat /mnt/findings
}
step files files
