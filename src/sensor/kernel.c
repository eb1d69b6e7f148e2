/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/kernel_priv.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sombrero/event.h"

/* bpftool's code, not ours. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Woverlength-strings"
#include "sensor.skel.h"
#pragma GCC diagnostic pop

/* A tracepoint program has one link; a cgroup program one for each cgroup of the scope. */
#define LINKS_MAX (16 * SENSOR_CGROUPS_MAX + 16)

struct kernel {
	struct sensor_bpf *skeleton;
	struct ring_buffer *ring;
	uint64_t *losses; /* the kernel's own counters, mapped */
	struct bpf_link *link[LINKS_MAX];
	unsigned link_count;
	kernel_sink sink;
	void *owner;
	int taken; /* records, since kernel_consume was called */
};

/* What libbpf last complained of; it has no other way to say why something failed. */
static char complaint[512];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !complaint[0]) {
		(void)vsnprintf(complaint, sizeof(complaint), format, arguments);
		complaint[strcspn(complaint, "\n")] = '\0';
	}
	return 0;
}

static const struct {
	const char *name;
	const char *program[3];
} parts[] = {
	{ "exec", { "on_exec" } },
	{ "fork", { "on_fork" } },
	{ "exit", { "on_exit" } },
	{ "change of cgroup", { "on_move" } },
	{ "connect", { "on_connect4", "on_connect6" } },
	{ "datagram out", { "on_sendmsg4", "on_sendmsg6" } },
	{ "datagram in", { "on_recvmsg4", "on_recvmsg6" } },
	{ "bind", { "on_bind4", "on_bind6" } },
	{ "datagram listen", { "on_post_bind4", "on_post_bind6" } },
	{ "listen, accept", { "on_state" } },
	{ "accept by reader", { "on_read", "on_release" } },
	{ "raw socket", { "on_sock_create" } },
	{ "state at start", { "each_task", "each_file" } },
};

/* What a host intrusion detection is asked for and this sensor does not see, and why. */
static const struct {
	const char *name, *why;
} missing[] = {
	{ "reads of files", "no notice of them is cheap enough" },
	{ "module load", "needs LSM or fentry programs; not built yet" },
	{ "debugging (ptrace)", "needs LSM or fentry programs; not built yet" },
	{ "namespaces, mounts", "needs LSM or fentry programs; not built yet" },
	{ "AF_UNIX connect", "its hook came with kernel 6.7; not built yet" },
	{ "SCTP, VSOCK, TIPC", "the kernel has no hook for them" },
};

/* The negative errno of a call that failed; never 0. */
static int failed(void)
{
	return errno > 0 ? -errno : -EIO;
}

static int attach_one(struct kernel *kernel, struct bpf_link *link, const char *name, struct error *error)
{
	if (!link) {
		int status = failed();

		return error_set(error, status == -EPERM ? -EPERM : -ENOTSUP,
				 "can't attach the sensor's program %s: %s", name, strerror(-status));
	}
	kernel->link[kernel->link_count++] = link;
	return 0;
}

static int attach_program(struct kernel *kernel, struct bpf_program *program, const int *cgroup, size_t count,
			  struct error *error)
{
	const char *name = bpf_program__name(program);
	enum bpf_prog_type type = bpf_program__type(program);
	int status = 0;

	if (type == BPF_PROG_TYPE_TRACING)
		return bpf_program__expected_attach_type(program) == BPF_TRACE_ITER
			       ? 0
			       : attach_one(kernel, bpf_program__attach(program), name, error);
	for (size_t i = 0; i < count && !status; i++)
		status = attach_one(kernel, bpf_program__attach_cgroup(program, cgroup[i]), name, error);
	return status;
}

static int attach_all(struct kernel *kernel, const int *cgroup, size_t count, struct error *error)
{
	struct bpf_program *program;
	int status;

	bpf_object__for_each_program(program, kernel->skeleton->obj) {
		status = attach_program(kernel, program, cgroup, count, error);
		if (status < 0)
			return status;
	}
	return 0;
}

static int open_cgroups(const char *const *cgroups, size_t count, int *fd, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		fd[i] = open(cgroups[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd[i] < 0)
			return error_set(error, failed(), "can't open the cgroup %s: %s", cgroups[i], strerror(errno));
	}
	return 0;
}

static int fill_scope(struct kernel *kernel, const int *fd, size_t count, struct error *error)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): load() has set it, or failed */
	int scope = bpf_map__fd(kernel->skeleton->maps.scope), ids = bpf_map__fd(kernel->skeleton->maps.scope_ids);
	const uint8_t yes = 1;

	for (uint32_t i = 0; i < count; i++) {
		struct stat facts;
		uint64_t id;

		if (fstat(fd[i], &facts))
			return error_set(error, failed(), "can't look at a cgroup: %s", strerror(errno));
		id = facts.st_ino; /* of cgroup2 they are the same */
		if (bpf_map_update_elem(scope, &i, &fd[i], BPF_ANY) || bpf_map_update_elem(ids, &id, &yes, BPF_ANY))
			return error_set(error, failed(), "can't set the scope: %s", strerror(errno));
	}
	return 0;
}

