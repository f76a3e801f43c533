/* Prints what the bus between processes puts on the wire, one JSON object a line, for verify_bus.py. */
#include "shared/base/random.h"
#include "shared/model/thing.h"
#include "shared/systems/bus_sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char description[] =
    "{\"@context\":\"https://www.w3.org/2022/wot/td/v1.1\",\"title\":\"Valve\",\"security\":\"s\","
    "\"securityDefinitions\":{\"s\":{\"scheme\":\"nosec\"}},\"properties\":{"
    "\"position\":{\"type\":\"number\",\"minimum\":0,\"maximum\":100,\"multipleOf\":0.1,\"forms\":[{\"href\":"
    "\"a\"}]},"
    "\"flow\":{\"type\":\"number\",\"minimum\":-5,\"forms\":[{\"href\":\"b\"}]},"
    "\"open\":{\"type\":\"boolean\",\"forms\":[{\"href\":\"c\"}]},"
    "\"mode\":{\"type\":\"string\",\"enum\":[\"manual\",\"automatic\"],\"forms\":[{\"href\":\"d\"}]},"
    "\"note\":{\"type\":\"string\",\"forms\":[{\"href\":\"e\"}]},"
    "\"starts\":{\"type\":\"integer\",\"minimum\":0,\"forms\":[{\"href\":\"f\"}]}}}";

static void print_hex(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        printf("%02x", data[i]);
    }
}

static void print_frame(const BusFrame *frame, const char *members)
{
    uint8_t packet[BUS_FRAME_HEADER_MAX];
    size_t size = bus_frame_write(frame, packet);
    printf("{\"packet\":\"");
    print_hex(packet, size);
    print_hex(frame->rest.data, frame->rest.size);
    printf("\",\"content\":{%s}}\n", members);
}

static void print_control(void)
{
    print_frame(&(BusFrame){ .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_TWIN, .name = "plant/1" },
                "\"type\":\"HELLO\",\"version\":1,\"kind\":1,\"name\":\"plant/1\"");
    print_frame(&(BusFrame){ .type = BUS_FRAME_WELCOME, .version = 1, .name = "enabler" },
                "\"type\":\"WELCOME\",\"version\":1,\"name\":\"enabler\"");
    print_frame(&(BusFrame){ .type = BUS_FRAME_REFUSED, .reason = "the name is taken" },
                "\"type\":\"REFUSED\",\"reason\":\"the name is taken\"");
    static const char body[] = "{\"schema\":\"mii.systems/1\",\"systems\":[]}";
    print_frame(&(BusFrame){ .type = BUS_FRAME_MESSAGE,
                             .id = MII_SYSTEMS,
                             .correlation = UINT64_C(0x0102030405060708),
                             .rest = bytes_of(body, sizeof body - 1) },
                "\"type\":\"MESSAGE\",\"id\":37,\"correlation\":72623859790382856,\"name\":\"\","
                "\"body\":\"{\\\"schema\\\":\\\"mii.systems/1\\\",\\\"systems\\\":[]}\"");
}

/* A sample as it is meant; numbers as their codes, EXACT ones as texts of their bits. */
static void print_sample(const SyncSample *sample, const ThingModel *model, const TextTable *texts)
{
    printf("{\"thing\":%u,\"property\":%u,\"quality\":%u,\"sequence\":%u", sample->thing, sample->property,
           sample->quality, sample->sequence);
    if (sample->quality != QUALITY_NONE) {
        printf(",\"time\":%" PRId64 ",", sample->source_time);
        if (model->properties[sample->property].encoding == CHANNEL_TEXT) {
            printf("\"value\":\"%s\"", text_get(texts, (uint32_t)sample->code));
        } else {
            printf("\"value\":%" PRId64, sample->code);
        }
    }
    printf("}");
}

static int64_t random_code(Random *random, const Property *property, TextTable *texts)
{
    double exact = random_between(random, -5, 1e9);
    int64_t code = (int64_t)random_below(random, 1000);
    uint32_t id = 0;
    char text[16];
    switch (property->encoding) {
    case CHANNEL_EXACT:
        memcpy(&code, &exact, sizeof code);
        return code;
    case CHANNEL_TEXT:
        snprintf(text, sizeof text, "n\xC3\xB6te %u", (unsigned)code % 5);
        return text_intern(texts, text, &id) == STATUS_OK ? id : 0;
    case CHANNEL_BOOLEAN:
    case CHANNEL_ENUM:
        return code % 2;
    case CHANNEL_STEPS:
        break;
    }
    return code;
}

