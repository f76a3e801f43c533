/* Any bytes are a SYNC frame, or refused with nothing counted; one that is taken holds only what the schema
 * has, and written again it is the same bytes. */
#include "tests/fuzz/fuzz_input.h"
#include "tests/unit/shared/sync_fixture.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static SyncSample samples[4096];
    static uint8_t again[1 << 16];
    SyncFixture fixture;
    if (size > 16384) {
        return 0;
    }
    require(sync_fixture_init(&fixture, 8192));
    size_t count = 0;
    SyncFrame frame = { .source_clock = 99 };
    Status status =
        sync_decode(&fixture.schema, bytes_of(data, size), samples, ARRAY_COUNT(samples), &count, &frame);
    if (status != STATUS_OK) {
        require(count == 0 && frame.source_clock == 99);
    } else {
        for (size_t i = 0; i < count; i++) {
            require(samples[i].thing < fixture.schema.thing_count && samples[i].quality < QUALITY_COUNT);
            require(samples[i].property < fixture.things[samples[i].thing].model->property_count);
        }
        SyncBatch batch = { .samples = samples,
                            .count = count,
                            .source_clock = frame.source_clock,
                            .restarted = frame.restarted,
                            .snapshot = frame.snapshot };
        size_t first = 0, written = 0;
        require(sync_encode(&fixture.schema, &batch, &first, again, sizeof again, &written) == STATUS_OK);
        require(first == count && written == size);
        again[1] |= data[1] & (SYNC_FLAG_MORE | SYNC_FLAG_CONTINUED);
        require(memcmp(again, data, size) == 0);
    }
    sync_fixture_finish(&fixture);
    return 0;
}
