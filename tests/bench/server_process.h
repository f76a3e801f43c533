/* server_process.h - a dtmv-server as a child process, for benches: started, watched, ended. */
#ifndef TESTS_BENCH_SERVER_PROCESS_H
#define TESTS_BENCH_SERVER_PROCESS_H
#include "shared/base/diag.h"
#include "shared/base/time.h"

#include <stdbool.h>
#include <sys/types.h>

#define SERVER_ARGUMENTS_MAX 32

typedef struct ServerProcess {
    pid_t pid; /* 0: not running */
    uint16_t port;
    char log_path[1200];
} ServerProcess;

typedef struct ProcessUsage {
    TimeNs cpu;    /* user + system, so far */
    double rss_mb; /* resident now, 10^6 bytes */
} ProcessUsage;

/* Whether the dtmv-server beside this program has the option, "--view-distance" for one. */
bool server_process_knows(const char *option);

/* Starts the dtmv-server beside this program with `arguments` (ended by NULL), on a free port of 127.0.0.1,
 * its log, key and what else it writes in `folder`; returns when it listens. STATUS_IO_ERROR and
 * STATUS_DISCONNECTED (it ended) with `diag`. */
NODISCARD Status server_process_start(const char *folder, const char *const *arguments,
                                      ServerProcess *out_process, Diag *diag);

/* What the system says of the process alone. STATUS_DISCONNECTED when it has ended. */
NODISCARD Status server_process_usage(const ServerProcess *process, ProcessUsage *out_usage);

/* The newest line of its log that contains `text`, or "". Returns `out`. */
const char *server_process_log(const ServerProcess *process, const char *text, char *out, size_t size);

/* SIGTERM, after 10 s SIGKILL; waits for the end. Safe when it does not run. Removes its key and log. */
void server_process_stop(ServerProcess *process);

#endif