static int load(struct kernel *kernel, size_t scope_count, struct error *error)
{
	int status;

	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return error_set(
			error, -ENOTSUP,
			"this kernel has no BTF (/sys/kernel/btf/vmlinux): a kernel with CONFIG_DEBUG_INFO_BTF is "
			"needed, as Debian's are since 11");
	complaint[0] = '\0';
	libbpf_set_print(keep_complaint);
	kernel->skeleton = sensor_bpf__open();
	if (!kernel->skeleton)
		return error_set(error, -ENOMEM, "can't open the sensor's programs: %s", strerror(errno));
	kernel->skeleton->rodata->scope_count = (uint32_t)scope_count;
	status = sensor_bpf__load(kernel->skeleton);
	if (status == -EPERM)
		return error_set(error, -EPERM,
				 "the kernel does not let us load BPF programs: root (or CAP_BPF, CAP_PERFMON "
				 "and CAP_NET_ADMIN) is needed");
	if (status < 0)
		return error_set(error, -ENOTSUP,
				 "the kernel refused the sensor's programs (6.1 or later is needed): %s%s%s",
				 strerror(-status), complaint[0] ? ": " : "", complaint);
	return 0;
}

static int take_record(void *context, void *data, size_t size)
{
	struct kernel *kernel = context;
	int status = kernel->sink(kernel->owner, data, size);

	if (status < 0)
		return status;
	/* A flood must not keep the caller from its clock and its signals. */
	return ++kernel->taken >= KERNEL_RECORDS_AT_ONCE ? -EAGAIN : 0;
}

static int map_losses(struct kernel *kernel, struct error *error)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as in fill_scope() */
	int fd = bpf_map__fd(kernel->skeleton->maps.losses);
	void *at = mmap(NULL, SOMBRERO_LOSS_COUNT * sizeof(uint64_t), PROT_READ, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return error_set(error, failed(), "can't map the counters of losses: %s", strerror(errno));
	kernel->losses = at;
	return 0;
}

static int start(struct kernel *kernel, const char *const *cgroups, size_t scope_count, size_t count, int *fd,
		 struct error *error)
{
	int status = open_cgroups(cgroups, count, fd, error);

	if (!status)
		status = load(kernel, scope_count, error);
	if (!status)
		status = map_losses(kernel, error);
	if (!status && scope_count)
		status = fill_scope(kernel, fd, count, error);
	if (!status) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as above */
		kernel->ring = ring_buffer__new(bpf_map__fd(kernel->skeleton->maps.ring), take_record, kernel, NULL);
		if (!kernel->ring)
			status = error_set(error, failed(), "can't map the ring buffer: %s", strerror(errno));
	}
	return status ? status : attach_all(kernel, fd, count, error);
}

int kernel_open(const char *root, const char *const *cgroups, size_t count, kernel_sink sink, void *owner,
		struct kernel **out, struct error *error)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int fd[SENSOR_CGROUPS_MAX];
	size_t attached = count ? count : 1;
	int status;

	if (!kernel)
		return error_set(error, -ENOMEM, "out of memory");
	if (count > SENSOR_CGROUPS_MAX) {
		free(kernel);
		return error_set(error, -E2BIG, "%zu cgroups are more than the %d that one sensor can watch", count,
				 SENSOR_CGROUPS_MAX);
	}
	kernel->sink = sink;
	kernel->owner = owner;
	memset(fd, -1, sizeof(fd));
	status = start(kernel, count ? cgroups : &root, count, attached, fd, error);
	for (size_t i = 0; i < attached; i++) {
		if (fd[i] >= 0)
			(void)close(fd[i]);
	}
	if (status < 0) {
		kernel_close(kernel);
		return status;
	}
	/* The kernel's BTF, some 10 MB, was parsed and freed; give the pages back. */
	(void)malloc_trim(0);
	*out = kernel;
	return 0;
}

void kernel_close(struct kernel *kernel)
{
	if (!kernel)
		return;
	for (unsigned i = 0; i < kernel->link_count; i++)
		(void)bpf_link__destroy(kernel->link[i]);
	ring_buffer__free(kernel->ring);
	if (kernel->losses)
		(void)munmap(kernel->losses, SOMBRERO_LOSS_COUNT * sizeof(uint64_t));
	sensor_bpf__destroy(kernel->skeleton);
	free(kernel);
}

