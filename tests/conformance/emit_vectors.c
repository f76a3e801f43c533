/* emit_vectors.c - what the program puts on the wire, as JSON lines for verify_protocol.py: the message
 * table, encoded messages and snapshots with their content, damaged ones with the status they must get. With
 * "--corpus FOLDER" it writes the seeds of the fuzzers message, snapshot and replica instead. One
 * file, and so a long one: every kind of message is filled, printed and damaged by the same few lines. */
#include "shared/base/log.h"
#include "shared/wire/clock_sync.h"
#include "shared/wire/messages.h"
#include "shared/wire/quantise.h"
#include "shared/wire/snapshot_packet.h"
#include "tests/unit/shared/random_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const SnapshotLimits limits = { .entities = 24, .channels = 160, .depth = 16 };
static uint8_t storage[1 << 16];

static ByteBuffer buffer(void)
{
    return (ByteBuffer){ .data = storage, .capacity = sizeof storage };
}

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "emit_vectors: %s\n", what);
        exit(1);
    }
}

static void print_hex(const char *key, Bytes bytes)
{
    printf("\"%s\": \"", key);
    for (size_t i = 0; i < bytes.size; i++) {
        printf("%02x", bytes.data[i]);
    }
    printf("\"");
}

static void print_text(const char *key, const char *text)
{
    char escaped[2048];
    printf(", \"%s\": \"%s\"", key, log_escape(text, escaped, sizeof escaped));
}

static void print_number(const char *key, int64_t value)
{
    printf(", \"%s\": %" PRId64, key, value);
}

static void print_block(const char *key, const uint8_t *data, size_t size)
{
    printf(", ");
    print_hex(key, bytes_of(data, size));
}

/* ---- messages ---- */

static void fill_hash(uint8_t hash[HASH_SIZE], Random *random)
{
    for (size_t i = 0; i < HASH_SIZE; i++) {
        hash[i] = (uint8_t)random_u64(random);
    }
}

static void fill_text(char *text, size_t size, Random *random)
{
    static const char *const words[] = { "Anna", "Grüße",       "온도 센서", "a \"quoted\" \\ one",
                                         "",     "pump-1/flow", "𝄞" };
    snprintf(text, size, "%s", words[random_below(random, ARRAY_COUNT(words))]);
}

static void fill_roster(RosterMessage *roster, Random *random)
{
    static uint8_t bytes[256];
    ByteBuffer entries = { .data = bytes, .capacity = sizeof bytes };
    for (uint64_t left = 1 + random_below(random, 4); left > 0; left--) {
        RosterEntry entry = { .session = (uint16_t)random_u64(random) };
        fill_text(entry.name, sizeof entry.name, random);
        must(roster_entry_write(&entry, &entries) == STATUS_OK, "an entry does not encode");
    }
    roster->entries = bytes_of(bytes, entries.size);
}

static double random_number(Random *random)
{
    return ((double)random_below(random, 2000001) - 1e6) / 64;
}

static uint8_t random_property(Random *random)
{
    uint64_t property = random_below(random, 17);
    return property < 16 ? (uint8_t)property : NO_WIRE_PROPERTY;
}

static void fill_invoke(InvokeMessage *invoke, Random *random)
{
    *invoke = (InvokeMessage){ .thing = (uint32_t)random_below(random, ENTITY_LIMIT_MAX),
                               .action = (uint8_t)random_below(random, ACTION_INDEX_MAX + 1),
                               .kind = (uint8_t)random_below(random, WIRE_VALUE_TEXT + 1),
                               .number = random_number(random),
                               .boolean = (uint8_t)random_below(random, 2) };
    for (size_t i = 0; i < COMMAND_SIZE; i++) {
        invoke->command[i] = (uint8_t)random_u64(random);
    }
    fill_text(invoke->text, sizeof invoke->text, random);
}

static void fill_command(CommandMessage *command, Random *random)
{
    *command = (CommandMessage){ .thing = (uint32_t)random_below(random, ENTITY_LIMIT_MAX),
                                 .action = (uint8_t)random_below(random, ACTION_INDEX_MAX + 2),
                                 .state = (uint8_t)(1 + random_below(random, WIRE_COMMAND_COUNT - 1)),
                                 .property = random_property(random),
                                 .who = (uint16_t)random_u64(random),
                                 .since = (TimeNs)random_u64(random) };
    command->desired = command->property == NO_WIRE_PROPERTY ? 0 : (int64_t)random_u64(random);
    for (size_t i = 0; i < COMMAND_SIZE; i++) {
        command->command[i] = (uint8_t)random_u64(random);
    }
    fill_text(command->name, sizeof command->name, random);
    fill_text(command->reason, sizeof command->reason, random);
}

static void fill_system(SystemMessage *system, Random *random)
{
    *system = (SystemMessage){ .count = (uint8_t)(1 + random_below(random, WIRE_SYSTEMS_MAX)),
                               .kind = (uint8_t)(1 + random_below(random, WIRE_SYSTEM_COUNT - 1)),
                               .up = (uint8_t)random_below(random, 2),
                               .rights = (uint8_t)random_below(random, 4),
                               .things = (uint32_t)random_u64(random),
                               .bound = (uint32_t)random_u64(random),
                               .syncs = (uint16_t)random_u64(random) };
    system->index = (uint8_t)random_below(random, system->count);
    fill_text(system->name, sizeof system->name, random);
    fill_text(system->domain, sizeof system->domain, random);
    fill_text(system->title, sizeof system->title, random);
    fill_text(system->reason, sizeof system->reason, random);
}

