#include "server/metrics.h"

#include "server/admin/interface_report.h"

typedef struct Metric {
    const char *name, *type, *help;
    double value;
} Metric;

static void write_all(TextWriter *writer, const Metric *metrics, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        metric_single(writer, metrics[i].name, metrics[i].type, metrics[i].help, metrics[i].value);
    }
}

static void write_twin(TextWriter *writer, const TwinSystem *twin)
{
    const TwinCounters *c = twin_counters(twin);
    const Metric metrics[] = {
        { "dtmv_twin_samples_total", "counter", "Samples that things accepted.", (double)c->samples },
        { "dtmv_twin_samples_duplicate_total", "counter", "Samples dropped: same time and value.",
          (double)c->duplicates },
        { "dtmv_twin_samples_old_total", "counter", "Samples dropped: older than what was known.",
          (double)c->old },
        { "dtmv_twin_samples_unknown_total", "counter", "Samples dropped: of no thing or property.",
          (double)c->unknown },
        { "dtmv_twin_samples_bad_total", "counter", "Samples of quality bad.", (double)c->bad },
        { "dtmv_twin_stale_properties", "gauge", "Properties without a fresh value.", c->stale_now },
        { "dtmv_twin_behind_seconds", "gauge", "Source time due and not delivered.",
          time_to_seconds(c->behind) },
    };
    write_all(writer, metrics, ARRAY_COUNT(metrics));
}

static void write_metaverse(TextWriter *writer, const Metaverse *metaverse)
{
    const MetaverseCounters *c = metaverse_counters(metaverse);
    const TransportStats stats = metaverse_transport_stats(metaverse);
    const Metric metrics[] = {
        { "dtmv_metaverse_people", "gauge", "Sessions in the world.", c->sessions },
        { "dtmv_metaverse_things_bound", "gauge", "Things bound to twin systems.", c->things_bound },
        { "dtmv_metaverse_alarms", "gauge", "Alarms of services that are active.", c->service_alarms },
        { "dtmv_metaverse_joined_total", "counter", "Sessions that came.", (double)c->joined },
        { "dtmv_metaverse_resumed_total", "counter", "Sessions that came back with their ticket.",
          (double)c->resumed },
        { "dtmv_metaverse_refused_total", "counter", "Connections refused.", (double)c->refused },
        { "dtmv_metaverse_closed_total", "counter", "Sessions closed for bad messages or floods.",
          (double)(c->malformed + c->not_allowed + c->flooded) },
        { "dtmv_metaverse_snapshots_total", "counter", "Snapshot packets sent.", (double)c->packets },
        { "dtmv_metaverse_sent_bytes_total", "counter", "Bytes on the wire to clients.",
          (double)stats.bytes_sent },
        { "dtmv_metaverse_received_bytes_total", "counter", "Bytes on the wire from clients.",
          (double)stats.bytes_received },
    };
    write_all(writer, metrics, ARRAY_COUNT(metrics));
    uint32_t qualities[QUALITY_COUNT];
    metaverse_count_qualities(metaverse, qualities);
    metric_begin(writer, "dtmv_metaverse_properties", "gauge",
                 "Properties of things, by quality of their value.");
    for (int quality = 0; quality < QUALITY_COUNT; quality++) {
        metric_value(writer, "dtmv_metaverse_properties", "quality", quality_name((Quality)quality), NULL,
                     NULL, qualities[quality]);
    }
    metric_begin(writer, "dtmv_metaverse_commands_total", "counter",
                 "Commands of people, by how they ended.");
    metric_value(writer, "dtmv_metaverse_commands_total", "state", "confirmed", NULL, NULL,
                 (double)c->commands_confirmed);
    metric_value(writer, "dtmv_metaverse_commands_total", "state", "refused", NULL, NULL,
                 (double)c->commands_refused);
    metric_value(writer, "dtmv_metaverse_commands_total", "state", "failed", NULL, NULL,
                 (double)c->commands_failed);
}

