#include "server/twin/live_samples.h"

#include "shared/base/log.h"
#include "shared/trace/steps.h"

#include <stdarg.h>
#include <stdio.h>

Status live_samples_init(LiveSamples *live, const char *name, const World *world, Arena *arena)
{
    *live = (LiveSamples){ .name = name, .world = world, .latest = TIME_NONE };
    live->counters.first_time = live->counters.last_time = live->counters.latest_time = TIME_NONE;
    live_clock_init(&live->clock);
    Status status = thing_index_init(&live->index, world, arena);
    if (status != STATUS_OK) {
        return status;
    }
    live->series = arena_new_array(arena, TraceSeries, thing_index_slots(&live->index));
    live->strays = arena_new_array(arena, LiveStray, thing_index_slots(&live->index));
    if (live->series == NULL || live->strays == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    TraceSeries *series = live->series;
    for (uint32_t thing = 0; thing < world->thing_count; thing++) {
        const ThingModel *model = world->things[thing].model;
        for (uint32_t i = 0; i < model->property_count; i++) {
            series_init(series++, model->properties[i].period);
        }
    }
    return STATUS_OK;
}

static void put(LiveSamples *live, const TraceSample *sample)
{
    live->latest = sample->source_time > live->latest ? sample->source_time : live->latest;
    live->out[live->count++] = *sample;
}

bool live_samples_begin(LiveSamples *live, TraceSample *out_samples, size_t capacity)
{
    live->out = out_samples;
    live->capacity = capacity;
    live->count = 0;
    if (!live->has_held || capacity == 0) {
        return false;
    }
    live->has_held = false;
    live->latest = TIME_NONE;
    put(live, &live->held);
    return true;
}

bool live_samples_room(const LiveSamples *live)
{
    return live->count < live->capacity && !live->has_held;
}

static void count_times(TraceCounters *counters, const TraceSeries *series, TimeNs time)
{
    counters->equal_times += series->samples > 0 && series->last_time == time;
    counters->backward_times += series->samples > 0 && time < series->last_time;
    if (counters->first_time == TIME_NONE) {
        counters->first_time = time;
    }
    counters->last_time = time;
    counters->latest_time = time > counters->latest_time ? time : counters->latest_time;
}

static bool is_stray(const LiveSamples *live, LiveStray *stray, TimeNs time, TimeNs arrival)
{
    bool far = live->latest != TIME_NONE && time > live->latest && time > arrival &&
               step_between(live->latest, time) > LIVE_STRAY_AHEAD &&
               step_between(arrival, time) > LIVE_STRAY_AHEAD;
    if (!far) {
        stray->count = 0;
        return false;
    }
    stray->count = (uint8_t)(stray->count > 0 && time > stray->time ? stray->count + 1 : 1);
    stray->time = time;
    return stray->count < LIVE_STRAY_COUNT;
}

bool live_samples_add(LiveSamples *live, const TraceSample *sample, LiveOrigin origin, TimeNs arrival)
{
    size_t slot = live->index.first_slot[sample->thing] + sample->property;
    TraceSeries *series = &live->series[slot];
    TraceCounters *counters = &live->counters;
    uint64_t resets = counters->clock_resets;
    TraceSample told = *sample;
    if (is_stray(live, &live->strays[slot], sample->source_time, arrival)) {
        live_samples_refuse(live, live->world->things[sample->thing].id, "a sample is stamped %.0f s ahead",
                            time_to_seconds(step_between(arrival, sample->source_time)));
        return true;
    }
    counters->samples++;
    counters->bad += sample->quality == QUALITY_BAD;
    count_times(counters, series, sample->source_time);
    if (origin == LIVE_NOW) { /* what is old is no sign of a clock that was set */
        series_add(series, NULL, sample->source_time, counters);
    }
    if (counters->clock_resets != resets && steps_far_back(live->latest, sample->source_time)) {
        live_clock_set_back(&live->clock);
        live_clock_heard(&live->clock, sample->source_time, arrival);
        live->held = told;
        live->has_held = true;
        return false;
    }
    if (origin == LIVE_NOW) {
        live_clock_heard(&live->clock, sample->source_time, arrival);
    } else if (origin == LIVE_PAST && told.quality == QUALITY_GOOD) {
        told.quality = QUALITY_STALE;
    }
    put(live, &told);
    return true;
}

void live_samples_refuse(LiveSamples *live, const char *who, const char *format, ...)
{
    live->counters.refused++;
    if (live->has_error) {
        return;
    }
    char reason[sizeof live->first_error.text], text[800];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    live->has_error = true;
    (void)diag_set(&live->first_error, STATUS_MALFORMED, who, 0, "%s", reason);
    log_warning(live->name, "%s (a message refused; further ones are counted)",
                diag_format(&live->first_error, text, sizeof text));
}

void live_samples_link(LiveSamples *live, const MqttLinkStatus *status)
{
    uint64_t kept_back = status->too_large + status->dropped;
    if (kept_back > live->kept_back) {
        live_samples_refuse(live, "",
                            "a message was larger than %zu bytes, or came faster than it could be kept",
                            MQTT_PAYLOAD_SIZE_MAX);
        live->counters.refused += kept_back - live->kept_back - 1;
        live->kept_back = kept_back;
    }
}

void live_samples_end(LiveSamples *live, TimeNs now, TimeNs waiting, bool set_back, bool lost,
                      size_t *out_count, FeedStatus *out_status)
{
    bool hold = waiting != TIME_NONE || live->has_held;
    *out_count = live->count;
    *out_status = (FeedStatus){ .source_clock = live_clock_read(&live->clock, now, hold),
                                .set_back = set_back,
                                .source_time_set = set_back ? live->out[0].source_time : TIME_NONE,
                                .behind = waiting != TIME_NONE && waiting < now ? now - waiting : 0,
                                .lost = lost };
}