static void fill_unbound(UnboundMessage *unbound, Random *random)
{
    static uint8_t bytes[512];
    ByteBuffer entries = { .data = bytes, .capacity = sizeof bytes };
    for (uint64_t left = random_below(random, 4); left > 0; left--) {
        UnboundEntry entry = { .thing = (uint32_t)random_below(random, ENTITY_LIMIT_MAX) };
        fill_text(entry.reason, sizeof entry.reason, random);
        must(unbound_entry_write(&entry, &entries) == STATUS_OK, "an entry does not encode");
    }
    *unbound = (UnboundMessage){ .last = (uint8_t)random_below(random, 2),
                                 .entries = bytes_of(bytes, entries.size) };
}

/* Those that tell of systems, commands and alarms. */
static void fill_systems(Message *message, Random *random)
{
    switch (message->id) {
    case MESSAGE_INVOKE:
        fill_invoke(&message->invoke, random);
        break;
    case MESSAGE_COMMAND:
        fill_command(&message->command, random);
        break;
    case MESSAGE_ALARM:
        message->alarm = (AlarmMessage){ .thing = (uint32_t)random_below(random, ENTITY_LIMIT_MAX),
                                         .property = random_property(random),
                                         .severity = (uint8_t)(1 + random_below(random, 2)),
                                         .active = (uint8_t)random_below(random, 2),
                                         .score = random_number(random),
                                         .source_time = (TimeNs)random_u64(random) };
        fill_text(message->alarm.service, sizeof message->alarm.service, random);
        fill_text(message->alarm.rule, sizeof message->alarm.rule, random);
        fill_text(message->alarm.text, sizeof message->alarm.text, random);
        break;
    case MESSAGE_SYSTEM:
        fill_system(&message->system, random);
        break;
    case MESSAGE_UNBOUND:
        fill_unbound(&message->unbound, random);
        break;
    default:
        break;
    }
}

static void fill_handshake(Message *message, Random *random)
{
    switch (message->id) {
    case MESSAGE_HELLO:
        message->hello.version = (uint32_t)random_u64(random);
        fill_text(message->hello.name, NAME_SIZE, random);
        fill_text(message->hello.build, sizeof message->hello.build, random);
        fill_hash(message->hello.world_hash, random);
        message->hello.session = (uint16_t)random_u64(random);
        fill_hash(message->hello.ticket, random);
        message->hello.texts = (uint32_t)random_u64(random);
        break;
    case MESSAGE_WELCOME:
        message->welcome =
            (WelcomeMessage){ .session = (uint16_t)random_u64(random),
                              .tick_rate_hz = (uint16_t)(1 + random_below(random, 1000)),
                              .snapshot_rate_hz = 1,
                              .manifest_count = (uint32_t)random_below(random, 4097),
                              .entity_limit = (uint32_t)random_below(random, (1u << 20) + 1),
                              .channel_limit = (uint32_t)random_below(random, (1u << 24) + 1),
                              .cell_limit = (uint32_t)random_below(random, CELL_LIMIT_MAX + 1),
                              .history = (uint16_t)(2 + random_below(random, HISTORY_LIMIT_MAX - 1)) };
        fill_hash(message->welcome.world_hash, random);
        fill_text(message->welcome.world_name, sizeof message->welcome.world_name, random);
        fill_text(message->welcome.name, NAME_SIZE, random);
        break;
    case MESSAGE_REJECT:
        message->reject.code = (uint8_t)(1 + random_below(random, REJECT_COUNT - 1));
        fill_text(message->reject.text, REASON_SIZE, random);
        break;
    case MESSAGE_READY:
        fill_hash(message->ready.world_hash, random);
        break;
    case MESSAGE_ROSTER:
        fill_roster(&message->roster, random);
        break;
    case MESSAGE_TEXT_DEFINE:
        message->text_define.id = (uint32_t)random_u64(random);
        fill_text(message->text_define.text, sizeof message->text_define.text, random);
        break;
    case MESSAGE_TICKET:
        message->ticket.session = (uint16_t)random_u64(random);
        message->ticket.seconds = (uint16_t)(1 + random_below(random, RESUME_SECONDS_MAX));
        fill_hash(message->ticket.ticket, random);
        break;
    default:
        fill_systems(message, random);
        break;
    }
}

static void fill_input(InputMessage *input, Random *random)
{
    input->acknowledged = (uint32_t)random_u64(random);
    input->mask = (uint32_t)random_u64(random);
    input->first_sequence = (uint32_t)random_u64(random);
    input->count = (uint8_t)random_below(random, INPUTS_MAX + 1);
    for (uint8_t i = 0; i < input->count; i++) {
        input->inputs[i] = (InputSample){ .forward = (int8_t)((int)random_below(random, 255) - 127),
                                          .right = (int8_t)((int)random_below(random, 255) - 127),
                                          .flags = (uint8_t)random_below(random, 2),
                                          .yaw = (uint16_t)random_u64(random),
                                          .pitch = (int16_t)((int)random_below(random, 32769) - 16384) };
    }
}

