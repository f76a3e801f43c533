/* Snapshots: what they hold, that every client converges whatever the network does, and what they cost. */
#include "shared/model/avatar.h"
#include "shared/wire/quantise.h"
#include "tests/unit/server/script_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static Stage stage;

static void begin(uint32_t things, MetaverseConfig config, SimLink link)
{
    assert_true(stage_init(&stage, things, &config, link));
}

static const ChannelState *channel_of(const ScriptClient *client, uint32_t thing, uint32_t property)
{
    const Snapshot *snapshot = client->newest;
    assert_non_null(snapshot);
    assert_true(thing < snapshot->entity_count);
    const EntityState *entity = &snapshot->entities[thing];
    assert_int_equal(entity->kind, ENTITY_TWIN);
    assert_int_equal(entity_thing(entity), thing);
    assert_true(property < entity->channel_count);
    return &snapshot->channels[entity->first_channel + property];
}

static void values_arrive_with_their_times_and_qualities(void **state)
{
    (void)state;
    begin(3, (MetaverseConfig){ .sessions = 4 }, (SimLink){ 0 });
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 0.5);
    assert_int_equal(client->newest->source_time, TIME_NONE); /* no feed yet */
    assert_int_equal(channel_of(client, 1, SMALL_STATE)->quality, QUALITY_NONE);
    assert_int_equal(channel_of(client, 1, SMALL_STATE)->source_time, TIME_NONE);
    stage_sample(&stage, 1, SMALL_STATE, 2, 5000 * TIME_SECOND);
    stage_sample(&stage, 2, SMALL_TEMPERATURE, -123456789012, 5000 * TIME_SECOND + 1);
    stage.samples[1].quality = QUALITY_STALE;
    stage_run(&stage, 0.2);
    assert_int_equal(channel_of(client, 1, SMALL_STATE)->code, 2);
    assert_int_equal(channel_of(client, 1, SMALL_STATE)->quality, QUALITY_GOOD);
    assert_int_equal(channel_of(client, 1, SMALL_STATE)->source_time, 5000 * TIME_SECOND);
    assert_int_equal(channel_of(client, 2, SMALL_TEMPERATURE)->code, -123456789012);
    assert_int_equal(channel_of(client, 2, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    assert_int_equal(channel_of(client, 0, SMALL_STATE)->quality, QUALITY_NONE);
    assert_int_equal(client->newest->source_time, 5000 * TIME_SECOND + 1);
    const EntityState *twin = &client->newest->entities[2];
    assert_int_equal(twin->x_mm, 4000);
    assert_int_equal(twin->y_mm, 500);
    assert_int_equal(twin->z_mm, -10000);

    stage.batch.restarted = true;
    stage_sample(&stage, 0, SMALL_STATE, 1, 100 * TIME_SECOND);
    stage_run(&stage, 0.2);
    assert_int_equal(channel_of(client, 1, SMALL_STATE)->quality, QUALITY_NONE);
    assert_int_equal(channel_of(client, 0, SMALL_STATE)->code, 1);
    assert_int_equal(client->newest->source_time, 100 * TIME_SECOND);
    stage_finish(&stage);
}

static void samples_outside_the_world_are_ignored(void **state)
{
    (void)state;
    begin(2, (MetaverseConfig){ .sessions = 4 }, (SimLink){ 0 });
    stage_sample(&stage, 2, 0, 1, 1);
    stage_sample(&stage, UINT16_MAX, 0, 1, 1);
    stage_sample(&stage, 0, SMALL_PROPERTIES, 1, 1);
    stage_run(&stage, 0.1);
    stage_finish(&stage);
}

static void texts_come_before_the_snapshot_that_needs_them(void **state)
{
    (void)state;
    uint32_t id;
    begin(2, (MetaverseConfig){ .sessions = 4 }, (SimLink){ 0 });
    assert_int_equal(text_intern(&stage.small.texts, "first", &id), STATUS_OK);
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 0.5);
    assert_int_equal(client->text_count, 1);
    assert_string_equal(client->texts[0], "first");
    assert_int_equal(text_intern(&stage.small.texts, "second", &id), STATUS_OK);
    assert_int_equal(text_intern(&stage.small.texts, "tab\there", &id), STATUS_OK);
    assert_int_equal(text_intern(&stage.small.texts, "tab?here", &id), STATUS_OK);
    stage_sample(&stage, 0, SMALL_NOTE, 1, TIME_SECOND);
    stage_run(&stage, 0.1);
    assert_int_equal(client->text_count, 4);
    assert_string_equal(client->texts[1], "second");
    assert_string_equal(client->texts[2],
                        "tab?here #2"); /* cannot travel as it is; stays different from the next */
    assert_string_equal(client->texts[3], "tab?here");
    assert_int_equal(client->newest->text_count, 4);
    assert_int_equal(channel_of(client, 0, SMALL_NOTE)->code, 1);
    stage_finish(&stage);
}

