/* fuzz_mapping.c - any bytes as a trace mapping. A mapping that is accepted must read a table without harm;
 * one that is refused must say where. */
#include "shared/trace/csv_reader.h"
#include "shared/trace/input_file.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/small_things.h"

#include <math.h>
#include <stdlib.h>

static const ThingModel model = { .properties = properties, .property_count = 4 };
static Thing things[] = { { .id = "a-1", .model = &model }, { .id = "a-2", .model = &model } };
static const World world = { .things = things, .thing_count = 2 };

static const char table[] = "t,e,p,v\n"
                            "2021-11-05T00:00:00Z,a-1,speed,1.5\n"
                            "1636070401,a-2,state,on\n"
                            "01.02.2021 03:04,x-2,note,\"text\"\n"
                            "1636070402;a-1;on;1\n";

static void read_table(const TraceMapping *mapping, Arena *arena)
{
    TextTable texts;
    CsvReader *reader = NULL;
    TraceMemory memory = { .bytes = bytes_of(table, sizeof table - 1) };
    if (text_table_init(&texts, 4, arena) ||
        csv_reader_create(trace_input_memory(&memory), "t.csv", mapping, &texts, arena, &reader)) {
        abort();
    }
    TraceSample sample;
    while (csv_reader_next(reader, &sample, NULL) == STATUS_OK) {
        if (sample.thing >= world.thing_count || sample.property >= model.property_count) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena;
    arena_init(&arena, (size_t)64 << 20);
    TraceMapping *mapping = NULL;
    Diag diag = { 0 };
    Status status = trace_mapping_load(bytes_of(data, size), "m.json", &world, &arena, &mapping, &diag);
    if ((status == STATUS_OK) != (mapping != NULL) || (status && !diag.text[0])) {
        abort();
    }
    if (mapping) {
        read_table(mapping, &arena);
    }
    arena_finish(&arena);
    return 0;
}