static void fill_transfer(Message *message, Random *random)
{
    static uint8_t content[FILE_CHUNK_MAX];
    size_t size = (size_t)random_below(random, 40);
    for (size_t i = 0; i < size; i++) {
        content[i] = (uint8_t)random_u64(random);
    }
    switch (message->id) {
    case MESSAGE_MANIFEST_ENTRY:
        message->manifest_entry.index = (uint32_t)random_below(random, 4096);
        message->manifest_entry.size = (uint32_t)random_below(random, (1u << 30) + 1);
        fill_hash(message->manifest_entry.hash, random);
        snprintf(message->manifest_entry.name, FILE_NAME_SIZE, "models/größe-%u.glb", (unsigned)size);
        break;
    case MESSAGE_FILE_REQUEST:
        message->file_request =
            (FileRequestMessage){ .index = (uint32_t)random_below(random, 4096),
                                  .first_chunk = (uint32_t)random_below(random, 1u << 20),
                                  .chunk_count = (uint8_t)(1 + random_below(random, 64)) };
        break;
    case MESSAGE_FILE_CHUNK:
        message->file_chunk = (FileChunkMessage){ .index = (uint32_t)random_below(random, 4096),
                                                  .chunk = (uint32_t)random_below(random, 1u << 20),
                                                  .bytes = bytes_of(content, size) };
        break;
    case MESSAGE_TIME_REQUEST:
        message->time_request.t0 = (TimeNs)random_u64(random);
        break;
    case MESSAGE_TIME_RESPONSE:
        message->time_response =
            (TimeResponseMessage){ (TimeNs)random_u64(random), (TimeNs)random_u64(random), TIME_NONE };
        break;
    case MESSAGE_INPUT:
        fill_input(&message->input, random);
        break;
    case MESSAGE_SNAPSHOT:
        message->snapshot = (SnapshotMessage){ .body = bytes_of(content, size) };
        break;
    default:
        fill_handshake(message, random);
        break;
    }
}

static void print_roster(const RosterMessage *roster)
{
    Bytes entries = roster->entries;
    RosterEntry entry;
    const char *separator = "";
    printf(", \"people\": [");
    while (roster_entry_read(&entries, &entry)) {
        printf("%s{\"session\": %u", separator, entry.session);
        print_text("name", entry.name);
        printf("}");
        separator = ", ";
    }
    printf("]");
}

static void print_real(const char *key, double value)
{
    printf(", \"%s\": %.17g", key, value);
}

static void print_invoke(const InvokeMessage *invoke)
{
    print_block("command", invoke->command, COMMAND_SIZE);
    print_number("thing", invoke->thing);
    print_number("action", invoke->action);
    if (invoke->kind == WIRE_VALUE_NUMBER) {
        print_real("value", invoke->number);
    } else if (invoke->kind == WIRE_VALUE_TEXT) {
        print_text("value", invoke->text);
    } else {
        printf(", \"value\": %s", invoke->kind == WIRE_VALUE_NONE ? "null"
                                  : invoke->boolean               ? "true"
                                                                  : "false");
    }
}

static void print_command(const CommandMessage *command)
{
    print_block("command", command->command, COMMAND_SIZE);
    print_number("thing", command->thing);
    print_number("action", command->action);
    print_number("state", command->state);
    print_number("property", command->property);
    print_number("desired", command->desired);
    print_number("who", command->who);
    print_number("since", command->since);
    print_text("name", command->name);
    print_text("reason", command->reason);
}

static void print_alarm(const AlarmMessage *alarm)
{
    print_number("thing", alarm->thing);
    print_number("property", alarm->property);
    print_number("severity", alarm->severity);
    print_number("active", alarm->active);
    print_real("score", alarm->score);
    print_number("source_time", alarm->source_time);
    print_text("service", alarm->service);
    print_text("rule", alarm->rule);
    print_text("text", alarm->text);
}

static void print_system(const SystemMessage *system)
{
    print_number("index", system->index);
    print_number("count", system->count);
    print_number("system_kind", system->kind);
    print_number("up", system->up);
    print_number("rights", system->rights);
    print_number("things", system->things);
    print_number("bound", system->bound);
    print_number("syncs", system->syncs);
    print_text("name", system->name);
    print_text("domain", system->domain);
    print_text("title", system->title);
    print_text("reason", system->reason);
}

static void print_unbound(const UnboundMessage *unbound)
{
    Bytes entries = unbound->entries;
    UnboundEntry entry;
    const char *separator = "";
    print_number("last", unbound->last);
    printf(", \"things\": [");
    while (unbound_entry_read(&entries, &entry)) {
        printf("%s{\"thing\": %u", separator, entry.thing);
        print_text("reason", entry.reason);
        printf("}");
        separator = ", ";
    }
    printf("]");
}