/* More texts than go out at once: nobody is live before it has them all. */
static void a_late_joiner_has_all_texts_before_its_first_snapshot(void **state)
{
    (void)state;
    uint32_t id;
    begin(2, (MetaverseConfig){ .sessions = 4 }, (SimLink){ .latency = 30 * TIME_MS, .loss = 0.1 });
    for (unsigned i = 0; i < 1000; i++) {
        char text[32];
        snprintf(text, sizeof text, "text %u", i);
        assert_int_equal(text_intern(&stage.small.texts, text, &id), STATUS_OK);
    }
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    for (int i = 0; i < 60 && client->snapshots == 0; i++) {
        stage_run(&stage, 1);
    }
    assert_true(client->snapshots > 0);
    assert_in_range(client->texts_at_first, 400, 1000); /* the last packets may still be on the way */
    stage_run(&stage, 2);
    assert_int_equal(client->text_count, 1000);
    assert_string_equal(client->texts[999 % 64], "text 999");
    stage_finish(&stage);
}

/* Under any loss, once the values rest every client has exactly the server's. */
static void converges(SimLink link, double settle)
{
    begin(20, (MetaverseConfig){ .sessions = 4 }, link);
    ScriptClient *clients[] = { stage_add(&stage, GOAL_LIVE, "Ada"), stage_add(&stage, GOAL_LIVE, "Bob") };
    int64_t codes[20] = { 0 };
    for (int i = 0; i < 30 && (clients[0]->snapshots == 0 || clients[1]->snapshots == 0); i++) {
        stage_run(&stage, 1);
    }
    for (int tick = 0; tick < 600; tick++) {
        uint32_t thing = (uint32_t)(tick * 7 % 20);
        codes[thing] += tick % 5 - 2;
        stage_sample(&stage, (uint16_t)thing, SMALL_TEMPERATURE, codes[thing], (10000 + tick) * TIME_MS);
        stage_tick(&stage);
    }
    stage_run(&stage, settle);
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        assert_false(clients[i]->rejected || clients[i]->disconnected);
        for (uint32_t thing = 0; thing < 20; thing++) {
            assert_int_equal(channel_of(clients[i], thing, SMALL_TEMPERATURE)->code, codes[thing]);
        }
        assert_int_equal(clients[i]->newest->source_time, 10599 * TIME_MS);
        assert_non_null(client_avatar(clients[i], clients[1 - i]->welcome.session));
    }
    if (link.loss == 0) {
        assert_int_equal(clients[0]->snapshots_refused, 0);
    }
    stage_finish(&stage);
}

static void converges_without_loss(void **state)
{
    (void)state;
    converges((SimLink){ .latency = 20 * TIME_MS }, 0.2);
}

static void converges_at_5_percent(void **state)
{
    (void)state;
    SimLink link = {
        .latency = 75 * TIME_MS, .jitter = 20 * TIME_MS, .loss = 0.05, .duplication = 0.02, .reorder = 0.05
    };
    converges(link, 0.7);
}

static void converges_at_20_percent(void **state)
{
    (void)state;
    SimLink link = {
        .latency = 75 * TIME_MS, .jitter = 40 * TIME_MS, .loss = 0.2, .duplication = 0.05, .reorder = 0.1
    };
    converges(link, 1.5);
}

