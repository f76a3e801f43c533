#include "shared/systems/interface_trace.h"

#include <stdio.h>
#include <stdlib.h>

#define RECENT_DEFAULT 1024
#define OPEN_MAX       4096 /* requests without an answer that are remembered; a power of two */
#define OPEN_PROBES    8

/* A request on its way. */
typedef struct Open {
    uint64_t key; /* 0: free */
    TimeNs sent;
} Open;

struct InterfaceTrace {
    InterfaceTraceConfig config;
    InterfaceRecord *recent; /* a ring */
    uint64_t count;          /* records so far */
    InterfaceCounters counters[FAMILY_ID_COUNT];
    Open open[OPEN_MAX];
};

Status interface_trace_create(const InterfaceTraceConfig *config, InterfaceTrace **out_trace)
{
    InterfaceTrace *trace = calloc(1, sizeof *trace);
    if (trace == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    trace->config = *config;
    trace->config.recent = config->recent == 0 ? RECENT_DEFAULT : config->recent;
    trace->recent = calloc(trace->config.recent, sizeof *trace->recent);
    if (trace->recent == NULL) {
        free(trace);
        return STATUS_OUT_OF_MEMORY;
    }
    *out_trace = trace;
    return STATUS_OK;
}

void interface_trace_destroy(InterfaceTrace *trace)
{
    if (trace != NULL) {
        free(trace->recent);
        free(trace);
    }
}

/* ---- what a message is ---- */

/* MII and SII are told alike. */
static FamilyId as_mii(FamilyId id)
{
    return id >= SII_REGISTER && id <= SII_ALARM ? (FamilyId)(id - (SII_REGISTER - MII_REGISTER)) : id;
}

uint8_t interface_trace_step(FamilyId id)
{
    switch (id) {
    case DII_REGISTER:
    case DII_REGISTERED:
    case DII_PUBLISH:
    case DII_PUBLISHED:
    case DII_REFUSED:
    case DII_HEARTBEAT:
        return 1;
    case SII_REGISTER:
    case SII_REGISTERED:
    case SII_HEARTBEAT:
        return 2;
    default:
        break;
    }
    switch (as_mii(id)) {
    case MII_DISCOVER:
    case MII_SYSTEMS:
        return 3;
    case MII_ACCESS:
    case MII_GRANT:
    case MII_REVOKED:
    case DII_AUTHENTICATE:
    case DII_AUTHENTICATED:
        return 4;
    case MII_DESCRIBE:
    case MII_MODELS:
        return 5;
    case MII_SUBSCRIBE:
    case MII_SYNC:
    case DII_SNAPSHOT:
    case DII_SYNC:
        return 6;
    case MII_INVOKE:
    case MII_COMMAND_STATE:
    case DII_COMMAND:
    case DII_COMMAND_STATE:
        return 7;
    default:
        return 0;
    }
}

static bool is_answer(FamilyId id)
{
    switch (as_mii(id)) {
    case DII_REGISTERED:
    case DII_PUBLISHED:
    case DII_REFUSED:
    case DII_AUTHENTICATED:
    case DII_COMMAND_STATE:
    case MII_REGISTERED:
    case MII_REFUSED:
    case MII_SYSTEMS:
    case MII_MODELS:
    case MII_GRANT:
    case MII_COMMAND_STATE:
        return true;
    default:
        return false;
    }
}

/* The id after `"member":"` in a body, "" when there is none. A quote inside of a JSON text is escaped, so
 * what looks like the member is the member. */
static void find_id(Bytes body, const char *member, char out[INTERFACE_ID_TEXT_SIZE])
{
    char wanted[32];
    size_t size = (size_t)snprintf(wanted, sizeof wanted, "\"%s\":\"", member);
    out[0] = '\0';
    for (size_t at = 0; at + size + INTERFACE_ID_TEXT_SIZE <= body.size; at++) {
        const char *id = (const char *)body.data + at + size;
        if (body.data[at] == '"' && memcmp(body.data + at, wanted, size) == 0) {
            size_t digits = 0;
            while (digits < INTERFACE_ID_TEXT_SIZE - 1 && strchr("0123456789abcdef", id[digits]) != NULL &&
                   id[digits] != '\0') {
                digits++;
            }
            if (digits == INTERFACE_ID_TEXT_SIZE - 1 && id[digits] == '"') {
                memcpy(out, id, digits);
                out[digits] = '\0';
            }
            return;
        }
    }
}

static bool has_ids(FamilyId id)
{
    uint8_t step = interface_trace_step(id);
    return id != DII_SYNC && as_mii(id) != MII_SYNC && (step == 4 || step == 6 || step == 7);
}

/* ---- latency ---- */

static uint64_t key_of(const char *asker, uint64_t correlation)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *c = asker; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    }
    hash = (hash ^ correlation) * UINT64_C(0x9E3779B97F4A7C15);
    return (hash ^ (hash >> 32)) | 1;
}