static void print_systems(const Message *message)
{
    switch (message->id) {
    case MESSAGE_INVOKE:
        print_invoke(&message->invoke);
        break;
    case MESSAGE_COMMAND:
        print_command(&message->command);
        break;
    case MESSAGE_ALARM:
        print_alarm(&message->alarm);
        break;
    case MESSAGE_SYSTEMS:
        print_number("reserved", message->systems.reserved);
        break;
    case MESSAGE_SYSTEM:
        print_system(&message->system);
        break;
    case MESSAGE_UNBOUND:
        print_unbound(&message->unbound);
        break;
    default:
        break;
    }
}

static void print_handshake(const Message *message)
{
    switch (message->id) {
    case MESSAGE_HELLO:
        print_number("version", message->hello.version);
        print_text("name", message->hello.name);
        print_text("build", message->hello.build);
        print_block("world", message->hello.world_hash, HASH_SIZE);
        print_number("resumes", message->hello.session);
        print_block("ticket", message->hello.ticket, TICKET_SIZE);
        print_number("texts", message->hello.texts);
        break;
    case MESSAGE_WELCOME:
        print_number("session", message->welcome.session);
        print_number("tick_rate", message->welcome.tick_rate_hz);
        print_number("snapshot_rate", message->welcome.snapshot_rate_hz);
        print_number("files", message->welcome.manifest_count);
        print_number("entity_limit", message->welcome.entity_limit);
        print_number("channel_limit", message->welcome.channel_limit);
        print_number("cell_limit", message->welcome.cell_limit);
        print_number("history", message->welcome.history);
        print_block("world", message->welcome.world_hash, HASH_SIZE);
        print_text("world_name", message->welcome.world_name);
        print_text("name", message->welcome.name);
        break;
    case MESSAGE_REJECT:
        print_number("code", message->reject.code);
        print_text("text", message->reject.text);
        break;
    case MESSAGE_READY:
        print_block("world", message->ready.world_hash, HASH_SIZE);
        break;
    case MESSAGE_ROSTER:
        print_roster(&message->roster);
        break;
    case MESSAGE_TEXT_DEFINE:
        print_number("text_id", message->text_define.id);
        print_text("text", message->text_define.text);
        break;
    case MESSAGE_TICKET:
        print_number("session", message->ticket.session);
        print_number("seconds", message->ticket.seconds);
        print_block("ticket", message->ticket.ticket, TICKET_SIZE);
        break;
    default:
        print_systems(message);
        break;
    }
}

static void print_input(const InputMessage *input)
{
    print_number("acknowledged", input->acknowledged);
    print_number("mask", input->mask);
    print_number("first", input->first_sequence);
    printf(", \"steps\": [");
    for (uint8_t i = 0; i < input->count; i++) {
        const InputSample *step = &input->inputs[i];
        printf("%s[%d, %d, %u, %u, %d]", i ? ", " : "", step->forward, step->right, step->flags, step->yaw,
               step->pitch);
    }
    printf("]");
}

static void print_fields(const Message *message)
{
    switch (message->id) {
    case MESSAGE_MANIFEST_ENTRY:
        print_number("index", message->manifest_entry.index);
        print_number("size", message->manifest_entry.size);
        print_block("content", message->manifest_entry.hash, HASH_SIZE);
        print_text("name", message->manifest_entry.name);
        break;
    case MESSAGE_FILE_REQUEST:
        print_number("index", message->file_request.index);
        print_number("first", message->file_request.first_chunk);
        print_number("count", message->file_request.chunk_count);
        break;
    case MESSAGE_FILE_CHUNK:
        print_number("index", message->file_chunk.index);
        print_number("chunk", message->file_chunk.chunk);
        print_block("bytes", message->file_chunk.bytes.data, message->file_chunk.bytes.size);
        break;
    case MESSAGE_TIME_REQUEST:
        print_number("t0", message->time_request.t0);
        break;
    case MESSAGE_TIME_RESPONSE:
        print_number("t0", message->time_response.t0);
        print_number("t1", message->time_response.t1);
        print_number("t2", message->time_response.t2);
        break;
    case MESSAGE_INPUT:
        print_input(&message->input);
        break;
    case MESSAGE_SNAPSHOT:
        print_block("body", message->snapshot.body.data, message->snapshot.body.size);
        break;
    case MESSAGE_BYE:
        print_number("reserved", message->bye.reserved);
        break;
    default:
        print_handshake(message);
        break;
    }
}

static void emit_message(MessageId id, Random *random)
{
    Message message = { .id = id };
    fill_transfer(&message, random);
    ByteBuffer out = buffer();
    must(message_encode(&message, &out) == STATUS_OK, "a message does not encode");
    printf("{\"kind\": \"message\", ");
    print_hex("hex", bytes_of(out.data, out.size));
    printf(", \"fields\": {\"id\": %d", (int)id);
    print_fields(&message);
    printf("}}\n");
}