static void the_avatar_follows_its_inputs(void **state)
{
    (void)state;
    begin(2, (MetaverseConfig){ .sessions = 4 }, (SimLink){ .latency = 10 * TIME_MS });
    ScriptClient *ada = stage_add(&stage, GOAL_LIVE, "Ada");
    ScriptClient *bob = stage_add(&stage, GOAL_LIVE, "Bob");
    stage_run(&stage, 1);
    AvatarState expected = { 0 };
    const EntityState *own = client_avatar(ada, ada->welcome.session);
    expected.position[0] = (float)own->x_mm / 1000;
    expected.position[2] = (float)own->z_mm / 1000;
    ada->input = (InputSample){ .forward = 127, .yaw = 8192, .pitch = 1000 };
    stage_run(&stage, 2);
    ada->input.forward = 0;
    stage_run(&stage, 1);
    const AvatarInput walk = { .forward = 127, .yaw = 8192, .pitch = 1000 };
    for (int i = 0; i < 120; i++) {
        avatar_step(&expected, &walk, &stage.small.world);
    }
    for (int i = 0; i < 30; i++) {
        avatar_step(&expected, &(AvatarInput){ .yaw = 8192, .pitch = 1000 }, &stage.small.world);
    }
    const EntityState *seen = client_avatar(bob, ada->welcome.session);
    float rotation[4], yaw, pitch;
    quat_unpack(seen->rotation, rotation);
    quat_to_yaw_pitch(rotation, &yaw, &pitch);
    assert_float_equal(yaw, avatar_yaw_radians(8192), 0.01);
    assert_float_equal(pitch, 1000 * 6.2831853f / 65536, 0.01);
    assert_float_equal((double)seen->x_mm / 1000, (double)expected.position[0], 0.002);
    assert_float_equal((double)seen->z_mm / 1000, (double)expected.position[2], 0.002);
    assert_true(ada->sequence - ada->input_sequence < 8); /* what the state includes is told */
    assert_true(ada->input_sequence <= ada->sequence);
    stage_finish(&stage);
}

/* One encoding a baseline in use, however many clients share it. */
static void clients_with_one_baseline_share_one_encoding(void **state)
{
    (void)state;
    begin(10, (MetaverseConfig){ .sessions = 12 }, (SimLink){ .latency = 5 * TIME_MS });
    for (int i = 0; i < 12; i++) {
        assert_non_null(stage_add(&stage, GOAL_LIVE, "Ada"));
    }
    stage.clients[0].input = (InputSample){ .forward = 127 };
    stage_run(&stage, 2);
    MetaverseCounters before = *metaverse_counters(stage.metaverse);
    stage_run(&stage, 1);
    const MetaverseCounters *after = metaverse_counters(stage.metaverse);
    assert_int_equal(after->sessions, 12);
    assert_int_equal(after->packets - before.packets, 12 * 30);
    assert_int_equal(after->encodings - before.encodings, 30); /* of the one cell that changes */
    assert_int_equal(after->records - before.records, 12 * 30);
    stage_finish(&stage);
}

/* Who could not take the packet of a version's own tick is told it later: by one code, at however many ticks.
 */
static void a_version_told_late_is_encoded_once(void **state)
{
    (void)state;
    begin(10, (MetaverseConfig){ .sessions = 12 }, (SimLink){ .latency = 5 * TIME_MS });
    for (int i = 0; i < 12; i++) {
        assert_non_null(stage_add(&stage, GOAL_LIVE, "Ada"));
    }
    stage_run(&stage, 2);
    for (int i = 0; i < 12; i++) {
        stage.clients[i].mute = true; /* hears, but says nothing: is told again and again */
    }
    MetaverseCounters before = *metaverse_counters(stage.metaverse);
    const SyncSample sample = {
        .thing = 3, .quality = QUALITY_GOOD, .code = 77, .source_time = 5 * TIME_SECOND
    };
    stage.batch = (SyncBatch){ .samples = &sample, .count = 1, .source_clock = 5 * TIME_SECOND };
    stage_run(&stage, 1);
    const MetaverseCounters *after = metaverse_counters(stage.metaverse);
    assert_true(after->records - before.records >= 12 * 4); /* at several ticks */
    assert_int_equal(after->encodings - before.encodings, 2);
    stage_finish(&stage);
}

