/* bench.h - what every benchmark of dtmv-bench shares: options, timing and the JSON line it prints.
 * A benchmark measures; it never passes or fails on time. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/diag.h"
#include "shared/base/time.h"

/* What is not given is NULL, 0 or false: the benchmark's own choice. */
typedef struct BenchOptions {
    const char *data;       /* --data FILE */
    const char *profile;    /* --profile FILE: of the server that the benchmark starts */
    double seconds;         /* --seconds S */
    double ack_delay_ms;    /* --ack-delay MS: acknowledgements of the clients come up to this late */
    int64_t count;          /* --count N */
    int64_t clients, twins; /* --clients K, --twins N */
    int64_t tick_rate;      /* --tick-rate HZ: of the server */
    int64_t input_rate;     /* --input-rate HZ: INPUT messages of each client */
    double change_rate;     /* --change-rate F: of the twins that change at each update */
    bool interest;          /* --interest: clients see their surroundings only */
    bool plaintext;         /* --plaintext: without the secure channel */
    bool tickless;          /* --tickless: the server tells samples as they come */
    double deadline_ms;     /* --deadline MS: and holds them back for so long at most */
    bool mqtt, sparkplug;   /* --mqtt, --sparkplug: through a real broker */
    bool processes;         /* --processes: the systems of the server in a process each */
} BenchOptions;

typedef Status (*BenchRun)(const BenchOptions *options, Diag *diag);

/* Frames of cubes over the snapshot codec; PERFORMANCE.md, "cubes". */
Status bench_cubes(const BenchOptions *options, Diag *diag);
/* Frames of bodies in flight over the codec, sealed and sized; PERFORMANCE.md, "asteroids". */
Status bench_asteroids(const BenchOptions *options, Diag *diag);
/* Snapshots of --count twins whose channels all change, size and time, by what is acknowledged. */
Status bench_snapshot(const BenchOptions *options, Diag *diag);
/* Samples a second from a feed in memory into things; PERFORMANCE.md, "ingest", in-process part. */
Status bench_ingest(const BenchOptions *options, Diag *diag);
/* The same through a Mosquitto that it starts, as JSON or Sparkplug B, beside a bare subscriber. */
Status bench_ingest_broker(const BenchOptions *options, Diag *diag);
/* Sealing and opening packets of several sizes, and handshakes. */
Status bench_secure(const BenchOptions *options, Diag *diag);
/* Packets between one server and --clients peers over loopback, without a world. */
Status bench_transport(const BenchOptions *options, Diag *diag);
/* A real server, --clients over real sockets, --twins that all change; PERFORMANCE.md, "fanout". */
Status bench_fanout(const BenchOptions *options, Diag *diag);
/* Sample to client; PERFORMANCE.md, "latency": in process, or through a Mosquitto that it starts. */
Status bench_latency(const BenchOptions *options, Diag *diag);
/* The condition monitoring service's detectors over the labelled traces in the folder --data. */
Status bench_anomaly(const BenchOptions *options, Diag *diag);
/* What a profile's scope costs, off and on. */
Status bench_profile(const BenchOptions *options, Diag *diag);

/* One JSON object a line on stdout: bench_open, any number of fields, bench_close (which adds commit,
 * compiler, cpu). */
void bench_open(const char *name);
void bench_number(const char *key, double value);
void bench_integer(const char *key, int64_t value);
void bench_flag(const char *key, bool value);
void bench_text(const char *key, const char *plain);
void bench_close(void);

/* Reads `path`, decompressed when its name ends in ".zst" (at most `max_size` bytes), into `arena`. */
Status bench_read(const char *path, size_t max_size, Arena *arena, Bytes *out_bytes, Diag *diag);

#endif