static void write_enabler(TextWriter *writer, const Enabler *enabler)
{
    const EnablerCounters *c = enabler_counters(enabler);
    const Metric metrics[] = {
        { "dtmv_enabler_messages_total", "counter", "Messages taken from the bus.", (double)c->messages },
        { "dtmv_enabler_refused_total", "counter", "Requests refused, forged ones included.",
          (double)c->refused },
        { "dtmv_enabler_samples_total", "counter", "Samples of twin systems.", (double)c->sync_samples },
        { "dtmv_enabler_routed_total", "counter", "Batches sent to subscribers.", (double)c->syncs_routed },
        { "dtmv_enabler_grants_total", "counter", "Grants given.", (double)c->grants_given },
        { "dtmv_enabler_grants_refused_total", "counter", "Grants refused.", (double)c->grants_refused },
        { "dtmv_enabler_leases_lapsed_total", "counter", "Systems that fell silent.",
          (double)c->leases_lapsed },
        { "dtmv_enabler_commands_under_way", "gauge", "Commands without a final state.",
          enabler_commands_under_way(enabler) },
        { "dtmv_enabler_audit_total", "counter", "Entries of the audit log.", (double)c->audit_entries },
        { "dtmv_enabler_audit_lost_total", "counter", "Entries that could not be kept.",
          (double)c->audit_lost },
        { "dtmv_enabler_store_failures_total", "counter", "Writes that the store refused.",
          (double)c->store_failures },
        { "dtmv_enabler_store_up", "gauge", "1 while the store takes what it is given.",
          enabler_store_works(enabler) },
    };
    write_all(writer, metrics, ARRAY_COUNT(metrics));
    metric_begin(writer, "dtmv_enabler_commands_total", "counter", "States of commands told, by state.");
    for (int state = COMMAND_NONE + 1; state < COMMAND_STATE_COUNT; state++) {
        metric_value(writer, "dtmv_enabler_commands_total", "state", command_state_name((CommandState)state),
                     NULL, NULL, (double)c->commands[state]);
    }
    metric_begin(writer, "dtmv_system_up", "gauge", "1 while a registered system keeps its lease.");
    EnablerSystem system;
    for (uint32_t cursor = 0; enabler_next_system(enabler, &cursor, &system);) {
        metric_value(writer, "dtmv_system_up", "system", system.name, "kind", system_kind_name(system.kind),
                     system.up);
    }
}

static void write_service(TextWriter *writer, const Service *service)
{
    const ServiceCounters c = service_counters(service);
    const Metric metrics[] = {
        { "dtmv_service_systems", "gauge", "Twin systems that the service watches.", c.systems },
        { "dtmv_service_properties", "gauge", "Properties that it watches.", c.properties },
        { "dtmv_service_samples_total", "counter", "Samples that it has scored.", (double)c.samples },
        { "dtmv_service_alarms", "gauge", "Its alarms that are active.", c.active },
        { "dtmv_service_raised_total", "counter", "Alarms that it has raised.", (double)c.raised },
        { "dtmv_service_cleared_total", "counter", "Alarms that it has ended.", (double)c.cleared },
        { "dtmv_service_held_total", "counter", "Ticks in which alarms had to wait.", (double)c.held },
    };
    write_all(writer, metrics, ARRAY_COUNT(metrics));
}

void metrics_write(const MetricsSource *source, TextWriter *writer)
{
    const ServerParts *parts = server_parts(source->server);
    if (parts->twin != NULL) {
        write_twin(writer, parts->twin);
    }
    if (parts->metaverse != NULL) {
        write_metaverse(writer, parts->metaverse);
    }
    if (parts->enabler != NULL) {
        write_enabler(writer, parts->enabler);
    }
    if (parts->service != NULL) {
        write_service(writer, parts->service);
    }
    if (source->interfaces != NULL) {
        interface_report_metrics(source->interfaces, writer);
    }
}

size_t metrics_health(const MetricsSource *source, AdminHealth *out, size_t capacity)
{
    const ServerParts *parts = server_parts(source->server);
    EnablerSystem system;
    size_t count = 0;
    if (parts->enabler == NULL) {
        return 0;
    }
    if (count < capacity) {
        bool works = enabler_store_works(parts->enabler);
        out[count++] = (AdminHealth){ .name = "enabler",
                                      .kind = system_kind_name(SYSTEM_ENABLER),
                                      .up = works,
                                      .detail = works ? "" : "the store does not take what it is given" };
    }
    for (uint32_t cursor = 0; count < capacity && enabler_next_system(parts->enabler, &cursor, &system);) {
        if (strncmp(system.name, ADMIN_NAME_PREFIX, sizeof ADMIN_NAME_PREFIX - 1) == 0) {
            continue; /* whether a service from outside is there says nothing of this server's health */
        }
        if (!system.up && system.who[0] == '\0') {
            continue; /* the store knows it from an earlier run; it has not come in this one */
        }
        out[count++] = (AdminHealth){ .name = system.name,
                                      .kind = system_kind_name(system.kind),
                                      .up = system.up,
                                      .detail = system.up ? "" : "its lease has lapsed" };
    }
    return count;
}

void metrics_trace(const MetricsSource *source, uint32_t count, TextWriter *writer)
{
    if (source->interfaces != NULL) {
        interface_report_trace(source->interfaces, count, writer);
    }
}