/* Clients that have lost different packets know different versions; they are told by codes that many can
 * read. */
static void clients_that_lose_packets_share_encodings(void **state)
{
    (void)state;
    begin(10, (MetaverseConfig){ .sessions = 14 }, (SimLink){ .latency = 5 * TIME_MS, .loss = 0.3 });
    for (int i = 0; i < 14; i++) {
        assert_non_null(stage_add(&stage, GOAL_LIVE, "Ada"));
    }
    stage_run(&stage, 3);
    stage.clients[0].input = (InputSample){ .forward = 127, .yaw = 9000 };
    stage_run(&stage, 1);
    MetaverseCounters before = *metaverse_counters(stage.metaverse);
    stage_run(&stage, 4);
    const MetaverseCounters *after = metaverse_counters(stage.metaverse);
    double each = (double)(after->encodings - before.encodings) / 120;
    print_message("%.2f encodings a snapshot, %.1f bytes each\n", each,
                  (double)(after->encoded_bytes - before.encoded_bytes) /
                      (double)(after->encodings - before.encodings));
    assert_true(each < 7); /* for 14 clients */
    stage_finish(&stage);
}

static void the_snapshot_rate_is_kept(void **state)
{
    (void)state;
    static const uint16_t rates[] = { 1, 7, 20, 45, 60 };
    for (size_t i = 0; i < ARRAY_COUNT(rates); i++) {
        begin(1, (MetaverseConfig){ .sessions = 2, .snapshot_rate_hz = rates[i] }, (SimLink){ 0 });
        ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
        stage_run(&stage, 2);
        uint64_t before = client->snapshots;
        stage_run(&stage, 10);
        assert_in_range(client->snapshots - before, rates[i] * 10u - 1, rates[i] * 10u + 1);
        stage_finish(&stage);
    }
}

static void the_world_grows_to_its_limits(void **state)
{
    (void)state;
    begin(2000, (MetaverseConfig){ .sessions = 2 }, (SimLink){ .latency = 5 * TIME_MS });
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 1);
    for (uint32_t thing = 0; thing < 2000; thing += 200) {
        for (uint32_t i = 0; i < 200; i++) {
            stage_sample(&stage, (uint16_t)(thing + i), SMALL_TEMPERATURE, INT64_MIN + thing + i,
                         INT64_MAX - 1);
        }
        stage_tick(&stage);
    }
    stage_run(&stage, 0.5);
    for (uint32_t thing = 0; thing < 2000; thing++) {
        assert_int_equal(channel_of(client, thing, SMALL_TEMPERATURE)->code, INT64_MIN + thing);
    }
    stage_finish(&stage);
}

/* ---- no memory is taken once everything runs ---- */

/* A transport that only counts: one client that is connected, joins and acknowledges every snapshot. */
typedef struct EchoPeer {
    uint8_t queue[16][128]; /* what the client says next */
    uint8_t sizes[16], channels[16];
    unsigned count, next;
    bool connected, closed;
    bool full; /* takes no snapshot now */
    uint32_t number, refused, snapshots;
} EchoPeer;

static Status echo_send(void *context, PeerId peer, uint8_t channel, Delivery delivery, Bytes bytes)
{
    (void)peer;
    (void)channel;
    (void)delivery;
    EchoPeer *echo = context;
    uint32_t number, sequence;
    if (bytes.data[0] == MESSAGE_SNAPSHOT &&
        packet_peek(bytes_slice(bytes, 1, bytes.size - 1), &number, &sequence) == STATUS_OK) {
        if (echo->full) {
            echo->refused = number;
            return STATUS_CAPACITY;
        }
        echo->snapshots++;
        echo->number = number;
    }
    return STATUS_OK;
}

