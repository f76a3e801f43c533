/* small_things.h - two things of four properties, one of each kind: what the harnesses of mapping and feeds
 * read samples into. */
#ifndef TESTS_FUZZ_SMALL_THINGS_H
#define TESTS_FUZZ_SMALL_THINGS_H
#include "shared/trace/trace.h"

#define SMALL_THINGS     2
#define SMALL_PROPERTIES 4

static const char *const state_names[] = { "off", "on" };

static Property properties[SMALL_PROPERTIES] = {
    { .name = "speed",
      .unit = "degC",
      .type = PROPERTY_NUMBER,
      .encoding = CHANNEL_STEPS,
      .minimum = -1e9,
      .maximum = 1e9,
      .resolution = 0.1 },
    { .name = "state",
      .unit = "",
      .type = PROPERTY_TEXT,
      .encoding = CHANNEL_ENUM,
      .enum_names = state_names,
      .enum_count = 2 },
    { .name = "note", .unit = "", .type = PROPERTY_TEXT, .encoding = CHANNEL_TEXT },
    { .name = "on", .unit = "", .type = PROPERTY_BOOLEAN, .encoding = CHANNEL_BOOLEAN },
};

/* Whether a live feed may deliver it: of a thing that there is, with a code that its property can have, where
 * texts have at most `texts` ids. */
static inline bool sample_is_possible(const TraceSample *sample, int64_t texts)
{
    bool good = sample->quality == QUALITY_GOOD || sample->quality == QUALITY_STALE;
    if (sample->thing >= SMALL_THINGS || sample->property >= SMALL_PROPERTIES ||
        sample->source_time == TIME_NONE) {
        return false;
    }
    if (!good && (sample->quality != QUALITY_BAD || sample->code != 0)) {
        return false;
    }
    switch (sample->property) {
    case 0:
        return sample->code >= -INT64_C(10000000000) && sample->code <= INT64_C(10000000000);
    case 2:
        return sample->code >= 0 && sample->code < texts;
    default:
        return sample->code == 0 || sample->code == 1;
    }
}

#endif
