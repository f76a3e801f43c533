/* gateway_host - the HTTP gateway over real sockets, with a double of the enabler and one twin system behind
 * it: for e2e/http_service.py, which tells a service from outside what it may expect. Prints where it
 * listens, serves until SIGTERM, then prints how long its longest tick took. */
#include "server/admin/admin.h"
#include "server/admin/admin_http.h"
#include "server/admin/interface_report.h"
#include "shared/base/clock_file.h"
#include "tests/unit/server/enabler_double.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK       (5 * TIME_MS)
#define SYNC_EVERY (100 * TIME_MS)

typedef struct Host {
    EnablerDouble enabler;
    InterfaceTrace *trace;
} Host;

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static Status attach(void *context, const char *name, Bus *out_bus)
{
    Host *host = context;
    return bus_local_attach(host->enabler.hub, SYSTEM_SERVICE, name, out_bus);
}

static size_t health(void *context, AdminHealth *out, size_t capacity)
{
    (void)context;
    (void)capacity;
    out[0] = (AdminHealth){ .name = "plant", .kind = "twin", .up = true, .detail = "" };
    return 1;
}

static void trace(void *context, uint32_t count, TextWriter *writer)
{
    const Host *host = context;
    interface_report_trace(host->trace, count, writer);
}

static void metrics(void *context, TextWriter *writer)
{
    const Host *host = context;
    interface_report_metrics(host->trace, writer);
}

/* 20 degC for two seconds, then 10 s up, and again. */
static int64_t temperature(TimeNs time)
{
    double seconds = fmod(time_to_seconds(time), 12);
    return (int64_t)(seconds < 2 ? 200 : 200 + (seconds - 2) * 80);
}

static void serve(Host *host, Admin *admin)
{
    TimeNs start = clock_monotonic(), next_sync = start, longest = 0;
    while (!stop) {
        TimeNs now = clock_monotonic();
        admin_tick(admin, now, clock_wall());
        double_poll(&host->enabler, now);
        if (now >= next_sync) {
            double_sync(&host->enabler, clock_wall(), temperature(now - start), false);
            next_sync = now + SYNC_EVERY;
        }
        TimeNs took = clock_monotonic() - now;
        longest = took > longest ? took : longest;
        nanosleep(&(struct timespec){ .tv_nsec = TICK }, NULL);
    }
    printf("longest tick %.3f ms\n", time_to_seconds(longest) * 1e3);
}

int main(int argc, char **argv)
{
    static Host host = { .enabler = { .token = "secret" } };
    Arena arena;
    TextTable texts;
    HttpServer http;
    uint16_t port;
    Admin *admin;
    Diag diag = { 0 };
    (void)argc;
    (void)argv;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    host.enabler.grant_until = clock_wall() + 3600 * TIME_SECOND;
    arena_init(&arena, 0);
    const AdminConfig config = {
        .host = { .attach = attach, .health = health, .metrics = metrics, .trace = trace, .context = &host },
        .texts = &texts
    };
    if (text_table_init(&texts, 64, &arena) || bus_local_create(&(BusLocalConfig){ 0 }, &host.enabler.hub)) {
        return 1;
    }
    const InterfaceTraceConfig traced = { .monotonic = clock_monotonic, .wall = clock_wall };
    if (interface_trace_create(&traced, &host.trace) != STATUS_OK) {
        return 1;
    }
    if (admin_http_open(NULL, 0, &http, &port, &diag) != STATUS_OK) {
        fprintf(stderr, "gateway_host: %s\n", diag.text);
        return 1;
    }
    if (admin_create(&config, http, &admin) != STATUS_OK) {
        http.ops->destroy(http.context);
        return 1;
    }
    bus_set_tap(host.enabler.hub, interface_trace_tap(host.trace));
    printf("http on 127.0.0.1:%u\n", port);
    fflush(stdout);
    serve(&host, admin);
    admin_destroy(admin);
    bus_destroy(host.enabler.hub);
    interface_trace_destroy(host.trace);
    arena_finish(&arena);
    return 0;
}
