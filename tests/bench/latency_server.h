/* latency_server.h - the server of the latency bench: a world in memory, a feed, and child processes that run
 * dtmv-server's own loop. */
#ifndef TESTS_BENCH_LATENCY_SERVER_H
#define TESTS_BENCH_LATENCY_SERVER_H
#include "shared/model/world.h"
#include "tests/bench/bench.h"
#include "tests/bench/broker.h"

#define LATENCY_THINGS    1000
#define LATENCY_INTERVAL  TIME_MS /* between samples */
#define LATENCY_TICK_RATE 60
#define LATENCY_PROCESSES 3 /* with --processes: twin system, enabler, metaverse system */

/* "thing-0" and so on, each with one number called "value". */
typedef struct LatencyWorld {
    ThingModel model;
    Thing *things;
    SpawnPoint spawn;
    World world; /* called "latency" */
} LatencyWorld;

typedef struct LatencyServer {
    pid_t pids[LATENCY_PROCESSES];
    uint16_t port; /* for clients */
} LatencyServer;

/* STATUS_OUT_OF_MEMORY and those of thing_model_load. `out` stays where it is. */
NODISCARD Status latency_world_make(LatencyWorld *out, Arena *arena);

/* Starts the server: one process, or with options->processes three around a sealed bus. Its feed is `broker`
 * by the default mapping, or, where that is zero, samples 0, 1, ... of things in turn, each stamped with the
 * monotonic instant it is for. The processes end by themselves after `duration`. STATUS_IO_ERROR, with
 * `diag`. The caller calls latency_server_end, on failure too. */
NODISCARD Status latency_server_start(LatencyWorld *world, const BenchOptions *options, const Broker *broker,
                                      TimeNs duration, LatencyServer *out, Diag *diag);
void latency_server_end(LatencyServer *server); /* safe on a zeroed one */

#endif