/* Damages valid messages and tells what the program makes of them. */
static void emit_damaged_message(MessageId id, Random *random)
{
    Message message = { .id = id }, decoded;
    fill_transfer(&message, random);
    ByteBuffer out = buffer();
    must(message_encode(&message, &out) == STATUS_OK, "a message does not encode");
    size_t size = out.size;
    if (random_below(random, 2)) {
        size = 1 + (size_t)random_below(random, size + 3);
    } else {
        storage[1 + random_below(random, size > 1 ? size - 1 : 1)] = (uint8_t)random_u64(random);
    }
    Bytes bytes = bytes_of(storage, size);
    const MessageRule *rule = message_rule(storage[0]);
    must(rule != NULL, "the id of a message was damaged");
    Status status = message_decode(bytes, rule->sender, rule->channel, rule->states, ROLE_ADMIN, &decoded);
    printf("{\"kind\": \"damaged\", ");
    print_hex("hex", bytes);
    printf(", \"status\": \"%s\"}\n", status_name(status));
}

static void emit_tables(void)
{
    for (unsigned id = 0; id < 256; id++) {
        const MessageRule *rule = message_rule((uint8_t)id);
        if (rule) {
            printf("{\"kind\": \"rule\", \"row\": [\"%u\", \"%s\", \"%s\", \"%u\", \"%s\", \"%s\", "
                   "\"%s%s%s\"]}\n",
                   id, rule->name, rule->sender == SENDER_CLIENT ? "client" : "server", rule->channel,
                   rule->delivery == DELIVERY_RELIABLE ? "reliable" : "unreliable",
                   rule->min_role == ROLE_NONE ? "none" : "?", rule->states & STATE_HELLO ? "HELLO " : "",
                   rule->states & STATE_JOIN ? "JOIN " : "", rule->states & STATE_LIVE ? "LIVE" : "");
        }
    }
#define EMIT_REJECT(name, text) \
    printf("{\"kind\": \"reject\", \"row\": [\"%d\", \"%s\", \"%s\"]}\n", REJECT_##name, #name, text);
    REJECT_TABLE(EMIT_REJECT)
#undef EMIT_REJECT
}

/* ---- snapshots ---- */

static void print_snapshot(const Snapshot *snapshot)
{
    printf("\"sequence\": %u", snapshot->sequence);
    printf(", \"entities\": [");
    for (uint32_t i = 0; i < snapshot->entity_count; i++) {
        const EntityState *entity = &snapshot->entities[i];
        printf("%s{\"handle\": %u, \"kind\": %u, \"subject\": %u, \"transform\": [%d, %d, %d, %" PRIu64 "], "
               "\"channels\": [",
               i ? ", " : "", entity->handle.value, entity->kind, entity->subject, entity->x_mm, entity->y_mm,
               entity->z_mm, entity->rotation);
        for (uint32_t c = 0; c < entity->channel_count; c++) {
            const ChannelState *channel = &snapshot->channels[entity->first_channel + c];
            printf("%s[%" PRId64 ", %" PRId64 ", %u]", c ? ", " : "", channel->code, channel->source_time,
                   channel->quality);
        }
        printf("]}");
    }
    printf("]");
}

static void print_vector(const Snapshot *snapshot, Bytes bytes, const Snapshot *baseline)
{
    printf("{\"kind\": \"snapshot\", ");
    print_hex("hex", bytes);
    printf(", \"source_time\": %" PRId64 ", \"baseline\": %u, \"state\": {", snapshot->source_time,
           baseline ? baseline->sequence : 0);
    print_snapshot(snapshot);
    printf("}}\n");
}

static void emit_snapshots(uint64_t seed, double change)
{
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = NULL;
    must(snapshot_ring_create(limits, &arena, &ring) == STATUS_OK, "no memory");
    Random random = random_seeded(seed);
    uint32_t sequence = seed % 2 ? 1 : UINT32_MAX - 3, first = sequence;
    const Snapshot *old = NULL;
    printf("{\"kind\": \"forget\"}\n");
    for (unsigned step = 0; step < 8; step++) {
        Snapshot *next = snapshot_ring_begin(ring, sequence);
        random_step(&random, old, next, limits, change);
        snapshot_ring_commit(ring, next);
        const Snapshot *baseline =
            step ? snapshot_ring_find(ring, first + (uint32_t)random_below(&random, step)) : NULL;
        ByteBuffer out = buffer();
        const SnapshotBase base = { .baseline = baseline, .source_time = next->source_time };
        must(snapshot_encode_with(next, &base, &out) == STATUS_OK, "a snapshot does not encode");
        print_vector(next, bytes_of(out.data, out.size), baseline);
        old = next;
        sequence += sequence == UINT32_MAX ? 2 : 1;
    }
    arena_finish(&arena);
}

static void emit_flock(uint64_t seed)
{
    const SnapshotLimits many = { .entities = 70, .channels = 0, .depth = 64 };
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = NULL;
    must(snapshot_ring_create(many, &arena, &ring) == STATUS_OK, "no memory");
    Random random = random_seeded(seed);
    printf("{\"kind\": \"forget\"}\n");
    for (uint32_t step = 1; step <= 32; step++) {
        Snapshot *next = snapshot_ring_begin(ring, step);
        flock_step(&random, step, 10 + 30 * (uint32_t)(seed % 3), seed % 2 == 0, next);
        snapshot_ring_commit(ring, next);
        uint32_t lag = seed % 4 == 3 ? 1 + (uint32_t)random_below(&random, 5) : 3;
        SnapshotBase base = { .source_time = next->source_time };
        if (step > 9) {
            base.baseline = snapshot_ring_find(ring, step - lag);
            base.recent = random_below(&random, 9) ? snapshot_ring_find(ring, step - lag - 1) : NULL;
            base.old = random_below(&random, 9)
                           ? snapshot_ring_find(ring, step - 2 * lag + (seed % 4 == 3 ? 1 - lag % 2 * 2 : 0))
                           : NULL;
        }
        for (uint32_t i = 0; i < SNAPSHOT_OLDER && seed % 3 != 0; i++) {
            uint32_t age = (2u << i) * lag;
            base.older[i] = step > lag + age && random_below(&random, 9)
                                ? snapshot_ring_find(ring, step - lag - age)
                                : NULL;
        }
        ByteBuffer out = buffer();
        must(snapshot_encode_with(next, &base, &out) == STATUS_OK, "a snapshot does not encode");
        print_vector(next, bytes_of(out.data, out.size), base.baseline);
    }
    arena_finish(&arena);
}

/* Packets one after the other, each told from a frame some packets back or from nothing. */
static void emit_packets(Random *random)
{
    static FrameRing frames;
    static const uint8_t code[200] = { 1, 2, 3 };
    uint32_t sequence = UINT32_MAX - 10;
    SnapshotFrame frame = { .sequence = sequence, .server_time = 77 * TIME_SECOND, .source_time = TIME_NONE };
    for (uint32_t number = UINT32_MAX - 3, i = 0; i < 40; i++, number += number == UINT32_MAX ? 2 : 1) {
        frame.sequence = sequence + (uint32_t)random_below(random, 3);
        frame.sequence += frame.sequence == 0;
        sequence = frame.sequence + 1;
        frame.server_time += 50 * TIME_MS + (TimeNs)random_below(random, TIME_MS);
        frame.source_time = random_below(random, 3) ? frame.source_time : (TimeNs)random_u64(random) >> 3;
        frame.text_count += (uint32_t)random_below(random, 2);
        const SnapshotFrame *base =
            frame_ring_find(&frames, frame.sequence - 1 - (uint32_t)random_below(random, 6));
        const PacketHead head = { .number = number,
                                  .input_sequence = (uint32_t)random_u64(random),
                                  .complete = random_below(random, 2) != 0,
                                  .frame = frame };
        ByteBuffer out = buffer();
        must(packet_head_encode(&head, base, &out) == STATUS_OK, "a head does not encode");
        printf(
            "{\"kind\": \"packet\", \"number\": %u, \"input\": %u, \"complete\": %s, \"frame\": [%u, %" PRId64
            ", %" PRId64 ", %u], \"records\": [",
            head.number, head.input_sequence, head.complete ? "true" : "false", frame.sequence,
            frame.server_time, frame.source_time, frame.text_count);
        out.capacity = sizeof storage;
        for (uint64_t left = random_below(random, 4), first = left; left > 0; left--) {
            PacketRecord record = { .cell = (uint32_t)random_below(random, left == 2 ? 1 << 20 : 100),
                                    .closed = random_below(random, 4) == 0,
                                    .version = frame.sequence - (uint32_t)random_below(random, 300) };
            record.version -= record.version == 0;
            record.code = bytes_of(code, record.closed ? 0 : (size_t)random_below(random, sizeof code));
            must(packet_record_encode(&record, frame.sequence, &out) == STATUS_OK, "no room");
            printf("%s[%u, %s, %u, %zu]", left == first ? "" : ", ", record.cell,
                   record.closed ? "true" : "false", record.closed ? 0 : record.version, record.code.size);
        }
        printf("], ");
        print_hex("hex", bytes_of(out.data, out.size));
        printf("}\n");
        frame_ring_put(&frames, &frame);
    }
}

/* One channel of a twin: by its place a path, noise, a value that rests, one that jumps, a double. */
static int64_t twin_code(Random *random, uint32_t twin, uint32_t channel, uint32_t step, int64_t before)
{
    switch (channel) {
    case 0:
        return (int64_t)(twin * 400 + step * (twin % 9) * 5) + (int64_t)(step * step * (twin % 3)) / 4;
    case 1:
        return 1000 + (int64_t)random_below(random, 7 * (1 + twin % 40));
    case 2:
        return random_below(random, 12) == 0 ? (int64_t)random_below(random, 4) : before;
    case 3:
        return step % 7 == 3 ? (int64_t)random_u64(random) >> (twin % 60) : before + (int64_t)twin - 9;
    default: {
        static const double parts[] = { 1, 10, 100, 1000, 100000, 0.37 };
        double part = parts[(twin + random_below(random, 9) / 8) % 6];
        double real = (double)(2000 + random_below(random, 100 + twin)) / part - (twin % 11 == 1 ? 2030 : 0);
        real = twin % 7 == 2 ? (double)(float)real : real;
        memcpy(&before, &real, sizeof before);
        return before;
    }
    }
}

/* Twins with one to five channels, some of which are sampled on their own, at their own times. */
static void twin_step(Random *random, uint32_t step, uint32_t count, const Snapshot *old, Snapshot *next)
{
    next->server_time = (TimeNs)step * 50 * TIME_MS;
    next->source_time = TIME_SECOND + next->server_time;
    for (uint32_t i = 0; i < count; i++) {
        EntityState *entity = &next->entities[next->entity_count++];
        *entity = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                                 .channel_count = (uint8_t)(1 + i % 5),
                                 .first_channel = next->channel_count };
        for (uint32_t k = 0; k < entity->channel_count; k++) {
            ChannelState *channel = &next->channels[next->channel_count++];
            *channel =
                old ? old->channels[entity->first_channel + k] : (ChannelState){ .source_time = TIME_NONE };
            bool alone = i % 4 == 3, now = alone ? random_below(random, 3) == 0 : (step + i % 2) % 2 == 0;
            if (now && !(k == 2 && i % 3 == 0 && step < 12)) {
                channel->code = twin_code(random, i, k, step, channel->code);
                channel->source_time =
                    next->source_time - (alone ? (TimeNs)random_below(random, 40) : 7) * TIME_MS;
                channel->quality = random_below(random, 90) == 0 ? 2 : 1;
            }
        }
    }
}

