#include "server/admin/interface_report.h"

#define CHUNK 16

void interface_report_trace(const InterfaceTrace *trace, uint32_t count, TextWriter *writer)
{
    InterfaceRecord records[CHUNK];
    char line[INTERFACE_LINE_SIZE];
    uint64_t newest = 0, after;
    size_t got;
    while ((got = interface_trace_recent(trace, newest, records, CHUNK)) > 0) {
        newest = records[got - 1].number;
    }
    after = newest > count ? newest - count : 0;
    bool first = true;
    while ((got = interface_trace_recent(trace, after, records, CHUNK)) > 0) {
        for (size_t i = 0; i < got; i++) {
            text_writer_put(writer, "%s%s", first ? "" : ",", interface_trace_format(&records[i], line));
            first = false;
        }
        after = records[got - 1].number;
    }
}

/* One metric over all kinds of messages that have passed. */
static void report(const InterfaceTrace *trace, TextWriter *writer, const char *name, const char *type,
                   const char *help, double (*value)(const InterfaceCounters *counters))
{
    metric_begin(writer, name, type, help);
    for (int id = 0; id < FAMILY_ID_COUNT; id++) {
        const FamilyRule *rule = family_rule((uint8_t)id);
        if (!rule) {
            continue;
        }
        const InterfaceCounters *counters = interface_trace_counters(trace, rule->id);
        if (counters->messages > 0) {
            metric_value(writer, name, "interface", interface_name(rule->interface), "message", rule->name,
                         value(counters));
        }
    }
}

static double messages(const InterfaceCounters *counters)
{
    return (double)counters->messages;
}

static double bytes(const InterfaceCounters *counters)
{
    return (double)counters->bytes;
}

static double answers(const InterfaceCounters *counters)
{
    return (double)counters->answers;
}

static double answer_seconds(const InterfaceCounters *counters)
{
    return time_to_seconds(counters->latency_sum);
}

static double longest(const InterfaceCounters *counters)
{
    return time_to_seconds(counters->latency_max);
}

void interface_report_metrics(const InterfaceTrace *trace, TextWriter *writer)
{
    report(trace, writer, "dtmv_interface_messages_total", "counter", "Messages between the systems.",
           messages);
    report(trace, writer, "dtmv_interface_bytes_total", "counter", "Bytes of their bodies.", bytes);
    report(trace, writer, "dtmv_interface_answers_total", "counter",
           "Messages that answered a request first.", answers);
    report(trace, writer, "dtmv_interface_answer_seconds_total", "counter",
           "How long those answers took together.", answer_seconds);
    report(trace, writer, "dtmv_interface_answer_seconds_max", "gauge", "How long the longest of them took.",
           longest);
}