static void echo_say(EchoPeer *echo, const Message *message)
{
    ByteBuffer buffer = { .data = echo->queue[echo->count], .capacity = sizeof echo->queue[0] };
    uint8_t bytes[512];
    ByteBuffer large = { .data = bytes, .capacity = sizeof bytes };
    assert_int_equal(message_encode(message, &large), STATUS_OK);
    assert_true(large.size <= buffer.capacity);
    memcpy(buffer.data, bytes, large.size);
    echo->sizes[echo->count] = (uint8_t)large.size;
    echo->channels[echo->count] = message_rule((uint8_t)message->id)->channel;
    echo->count++;
}

static Status echo_poll(void *context, TimeNs now, TransportEvent *out_event)
{
    EchoPeer *echo = context;
    if (!echo->connected) {
        echo->connected = true;
        *out_event = (TransportEvent){
            .type = TRANSPORT_CONNECTED, .peer = 7, .data = PROTOCOL_MAGIC | PROTOCOL_VERSION, .received = now
        };
        return STATUS_OK;
    }
    if (echo->next == echo->count) {
        echo->next = echo->count = 0;
        return STATUS_EMPTY;
    }
    unsigned at = echo->next++;
    *out_event = (TransportEvent){ .type = TRANSPORT_RECEIVED,
                                   .peer = 7,
                                   .channel = echo->channels[at],
                                   .bytes = bytes_of(echo->queue[at], echo->sizes[at]),
                                   .received = now };
    return STATUS_OK;
}

static void echo_flush(void *context, TimeNs now)
{
    (void)context;
    (void)now;
}

static void echo_disconnect(void *context, PeerId peer, uint32_t reason)
{
    (void)peer;
    (void)reason;
    ((EchoPeer *)context)->closed = true;
}

static Status echo_stats(const void *context, PeerId peer, TransportStats *out_stats)
{
    (void)context;
    (void)peer;
    *out_stats = (TransportStats){ 0 };
    return STATUS_OK;
}

static Status echo_address(const void *context, PeerId peer, char *out, size_t size)
{
    (void)context;
    (void)peer;
    snprintf(out, size, "echo");
    return STATUS_OK;
}

static void echo_destroy(void *context)
{
    (void)context;
}

static const TransportOps echo_ops = { .send = echo_send,
                                       .poll = echo_poll,
                                       .flush = echo_flush,
                                       .disconnect = echo_disconnect,
                                       .stats = echo_stats,
                                       .address = echo_address,
                                       .destroy = echo_destroy };

/* Counts what the C library hands out, by taking the place of its entry points. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_IS_TAKEN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(HEAP_IS_TAKEN) || !defined(__GLIBC__)
#define COUNTS_HEAP 0
static const unsigned heap_calls = 0;
#else
#define COUNTS_HEAP 1
static unsigned heap_calls;
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    heap_calls++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    heap_calls++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    heap_calls++;
    return __libc_realloc(memory, size);
}
#endif

static void echo_tick(Metaverse *metaverse, EchoPeer *echo, TimeNs now, uint32_t tick)
{
    SyncSample sample = { .thing = (uint16_t)(tick % 50),
                          .quality = QUALITY_GOOD,
                          .code = tick,
                          .source_time = (TimeNs)tick * TIME_MS };
    SyncBatch batch = { .samples = &sample, .count = 1, .source_clock = sample.source_time };
    Message input = { .id = MESSAGE_INPUT,
                      .input = { .acknowledged = echo->number, .first_sequence = tick + 1, .count = 1 } };
    input.input.inputs[0] = (InputSample){ .forward = 100, .yaw = (uint16_t)(tick * 100) };
    echo_say(echo, &input);
    metaverse_receive(metaverse, now);
    metaverse_integrate(metaverse, &batch);
    metaverse_step(metaverse, now);
    metaverse_replicate(metaverse, now);
}

/* A metaverse whose only client is `echo`, live. */
static Metaverse *echo_begin(SmallWorld *small, EchoPeer *echo, TimeNs *inout_now)
{
    Metaverse *metaverse;
    MetaverseConfig config = { .sessions = 4 };
    *echo = (EchoPeer){ 0 };
    assert_true(small_world_init(small, 50));
    assert_int_equal(metaverse_create(&config, &small->world, &small->texts, small->assets,
                                      (Transport){ .ops = &echo_ops, .context = echo }, &metaverse, NULL),
                     STATUS_OK);
    Message hello = { .id = MESSAGE_HELLO,
                      .hello = { .version = PROTOCOL_VERSION, .name = "E", .build = "e" } };
    Message ready = { .id = MESSAGE_READY };
    memcpy(ready.ready.world_hash, small->world.hash, HASH_SIZE);
    echo_say(echo, &hello);
    metaverse_receive(metaverse, *inout_now);
    echo_say(echo, &ready);
    metaverse_receive(metaverse, *inout_now += TICK);
    return metaverse;
}