static void emit_twins(uint64_t seed)
{
    const SnapshotLimits many = { .entities = 120, .channels = 360, .depth = 64 };
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = NULL;
    must(snapshot_ring_create(many, &arena, &ring) == STATUS_OK, "no memory");
    Random random = random_seeded(seed);
    const Snapshot *old = NULL;
    printf("{\"kind\": \"forget\"}\n");
    for (uint32_t step = 1; step <= 20; step++) {
        Snapshot *next = snapshot_ring_begin(ring, step);
        twin_step(&random, step, (uint32_t)(seed + 1) * 20 - (step < 9 ? 3 : 0), old, next);
        snapshot_ring_commit(ring, next);
        old = next;
        uint32_t lag = 1 + (uint32_t)(seed + step / 8) % 3;
        SnapshotBase base = { .source_time = next->source_time };
        if (step > 7) {
            base.baseline = snapshot_ring_find(ring, step - lag);
            base.recent = random_below(&random, 9) ? snapshot_ring_find(ring, step - lag - 2) : NULL;
            base.old = random_below(&random, 9) ? snapshot_ring_find(ring, step - lag - 4) : NULL;
        }
        ByteBuffer out = buffer();
        must(snapshot_encode_with(next, &base, &out) == STATUS_OK, "a snapshot does not encode");
        print_vector(next, bytes_of(out.data, out.size), base.baseline);
    }
    arena_finish(&arena);
}

