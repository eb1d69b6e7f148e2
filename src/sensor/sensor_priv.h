/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the sensor share: sensor.c handles the records, actor.c knows whom they are about, describe.c fills
 * in events, snapshot.c takes the state at start.
 */
#ifndef SENSOR_SENSOR_PRIV_H
#define SENSOR_SENSOR_PRIV_H

#include "sensor/brought_priv.h"
#include "sensor/context_priv.h"
#include "sensor/kernel_priv.h"
#include "sensor/login_watch_priv.h"
#include "sensor/proc_priv.h"
#include "sensor/process_priv.h"
#include "sensor/record_priv.h"
#include "sensor/sensor.h"
#include "sensor/users.h"

/* Losses in user space follow those of the kernel. */
enum {
	LOSS_RECURSION = SOMBRERO_LOSS_COUNT,
	LOSS_RECORD,  /* a record that is not as it should be */
	LOSS_UNKNOWN, /* an event whose process nobody could describe any more */
	LOSS_DOUBT, /* after a loss it can't be told any more what a process runs: its events have what it ran before */
	LOSS_TABLE, /* the process table had no room */
	LOSS_MEMORY, /* out of memory */
	LOSS_LOG,    /* lines of the authentication log */
	LOSS_FILES,  /* the queue of notices of files ran over: what happened is found by comparing */
	LOSS_COUNT,
};

/* Raw sockets found by looking are remembered, so that each is told once. */
#define LOOKED_MAX 256

/* The processes that the iterator showed; empty but at start. */
struct snapshot {
	struct sombrero_exec **task; /* owned, each with its strings */
	size_t count, capacity;
};

/* What services and jobs use: usage.c. */
struct usage_look {
	struct context_node **node; /* those that were used, while they are looked at; the list is owned */
	size_t count, capacity;
	uint64_t since_ns, next_ns; /* the last look, and when the next is due; CLOCK_BOOTTIME */
};

struct files;

struct sensor {
	struct kernel *kernel;
	struct files *files; /* NULL: none are watched */
	struct brought brought;
	struct process_table table;
	struct contexts contexts;
	struct users *users;
	struct login_watch *login_watch;
	event_sink sink;
	void *owner;
	int sink_status; /* what the sink returned when it wanted no more */
	char host[256];
	char **scope; /* paths in the cgroup tree; none: the whole host */
	size_t scope_count;
	bool existing;
	bool starting; /* the state at start is being taken */
	int wait_ms;
	uint64_t clock_offset_ns; /* UTC - CLOCK_BOOTTIME */
	uint64_t next_tick_ns;
	unsigned ticks;
	uint64_t losses[LOSS_COUNT], losses_told[LOSS_COUNT];
	uint64_t looked[LOOKED_MAX];
	unsigned looked_count;
	uint64_t records, events;
	unsigned doubt;          /* how often losses made doubtful what processes run; see struct process */
	unsigned settled_doubt;  /* the doubt at which all processes were last looked at again */
	uint64_t settle_ns;      /* not before then */
	uint64_t doubted_losses; /* the losses of the last doubt, and its time */
	uint64_t doubted_ns;
	uint32_t own_pid_namespace;
	char tty[32]; /* the name in the event that was last filled in */
	struct snapshot snapshot;
	struct usage_look usage;
};

/* Fills in an event of that kind with all about its actor; its strings are good until the next is filled in. */
void sensor_describe(struct sensor *sensor, struct process *process, enum event_kind kind, uint64_t time_ns,
		     struct event *event);

/* … as of when it ran that image (NULL is nothing). */
void describe_image(const struct image *image, struct event *event);

/* The ids and names of a process that had these rights then. */
void describe_credentials(struct sensor *sensor, const struct process *process,
			  const struct sombrero_credentials *credentials, struct event *event);

/* The name of a terminal; good until the next event is filled in. */
const char *sensor_tty(struct sensor *sensor, uint32_t major, uint32_t minor);

/* Hands an event to the sink, unless its actor (NULL for none) is not in the scope. */
void sensor_emit(struct sensor *sensor, const struct process *process, const struct event *event);

/* A new entry in the table; NULL, and counted, where there is no room. */
struct process *actor_add(struct sensor *sensor, uint32_t pid, uint64_t start_ns, struct process *parent);

/*
 * The process as the table has it, else as /proc does, with up to `depth` ancestors; NULL where neither knows it. start_ns
 * 0: whoever has the pid.
 */
struct process *actor_known(struct sensor *sensor, uint32_t pid, uint64_t start_ns, unsigned depth);

/*
 * Who a record is about. One that nobody knows gets an entry without a program, and is counted; NULL, counted too, where
 * there is no room.
 */
struct process *actor_find(struct sensor *sensor, const struct sombrero_header *header);

/* Records may have been lost by `time_ns`: then what processes run is looked up again as they are met. */
void actor_doubt(struct sensor *sensor, uint64_t time_ns);

/* The number that our /proc has for whom a record of a task describes; 0 where it shows it not. */
uint32_t actor_number(const struct sensor *sensor, const struct sombrero_exec *task);

/* What a record of a task says it runs, and what the kernel doesn't tell in passing, as /proc does; `facts` holds the strings. */
void actor_read_image(const struct sensor *sensor, const struct record *record, struct proc_facts *facts,
		      struct image_facts *image);

/* Who was moved to another cgroup. One from outside the scope runs what its parent does, or what /proc says. NULL: no room. */
struct process *actor_arrive(struct sensor *sensor, const struct record *record);

/* Settles the doubt about one: it runs what `facts` say. */
void actor_check(struct sensor *sensor, struct process *process, const struct sombrero_exec *record,
		 const struct image_facts *facts);

/* Ends those that are gone and whose ends nobody tells: strangers to the scope; after a loss, whom snapshot_again() missed. */
void actor_sweep(struct sensor *sensor, bool after_loss);

/* What is used counts from now on. */
void usage_begin(struct sensor *sensor, uint64_t now_ns);
/* Tells what was used, if that is due. */
void usage_tick(struct sensor *sensor, uint64_t now_ns);
/* `process` is about to end, and has used so much CPU time in all. */
void usage_exit(struct sensor *sensor, struct process *process, uint64_t cpu_ns, uint64_t time_ns);
void usage_free(struct sensor *sensor);

/* Is it this process of ours? */
bool actor_is_self(const struct sensor *sensor, const struct process *process);

/* It became what `facts` say: gives it its ids, its image and its context. */
void actor_become(struct sensor *sensor, struct process *process, const struct sombrero_exec *record,
		  const struct image_facts *facts);

/* A process that was there before, as a record of the iterator's: kept until all are there. */
void snapshot_keep(struct sensor *sensor, const struct record *record);

/* Reads processes and sockets, and places them; tells of them if that is wanted. What the sink returned, or a negative errno. */
int snapshot_take(struct sensor *sensor, struct error *error);

/* After a loss: finds the processes whose beginning was lost, and those that have become something else. */
void snapshot_again(struct sensor *sensor);
void snapshot_free(struct snapshot *snapshot);

#endif
