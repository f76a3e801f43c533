/* interface_report.h - the interface trace as the gateway tells it: the newest messages as JSON, counters as
 * metrics. For AdminHost.trace and AdminHost.metrics. Pure. */
#ifndef SERVER_ADMIN_INTERFACE_REPORT_H
#define SERVER_ADMIN_INTERFACE_REPORT_H
#include "server/admin/text_writer.h"
#include "shared/systems/interface_trace.h"

/* The last `count` messages that are kept, oldest first, as JSON objects with commas between. */
void interface_report_trace(const InterfaceTrace *trace, uint32_t count, TextWriter *writer);

/* dtmv_interface_messages_total, …_bytes_total, …_answers_total, …_answer_seconds_total by interface and
 * message, and the longest answer; of messages that have passed at least once. */
void interface_report_metrics(const InterfaceTrace *trace, TextWriter *writer);

#endif
