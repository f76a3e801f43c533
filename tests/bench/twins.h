/* twins.h - the twins of the benches: same generator, same seed, everywhere; PERFORMANCE.md, "fanout twin".
 * Every 0.1 s each twin has walked on at about 1 m/s along a smooth random path, its sensor reads a slow sine
 * plus white noise of one step, its drift has moved a little, and about once a minute its state is another.
 * Values are kept as codes (counts of the resolution), so that what a client decodes can be compared exactly.
 */
#ifndef TESTS_BENCH_TWINS_H
#define TESTS_BENCH_TWINS_H
#include "shared/base/arena.h"
#include "shared/base/diag.h"
#include "shared/base/time.h"
#include "shared/model/world.h"

#define TWINS_MAX      10400 /* a world has eight feeds */
#define TWINS_PERIOD   (100 * TIME_MS)
#define TWINS_EPOCH    (1700000000 * TIME_SECOND) /* source time of step 0 */
#define TWIN_STATES    4
#define TWINS_PER_FILE 1300 /* a row of a trace holds at most 64 KiB and 8,192 fields */

/* X(name, resolution as text, digits after the point, unit) */
#define TWIN_CHANNEL_TABLE(X)   \
    X(x, "0.01", 2, "m")        \
    X(z, "0.01", 2, "m")        \
    X(heading, "1", 0, "deg")   \
    X(sensor, "0.1", 1, "degC") \
    X(drift, "0.01", 2, "bar")

typedef enum TwinChannel {
#define TWIN_ENUM(name, resolution, digits, unit) TWIN_##name,
    TWIN_CHANNEL_TABLE(TWIN_ENUM)
#undef TWIN_ENUM
        TWIN_state,
    TWIN_CHANNELS
} TwinChannel;

typedef struct Twins {
    uint32_t count, steps;
    int32_t *codes; /* [step][twin][channel] */
    bool *rests;    /* [step][twin]: it reports nothing at this step */
} Twins;

/* `spacing_m` is the side of the square that each twin has on average; `change_rate` of the twins, others
 * each time, change at a step, the rest report nothing then. STATUS_OUT_OF_MEMORY. */
NODISCARD Status twins_generate(uint32_t count, uint32_t steps, double spacing_m, double change_rate,
                                Arena *arena, Twins *out_twins);

static inline int32_t twins_code(const Twins *twins, uint32_t step, uint32_t twin, uint32_t channel)
{
    return twins->codes[((size_t)step * twins->count + twin) * TWIN_CHANNELS + channel];
}

/* Writes into the folder a world that replays the twins: world.json, Thing Description, mapping and traces.
 * STATUS_IO_ERROR with `diag`. */
NODISCARD Status twins_write_world(const Twins *twins, double spacing_m, const char *folder, Diag *diag);

/* Removes those files and the folder. */
void twins_remove_world(const Twins *twins, const char *folder);

/* Which channel each property of a twin is, by its name in the model; false when it is no world of twins. */
bool twins_match_world(const World *world, const Twins *twins, uint8_t out_channels[TWIN_CHANNELS]);

#endif