static bool print_sync(const SyncSchema *schema, uint32_t fingerprint, uint64_t seed)
{
    enum { SAMPLES = 120 };
    static SyncSample samples[SAMPLES];
    static uint8_t bytes[8192];
    Random random = random_seeded(seed);
    TimeNs clock = INT64_C(1700000000) * TIME_SECOND;
    for (size_t i = 0; i < SAMPLES; i++) {
        SyncSample *sample = &samples[i];
        uint32_t thing = (uint32_t)random_below(&random, schema->thing_count);
        const ThingModel *model = schema->things[thing].model;
        *sample = (SyncSample){ .thing = thing,
                                .property = (uint8_t)random_below(&random, model->property_count),
                                .quality = (uint8_t)random_below(&random, QUALITY_COUNT),
                                .sequence = seed % 2 == 0 ? (uint32_t)random_u64(&random) : (uint32_t)i,
                                .source_time = clock + (TimeNs)random_below(&random, 1000000) };
        sample->code = random_code(&random, &model->properties[sample->property], schema->texts);
    }
    SyncBatch batch = { .samples = samples,
                        .count = SAMPLES,
                        .source_clock = seed % 3 == 0 ? TIME_NONE : clock,
                        .restarted = seed % 2 == 0,
                        .snapshot = seed % 5 == 0 };
    size_t first = 0;
    do {
        BusFrame frame = { .type = BUS_FRAME_SYNC, .id = DII_SYNC, .name = "plant", .schema = fingerprint };
        size_t size = 0, begin = first;
        if (sync_encode(schema, &batch, &first, bytes, seed % 4 == 0 ? 700 : sizeof bytes, &size) !=
            STATUS_OK) {
            return false;
        }
        uint8_t head[BUS_FRAME_HEADER_MAX];
        size_t head_size = bus_frame_write(&frame, head);
        printf("{\"packet\":\"");
        print_hex(head, head_size);
        print_hex(bytes, size);
        printf("\",\"content\":{\"type\":\"SYNC\",\"id\":%d,\"name\":\"plant\",\"restarted\":%s,\"snapshot\":"
               "%s,\"more\":%s,"
               "\"continued\":%s,\"clock\":",
               DII_SYNC, batch.restarted ? "true" : "false", batch.snapshot ? "true" : "false",
               first < SAMPLES ? "true" : "false", begin > 0 ? "true" : "false");
        if (batch.source_clock == TIME_NONE) {
            printf("null");
        } else {
            printf("%" PRId64, batch.source_clock);
        }
        printf(",\"samples\":[");
        for (size_t i = begin; i < first; i++) {
            printf("%s", i > begin ? "," : "");
            print_sample(&samples[i], schema->things[samples[i].thing].model, schema->texts);
        }
        printf("]}}\n");
    } while (first < SAMPLES);
    return true;
}

int main(void)
{
    Arena arena;
    ThingModel model;
    TextTable texts;
    SchemaTable table = { 0 };
    Diag diag = { 0 };
    arena_init(&arena, 0);
    if (thing_model_load(bytes_of(description, sizeof description - 1), "valve", &arena, &model, &diag) !=
            STATUS_OK ||
        text_table_init(&texts, 64, &arena) != STATUS_OK) {
        fprintf(stderr, "emit_bus: %s\n", diag.text);
        return 1;
    }
    Thing things[3] = { { "v-1", "", &model }, { "v-2", "", &model }, { "v-3", "", &model } };
    SyncSchema schema = { .things = things, .thing_count = 3, .texts = &texts };
    if (schema_table_set(&table, "plant", &schema) != STATUS_OK) {
        return 1;
    }
    printf("{\"description\":%s,\"things\":[\"v-1\",\"v-2\",\"v-3\"]}\n", description);
    print_control();
    bool ok = true;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        ok = ok && print_sync(&schema, schema_table_find(&table, "plant")->fingerprint, seed);
    }
    schema_table_finish(&table);
    arena_finish(&arena);
    return ok ? 0 : 1;
}