static void a_running_metaverse_takes_no_memory(void **state)
{
    (void)state;
    static SmallWorld small;
    static EchoPeer echo;
    TimeNs now = SECONDS_START;
    Metaverse *metaverse = echo_begin(&small, &echo, &now);
    uint32_t tick = 0;
    for (; tick < 200; tick++) {
        echo_tick(metaverse, &echo, now += TICK, tick);
    }
    unsigned before = heap_calls;
    uint32_t snapshots = echo.snapshots;
    for (; tick < 1200; tick++) {
        echo_tick(metaverse, &echo, now += TICK, tick);
    }
    unsigned taken = heap_calls - before;
    assert_int_equal(echo.snapshots - snapshots, 500);
    assert_int_equal(taken, 0);
#if COUNTS_HEAP
    assert_true(before > 0); /* the counter does count */
#endif
    assert_false(echo.closed);
    metaverse_destroy(metaverse);
    small_world_finish(&small);
}

/* What the transport had no room for was not sent: its number goes to the next packet, nobody may have one
 * beyond, and everything goes on afterwards. */
static void a_packet_that_was_not_sent_cannot_be_acknowledged(void **state)
{
    (void)state;
    static SmallWorld small;
    static EchoPeer echo;
    TimeNs now = SECONDS_START;
    Metaverse *metaverse = echo_begin(&small, &echo, &now);
    for (uint32_t tick = 0; tick < 100; tick++) {
        echo.full = tick == 50 || tick == 51;
        echo_tick(metaverse, &echo, now += TICK, tick);
    }
    assert_int_not_equal(echo.refused, 0);
    assert_int_equal(metaverse_counters(metaverse)->unsent, 1);
    assert_false(echo.closed);
    echo_tick(metaverse, &echo, now += TICK, 100);
    assert_false(echo.closed);
    echo.number++; /* of the next one, which is on nobody's way */
    echo_tick(metaverse, &echo, now += TICK, 101);
    assert_true(echo.closed);
    metaverse_destroy(metaverse);
    small_world_finish(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive_with_their_times_and_qualities),
        cmocka_unit_test(samples_outside_the_world_are_ignored),
        cmocka_unit_test(texts_come_before_the_snapshot_that_needs_them),
        cmocka_unit_test(a_late_joiner_has_all_texts_before_its_first_snapshot),
        cmocka_unit_test(converges_without_loss),
        cmocka_unit_test(converges_at_5_percent),
        cmocka_unit_test(converges_at_20_percent),
        cmocka_unit_test(the_avatar_follows_its_inputs),
        cmocka_unit_test(clients_with_one_baseline_share_one_encoding),
        cmocka_unit_test(a_version_told_late_is_encoded_once),
        cmocka_unit_test(clients_that_lose_packets_share_encodings),
        cmocka_unit_test(the_snapshot_rate_is_kept),
        cmocka_unit_test(the_world_grows_to_its_limits),
        cmocka_unit_test(a_running_metaverse_takes_no_memory),
        cmocka_unit_test(a_packet_that_was_not_sent_cannot_be_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
