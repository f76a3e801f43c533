/* metrics.h - what the gateway tells of the server it is part of: Prometheus metrics, health, the newest
 * interface messages. Pure. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H
#include "server/admin/admin.h"
#include "server/server.h"
#include "shared/systems/interface_trace.h"

typedef struct MetricsSource {
    const Server *server; /* set before the first tick */
    const InterfaceTrace *interfaces;
} MetricsSource;

/* As AdminHost wants them. */
void metrics_write(const MetricsSource *source, TextWriter *writer);
size_t metrics_health(const MetricsSource *source, AdminHealth *out, size_t capacity);
void metrics_trace(const MetricsSource *source, uint32_t count, TextWriter *writer);

#endif