int kernel_consume(struct kernel *kernel, int timeout_ms)
{
	int status;

	kernel->taken = 0;
	/* Both: poll alone never wakes again after a record that asked for no wake-up. */
	status = ring_buffer__poll(kernel->ring, timeout_ms);
	if (status >= 0 || status == -EINTR)
		status = ring_buffer__consume(kernel->ring);
	return status < 0 && status != -EAGAIN ? status : kernel->taken;
}

/* Hands over the whole records in a buffer; returns how many bytes they were, or what the sink returned. */
static ssize_t split_records(struct kernel *kernel, const char *buffer, size_t size)
{
	size_t at = 0;

	while (size - at >= sizeof(struct sombrero_header)) {
		/* Records are only as aligned as their sizes left them. */
		static _Alignas(8) char
			record[sizeof(struct sombrero_exec) + SOMBRERO_STRING_COUNT * (size_t)SOMBRERO_PATH_MAX];
		struct sombrero_header header;
		int status;

		memcpy(&header, buffer + at, sizeof(header));
		if (header.length < sizeof(header) || header.length > sizeof(record))
			return -EINVAL;
		if (header.length > size - at)
			break;
		memcpy(record, buffer + at, header.length);
		status = kernel->sink(kernel->owner, record, header.length);
		if (status < 0)
			return status;
		at += header.length;
	}
	return (ssize_t)at;
}

static int read_iterator(struct kernel *kernel, int fd)
{
	static char buffer[65536];
	size_t filled = 0;
	ssize_t taken, got;

	for (;;) {
		got = read(fd, buffer + filled, sizeof(buffer) - filled);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		filled += (size_t)got;
		taken = split_records(kernel, buffer, filled);
		if (taken < 0)
			return (int)taken;
		filled -= (size_t)taken;
		memmove(buffer, buffer + taken, filled);
	}
}

static int run_iterator(struct kernel *kernel, struct bpf_program *program)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd, status;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	status = fd < 0 ? -errno : read_iterator(kernel, fd);
	if (fd >= 0)
		(void)close(fd);
	(void)bpf_link__destroy(link);
	return status;
}

int kernel_each_task(struct kernel *kernel)
{
	return run_iterator(kernel, kernel->skeleton->progs.each_task);
}

int kernel_each_socket(struct kernel *kernel)
{
	return run_iterator(kernel, kernel->skeleton->progs.each_file);
}

static int program_info(const struct bpf_program *program, struct bpf_prog_info *info)
{
	__u32 size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(bpf_program__fd(program), info, &size);
}

uint64_t kernel_lost(const struct kernel *kernel, enum sombrero_loss reason)
{
	return __atomic_load_n(&kernel->losses[reason], __ATOMIC_RELAXED);
}

void kernel_losses(const struct kernel *kernel, uint64_t counts[])
{
	struct bpf_program *program;
	struct bpf_prog_info info;

	for (unsigned i = 0; i < SOMBRERO_LOSS_COUNT; i++)
		counts[i] = kernel_lost(kernel, i);
	counts[SOMBRERO_LOSS_COUNT] = 0;
	bpf_object__for_each_program(program, kernel->skeleton->obj) {
		if (!program_info(program, &info))
			counts[SOMBRERO_LOSS_COUNT] += info.recursion_misses;
	}
}

static void add_parts(const struct kernel *kernel, struct sensor_status *out)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct sensor_part part = { .name = parts[i].name, .on = true, .why_not = "" };

		for (size_t p = 0; p < 3 && parts[i].program[p]; p++) {
			const struct bpf_program *program =
				bpf_object__find_program_by_name(kernel->skeleton->obj, parts[i].program[p]);
			struct bpf_prog_info info;

			if (program && !program_info(program, &info)) {
				part.runs += info.run_cnt;
				part.run_ns += info.run_time_ns;
			}
		}
		out->part[out->part_count++] = part;
	}
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		out->part[out->part_count++] =
			(struct sensor_part) { .name = missing[i].name, .on = false, .why_not = missing[i].why };
}

/* What a map costs, as the kernel says it in its fdinfo. */
static size_t map_memory(int fd)
{
	char path[64], line[128];
	unsigned long bytes = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "memlock: %lu", &bytes) == 1)
			break;
	}
	if (file)
		(void)fclose(file);
	return bytes;
}

void kernel_status(const struct kernel *kernel, struct sensor_status *out)
{
	struct bpf_map *map;

	add_parts(kernel, out);
	out->ring_bytes = bpf_map__max_entries(kernel->skeleton->maps.ring);
	bpf_object__for_each_map(map, kernel->skeleton->obj)
		out->map_bytes += map_memory(bpf_map__fd(map));
}