/* When many requests stay unanswered, the oldest of a few gives way. */
static void note_request(InterfaceTrace *trace, uint64_t key, TimeNs now)
{
    Open *place = NULL;
    for (unsigned i = 0; i < OPEN_PROBES; i++) {
        Open *open = &trace->open[(key + i) % OPEN_MAX];
        if (open->key == key) {
            return; /* asked again: the first time counts */
        }
        if (place == NULL || (open->key == 0 && place->key != 0) ||
            (place->key != 0 && open->sent < place->sent)) {
            place = open;
        }
    }
    *place = (Open){ .key = key, .sent = now };
}

static TimeNs take_latency(InterfaceTrace *trace, uint64_t key, TimeNs now)
{
    for (unsigned i = 0; i < OPEN_PROBES; i++) {
        Open *open = &trace->open[(key + i) % OPEN_MAX];
        if (open->key == key) {
            open->key = 0;
            return now - open->sent;
        }
    }
    return TIME_NONE;
}

/* ---- the tap ---- */

static void seen(void *context, const BusMessage *message, size_t size)
{
    InterfaceTrace *trace = context;
    TimeNs now = trace->config.monotonic();
    InterfaceRecord *record = &trace->recent[trace->count % trace->config.recent];
    InterfaceCounters *counters = &trace->counters[message->id];
    *record = (InterfaceRecord){ .number = ++trace->count,
                                 .time = trace->config.wall(),
                                 .id = message->id,
                                 .step = interface_trace_step(message->id),
                                 .correlation = message->correlation,
                                 .size = size,
                                 .samples = message->sync == NULL ? 0 : message->sync->count,
                                 .latency = TIME_NONE };
    memcpy(record->from, message->from, sizeof record->from);
    memcpy(record->to, message->to, sizeof record->to);
    memcpy(record->subject, message->subject, sizeof record->subject);
    if (has_ids(message->id)) {
        find_id(message->body, "grant", record->grant);
        find_id(message->body, "command", record->command);
    }
    if (message->correlation != 0) {
        if (is_answer(message->id)) {
            record->latency = take_latency(trace, key_of(message->to, message->correlation), now);
        } else {
            note_request(trace, key_of(message->from, message->correlation), now);
        }
    }
    counters->messages++;
    counters->bytes += size;
    if (record->latency != TIME_NONE) {
        counters->answers++;
        counters->latency_sum += record->latency;
        counters->latency_max =
            record->latency > counters->latency_max ? record->latency : counters->latency_max;
    }
    if (trace->config.record != NULL) {
        trace->config.record(trace->config.context, record);
    }
}

BusTap interface_trace_tap(InterfaceTrace *trace)
{
    return (BusTap){ .seen = seen, .context = trace };
}

/* ---- queries ---- */

const InterfaceCounters *interface_trace_counters(const InterfaceTrace *trace, FamilyId id)
{
    return &trace->counters[id > FAMILY_NONE && id < FAMILY_ID_COUNT ? id : FAMILY_NONE];
}

size_t interface_trace_recent(const InterfaceTrace *trace, uint64_t after, InterfaceRecord *out,
                              size_t capacity)
{
    uint64_t oldest = trace->count > trace->config.recent ? trace->count - trace->config.recent : 0;
    uint64_t first = after > oldest ? after : oldest;
    size_t count = 0;
    for (; first < trace->count && count < capacity; first++) {
        out[count++] = trace->recent[first % trace->config.recent];
    }
    return count;
}

const char *interface_trace_format(const InterfaceRecord *record, char out[INTERFACE_LINE_SIZE])
{
    const FamilyRule *rule = family_rule((uint8_t)record->id);
    char samples[40] = "", latency[40] = "", grant[64] = "", command[64] = "";
    if (record->samples > 0) {
        snprintf(samples, sizeof samples, ",\"samples\":%zu", record->samples);
    }
    if (record->latency != TIME_NONE) {
        snprintf(latency, sizeof latency, ",\"latency_us\":%lld", (long long)(record->latency / TIME_US));
    }
    if (record->grant[0] != '\0') {
        snprintf(grant, sizeof grant, ",\"grant\":\"%s\"", record->grant);
    }
    if (record->command[0] != '\0') {
        snprintf(command, sizeof command, ",\"command\":\"%s\"", record->command);
    }
    snprintf(
        out, INTERFACE_LINE_SIZE,
        "{\"time\":%lld,\"interface\":\"%s\",\"step\":%u,\"message\":\"%s\",\"from\":\"%s\",\"to\":\"%s\","
        "\"subject\":\"%s\",\"correlation\":%llu,\"size\":%zu%s%s%s%s}",
        (long long)record->time, rule == NULL ? "?" : interface_name(rule->interface), record->step,
        rule == NULL ? "?" : rule->name, record->from, record->to, record->subject,
        (unsigned long long)record->correlation, record->size, samples, latency, grant, command);
    return out;
}
