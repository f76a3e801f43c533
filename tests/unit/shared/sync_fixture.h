/* sync_fixture.h - three things of two kinds with a property of every encoding, for tests of coded SYNC. */
#ifndef TESTS_UNIT_SHARED_SYNC_FIXTURE_H
#define TESTS_UNIT_SHARED_SYNC_FIXTURE_H
#include "shared/systems/sync_codec.h"

#include <math.h>

enum { SYNC_STEPS, SYNC_EXACT, SYNC_BOOLEAN, SYNC_ENUM, SYNC_TEXT, SYNC_PROPERTIES };

typedef struct SyncFixture {
    Arena arena;
    TextTable texts, other_texts; /* of the two sides */
    Property properties[SYNC_PROPERTIES];
    ThingModel models[2]; /* the second has the first two properties only */
    Thing things[3];
    SyncSchema schema, other;
} SyncFixture;

static inline bool sync_fixture_init(SyncFixture *f, uint32_t text_capacity)
{
    static const char *const names[] = { "off", "on", "fault" };
    *f = (SyncFixture){ 0 };
    arena_init(&f->arena, 0);
    for (int i = 0; i < SYNC_PROPERTIES; i++) {
        f->properties[i] = (Property){ .name = "p",
                                       .title = "P",
                                       .unit = "",
                                       .minimum = -INFINITY,
                                       .maximum = INFINITY,
                                       .encoding = (ChannelEncoding)i };
    }
    f->properties[SYNC_STEPS].resolution = 0.1;
    f->properties[SYNC_STEPS].minimum = -10;
    f->properties[SYNC_STEPS].maximum = 100;
    f->properties[SYNC_ENUM].enum_names = names;
    f->properties[SYNC_ENUM].enum_count = ARRAY_COUNT(names);
    f->models[0] = (ThingModel){ .properties = f->properties, .property_count = SYNC_PROPERTIES };
    f->models[1] = (ThingModel){ .properties = f->properties, .property_count = 2 };
    for (uint32_t i = 0; i < ARRAY_COUNT(f->things); i++) {
        f->things[i] = (Thing){ .id = "t", .title = "T", .model = &f->models[i == 1] };
    }
    f->schema =
        (SyncSchema){ .things = f->things, .thing_count = ARRAY_COUNT(f->things), .texts = &f->texts };
    f->other = f->schema;
    f->other.texts = &f->other_texts;
    return text_table_init(&f->texts, text_capacity, &f->arena) == STATUS_OK &&
           text_table_init(&f->other_texts, text_capacity, &f->arena) == STATUS_OK;
}

static inline void sync_fixture_finish(SyncFixture *f)
{
    arena_finish(&f->arena);
}

#endif