static void emit_rotations(Random *random)
{
    for (int i = 0; i < 40; i++) {
        uint64_t packed =
            quat_join(random_u64(random) & 3, random_below(random, QUAT_STEPS + 1),
                      random_below(random, QUAT_STEPS + 1), random_below(random, QUAT_STEPS + 1));
        float q[4];
        quat_unpack(packed, q);
        printf("{\"kind\": \"rotation\", \"packed\": %" PRIu64 ", \"again\": %" PRIu64
               ", \"quaternion\": [%.9g, %.9g, %.9g, %.9g]}\n",
               packed, quat_pack(q), (double)q[0], (double)q[1], (double)q[2], (double)q[3]);
    }
}

static void emit_exchanges(Random *random)
{
    for (int i = 0; i < 40; i++) {
        TimeNs t0 = (TimeNs)(random_u64(random) >> 8), t1 = (TimeNs)(random_u64(random) >> 8);
        TimeNs t2 = t1 + (TimeNs)random_below(random, 30 * TIME_MS) - (i % 10 == 0 ? 20 * TIME_MS : 0);
        TimeNs t3 = t0 + (TimeNs)random_below(random, 6 * TIME_SECOND);
        ClockSync sync;
        clock_sync_init(&sync);
        bool taken = clock_sync_sample(&sync, t0, t1, t2, t3) == STATUS_OK;
        printf("{\"kind\": \"exchange\", \"t\": [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
               "], \"taken\": %s, "
               "\"round_trip\": %" PRId64 ", \"offset\": %" PRId64 "}\n",
               t0, t1, t2, t3, taken ? "true" : "false", sync.samples[0].round_trip, sync.samples[0].offset);
    }
}

/* ---- seeds for the fuzzers ---- */

static void write_seed(const char *folder, const char *decoder, const char *name, uint8_t head, Bytes bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/%s", folder, decoder, name);
    FILE *file = fopen(path, "wb");
    must(file != NULL, "cannot write a seed");
    bool ok = fputc(head, file) != EOF && fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    must(fclose(file) == 0 && ok, "cannot write a seed");
}

