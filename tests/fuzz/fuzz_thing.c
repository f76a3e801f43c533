/* Any bytes are a Thing Description, or refused with a reason; the properties of one that loads keep values.
 */
#include "shared/model/thing.h"
#include "tests/fuzz/fuzz_input.h"

#include <math.h>
#include <stdlib.h>

/* What decodes to a value inside the limits encodes to the same code again; what does not is refused. */
static void check_codes(const Property *property)
{
    static const int64_t codes[] = { 0, 1, -1, 2, 7, 596, -123456, INT64_C(1) << 40, INT64_MAX, INT64_MIN };
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        char text[64];
        Value value = property_decode(property, codes[i], NULL);
        require(property_format(property, codes[i], NULL, text, sizeof text) == text);
        require(memchr(text, 0, sizeof text) != NULL);
        int64_t again = 99;
        Status status = property_encode(property, value, NULL, &again);
        if (property->encoding == CHANNEL_STEPS && status == STATUS_OK) {
            require(again == codes[i] || fabs((double)codes[i]) > 0x1p50);
        } else if (property->encoding == CHANNEL_EXACT && status == STATUS_OK) {
            require(again == codes[i]);
        } else if (property->encoding == CHANNEL_ENUM && status == STATUS_OK) {
            /* "?" may be one of the names. */
            require(again == codes[i] || strcmp(value.text, "?") == 0);
        } else if (status != STATUS_OK) {
            require(again == 99);
        }
    }
}

static void check_property(const Property *property)
{
    size_t size = strlen(property->name);
    require(size > 0 && size < 64);
    require(property->title[0] != '\0' && property->unit != NULL);
    require(property->minimum <= property->maximum);
    require(property->period >= 0);
    require((property->encoding == CHANNEL_STEPS) == (property->resolution > 0));
    require((property->encoding == CHANNEL_ENUM) == (property->enum_count > 0));
    for (uint32_t i = 0; i < property->enum_count; i++) {
        int64_t code = -1;
        Value name = { .type = VALUE_TEXT, .text = property->enum_names[i] };
        require(property_encode(property, name, NULL, &code) == STATUS_OK && code == i);
    }
    check_codes(property);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena;
    arena_init(&arena, (size_t)64 << 20);
    ThingModel model = { .title = "untouched" };
    Diag diag = { 0 };
    Status status = thing_model_load(bytes_of(data, size), "fuzz.td.json", &arena, &model, &diag);
    if (status == STATUS_OK) {
        require(model.property_count <= THING_PROPERTIES_MAX);
        for (uint32_t i = 0; i < model.property_count; i++) {
            check_property(&model.properties[i]);
            require(thing_property_index(&model, model.properties[i].name) == (int)i);
        }
        for (uint32_t i = 0; i < model.action_count; i++) {
            require(model.actions[i].input_minimum <= model.actions[i].input_maximum);
        }
    } else {
        require(strcmp(model.title, "untouched") == 0);
        require(diag.text[0] != '\0' && diag.line > 0);
    }
    arena_finish(&arena);
    return 0;
}