static void write_snapshot_seeds(const char *folder)
{
    /* The ring that fuzz_snapshot holds when it decodes. */
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = NULL;
    must(snapshot_ring_create(limits, &arena, &ring) == STATUS_OK, "no memory");
    Random random = random_seeded(1);
    const Snapshot *old = NULL;
    for (uint32_t sequence = 1; sequence <= 11; sequence++) {
        Snapshot *next = snapshot_ring_begin(ring, sequence);
        random_step(&random, old, next, limits, sequence <= 8 ? 0.3 : 0.1);
        snapshot_ring_commit(ring, next);
        old = next;
        const Snapshot *baseline = sequence == 9 ? NULL : snapshot_ring_find(ring, sequence - 5);
        ByteBuffer out = buffer();
        char name[32];
        snprintf(name, sizeof name, "%02u", sequence);
        if (sequence > 8) {
            must(snapshot_encode(next, baseline, &out) == STATUS_OK, "a snapshot does not encode");
            write_seed(folder, "snapshot", name, 0, bytes_of(out.data, out.size));
        }
    }
    uint8_t world[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 60 };
    write_seed(folder, "snapshot", "world", 1, bytes_of(world, sizeof world));
    arena_finish(&arena);
}

/* A few packets of two cells, one after the other, as fuzz_replica reads them. */
static void write_replica_seed(const char *folder, uint64_t seed, double change)
{
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *rings[2] = { NULL, NULL };
    const Snapshot *old[2] = { NULL, NULL };
    const SnapshotLimits few = { .entities = 12, .channels = 80, .depth = 16 };
    static uint8_t stream[1 << 16], code_bytes[1 << 15];
    size_t size = 0;
    Random random = random_seeded(seed);
    SnapshotFrame before = { 0 };
    for (uint32_t step = 1; step <= 6; step++) {
        SnapshotFrame frame = { .sequence = step,
                                .server_time = step * TIME_MS,
                                .source_time = step * TIME_MS };
        const PacketHead head = { .number = step, .complete = true, .frame = frame };
        ByteBuffer packet = { .data = stream + size + 2, .capacity = sizeof stream / 8 };
        must(packet_head_encode(&head, step > 1 ? &before : NULL, &packet) == STATUS_OK,
             "a head does not encode");
        packet.capacity = sizeof stream / 8;
        for (uint32_t cell = 0; cell < 2; cell++) {
            must(rings[cell] || snapshot_ring_create(few, &arena, &rings[cell]) == STATUS_OK, "no memory");
            Snapshot *next = snapshot_ring_begin(rings[cell], step);
            random_step(&random, old[cell], next, few, change);
            snapshot_ring_commit(rings[cell], next);
            const SnapshotBase base = { .baseline = old[cell],
                                        .recent = step > 2 ? snapshot_ring_find(rings[cell], step - 2) : NULL,
                                        .source_time = frame.source_time };
            ByteBuffer code = { .data = code_bytes, .capacity = sizeof code_bytes };
            must(snapshot_encode_with(next, &base, &code) == STATUS_OK, "a cell does not encode");
            PacketRecord record = { .cell = cell, .version = step, .code = bytes_of(code.data, code.size) };
            record.closed = step == 5 && cell == 1;
            must(packet_record_encode(&record, step, &packet) == STATUS_OK, "no room");
            old[cell] = record.closed ? NULL : next;
        }
        stream[size] = (uint8_t)packet.size;
        stream[size + 1] = (uint8_t)(packet.size >> 8);
        size += 2 + packet.size;
        before = frame;
    }
    char name[32];
    snprintf(name, sizeof name, "%02u", (unsigned)seed);
    write_seed(folder, "replica", name, stream[0], bytes_of(stream + 1, size - 1));
    arena_finish(&arena);
}

static void write_corpus(const char *folder)
{
    Random random = random_seeded(7);
    for (unsigned id = 1; id < MESSAGE_ID_COUNT; id++) {
        if (message_rule((uint8_t)id) == NULL) {
            continue; /* not used */
        }
        Message message = { .id = (MessageId)id };
        fill_transfer(&message, &random);
        ByteBuffer out = buffer();
        must(message_encode(&message, &out) == STATUS_OK, "a message does not encode");
        write_seed(folder, "message", message_rule((uint8_t)id)->name, (uint8_t)(id * 37),
                   bytes_of(out.data, out.size));
    }
    write_snapshot_seeds(folder);
    const double changes[] = { 0.02, 0.2, 0.8 };
    for (uint64_t seed = 0; seed < 6; seed++) {
        write_replica_seed(folder, seed, changes[seed % 3]);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--corpus") == 0) {
        write_corpus(argv[2]);
        return 0;
    }
    Random random = random_seeded(2024);
    emit_tables();
    for (unsigned id = 1; id < MESSAGE_ID_COUNT; id++) {
        if (message_rule((uint8_t)id) == NULL) {
            continue; /* not used */
        }
        for (int round = 0; round < 12; round++) {
            emit_message((MessageId)id, &random);
        }
        for (int round = 0; round < 60; round++) {
            emit_damaged_message((MessageId)id, &random);
        }
    }
    const double changes[] = { 0, 0.02, 0.2, 0.8 };
    for (uint64_t seed = 0; seed < 40; seed++) {
        emit_snapshots(seed, changes[seed % 4]);
    }
    for (uint64_t seed = 0; seed < 12; seed++) {
        emit_flock(seed);
    }
    emit_packets(&random);
    for (uint64_t seed = 0; seed < 6; seed++) {
        emit_twins(seed);
    }
    emit_rotations(&random);
    emit_exchanges(&random);
    return 0;
}
