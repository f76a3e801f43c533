#include "server/twin/state.h"

#include "shared/base/log.h"

#include <stdlib.h>

#define BATCH_CAPACITY_DEFAULT 65536
#define STALE_PERIODS          3

static Status allocate(TwinSystem *twin, size_t batch_capacity)
{
    const World *world = twin->world;
    twin->first_slot = arena_new_array(&twin->arena, uint32_t, (size_t)world->thing_count + 1);
    twin->sequences = arena_new_array(&twin->arena, uint32_t, world->thing_count);
    if (twin->first_slot == NULL || twin->sequences == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    uint32_t slots = 0;
    for (uint32_t thing = 0; thing < world->thing_count; thing++) {
        twin->first_slot[thing] = slots;
        slots += world->things[thing].model->property_count;
    }
    twin->first_slot[world->thing_count] = slots;
    twin->slots = arena_new_array(&twin->arena, Slot, slots);
    twin->batch_capacity = batch_capacity;
    twin->batch_size = batch_capacity + 3 * (size_t)slots;
    twin->batch = arena_new_array(&twin->arena, SyncSample, twin->batch_size);
    return twin->slots == NULL || twin->batch == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
}

Status twin_create(const World *world, size_t batch_capacity, TwinSystem **out_twin)
{
    TwinSystem *twin = calloc(1, sizeof *twin);
    if (twin == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    arena_init(&twin->arena, 0);
    twin->world = world;
    twin->clock = TIME_NONE;
    twin->stale_check = TIME_FOREVER;
    Status status = allocate(twin, batch_capacity == 0 ? BATCH_CAPACITY_DEFAULT : batch_capacity);
    if (status != STATUS_OK) {
        twin_destroy(twin);
        return status;
    }
    for (uint32_t thing = 0; thing < world->thing_count; thing++) {
        const ThingModel *model = world->things[thing].model;
        for (uint32_t property = 0; property < model->property_count; property++) {
            TimeNs period = model->properties[property].period;
            twin->slots[twin->first_slot[thing] + property] = (Slot){
                .reported = { .source_time = TIME_NONE },
                .stale_after = period > TIME_FOREVER / STALE_PERIODS ? 0 : period * STALE_PERIODS,
                .feed = NO_FEED,
            };
        }
    }
    *out_twin = twin;
    return STATUS_OK;
}

void twin_destroy(TwinSystem *twin)
{
    if (twin == NULL) {
        return;
    }
    twin_link_destroy(twin->link);
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        twin->feeds[i].feed.ops->destroy(twin->feeds[i].feed.context);
    }
    arena_finish(&twin->arena);
    free(twin);
}

Status twin_add_feed(TwinSystem *twin, Feed feed)
{
    if (twin->feed_count == TWIN_FEEDS_MAX) {
        return STATUS_CAPACITY;
    }
    twin->feeds[twin->feed_count++] = (TwinFeed){ .feed = feed, .clock = TIME_NONE };
    return STATUS_OK;
}

Slot *twin_slot(const TwinSystem *twin, uint32_t thing, uint8_t property)
{
    if (thing >= twin->world->thing_count || property >= twin->world->things[thing].model->property_count) {
        return NULL;
    }
    return &twin->slots[twin->first_slot[thing] + property];
}

/* Puts the state of a slot into the batch. There is room: samples are limited to batch_capacity, and a feed
 * that keeps its contract begins again at most once a tick. */
static void publish(TwinSystem *twin, uint32_t thing, uint8_t property, const Slot *slot)
{
    if (twin->batch_count == twin->batch_size) {
        return;
    }
    twin->batch[twin->batch_count++] = (SyncSample){ .thing = thing,
                                                     .property = property,
                                                     .quality = slot->reported.quality,
                                                     .sequence = ++twin->sequences[thing],
                                                     .code = slot->reported.code,
                                                     .source_time = slot->reported.source_time };
}

static void forget(TwinSystem *twin, Slot *slot)
{
    if (slot->reported.quality == QUALITY_STALE) {
        twin->counters.stale_now--;
    }
    slot->reported = (Reported){ .source_time = TIME_NONE, .quality = QUALITY_NONE };
    slot->feed = NO_FEED;
}

/* The feed begins again: what it reported is no longer so. Samples of this tick from before go too. */
static void restart(TwinSystem *twin, uint8_t feed)
{
    bool alone = twin->feed_count == 1;
    twin->counters.restarts++;
    if (alone) {
        twin->batch_count = 0;
        twin->restarted = true;
    }
    for (uint32_t thing = 0; thing < twin->world->thing_count; thing++) {
        for (uint32_t i = twin->first_slot[thing]; i < twin->first_slot[thing + 1]; i++) {
            Slot *slot = &twin->slots[i];
            if (slot->feed != feed) {
                continue;
            }
            forget(twin, slot);
            if (!alone) {
                publish(twin, thing, (uint8_t)(i - twin->first_slot[thing]), slot);
            }
        }
    }
}

/* The feed's clock was set back to `time`: what it stamped later was stamped wrongly. */
static void set_back(TwinSystem *twin, uint8_t feed, TimeNs time)
{
    twin->counters.clock_resets++;
    for (uint32_t thing = 0; thing < twin->world->thing_count; thing++) {
        for (uint32_t i = twin->first_slot[thing]; i < twin->first_slot[thing + 1]; i++) {
            Slot *slot = &twin->slots[i];
            if (slot->feed == feed && slot->reported.source_time > time) {
                forget(twin, slot);
                publish(twin, thing, (uint8_t)(i - twin->first_slot[thing]), slot);
            }
        }
    }
}

/* A stale value was good when it came. */
static uint8_t quality_as_reported(const Reported *reported)
{
    return reported->quality == QUALITY_STALE ? QUALITY_GOOD : reported->quality;
}

static bool is_duplicate(const Reported *reported, const TraceSample *sample)
{
    if (sample->quality == QUALITY_STALE) { /* of a good value it is news, also at the same time */
        return reported->quality != QUALITY_GOOD && sample->source_time == reported->source_time;
    }
    return sample->source_time == reported->source_time && sample->code == reported->code &&
           sample->quality == quality_as_reported(reported);
}

/* Of samples with equal time stamps the later row wins. */
static void accept(TwinSystem *twin, uint8_t feed, const TraceSample *sample)
{
    Slot *slot = twin_slot(twin, sample->thing, sample->property);
    if (slot == NULL || sample->quality == QUALITY_NONE || sample->quality >= QUALITY_COUNT ||
        sample->source_time == TIME_NONE) {
        twin->counters.unknown++;
        return;
    }
    if (slot->reported.quality != QUALITY_NONE) {
        if (sample->source_time < slot->reported.source_time) {
            twin->counters.old++;
            return;
        }
        if (is_duplicate(&slot->reported, sample)) {
            twin->counters.duplicates++;
            return;
        }
    }
    if (slot->reported.quality == QUALITY_STALE) {
        twin->counters.stale_now--;
    }
    slot->reported =
        (Reported){ .code = sample->code, .source_time = sample->source_time, .quality = sample->quality };
    slot->feed = feed;
    twin->counters.samples++;
    twin->counters.bad += sample->quality == QUALITY_BAD;
    twin->counters.stale += sample->quality == QUALITY_STALE;
    twin->counters.stale_now += sample->quality == QUALITY_STALE;
    if (slot->stale_after > 0 && sample->quality == QUALITY_GOOD) {
        TimeNs deadline;
        if (!__builtin_add_overflow(sample->source_time, slot->stale_after, &deadline) &&
            deadline < twin->stale_check) {
            twin->stale_check = deadline;
        }
    }
    publish(twin, sample->thing, sample->property, slot);
}

/* The way to the devices is cut: what came by it may be so no longer, until it is sampled again. */
static void lose(TwinSystem *twin, uint8_t feed)
{
    for (uint32_t thing = 0; thing < twin->world->thing_count; thing++) {
        for (uint32_t i = twin->first_slot[thing]; i < twin->first_slot[thing + 1]; i++) {
            Slot *slot = &twin->slots[i];
            if (slot->feed == feed && slot->reported.quality == QUALITY_GOOD) {
                slot->reported.quality = QUALITY_STALE;
                twin->counters.stale++;
                twin->counters.stale_now++;
                publish(twin, thing, (uint8_t)(i - twin->first_slot[thing]), slot);
            }
        }
    }
}

/* Takes what is due from one feed, at most *room samples. */
static Status poll_feed(TwinSystem *twin, uint8_t index, TimeNs now, size_t *room)
{
    TwinFeed *feed = &twin->feeds[index];
    size_t asked, count;
    do {
        asked = *room < POLL_CHUNK ? *room : POLL_CHUNK;
        count = 0;
        FeedStatus told = { .source_clock = TIME_NONE };
        Status status = feed->feed.ops->poll(feed->feed.context, now, twin->incoming, asked, &count, &told);
        if (status != STATUS_OK) {
            feed->ended = true;
            feed->behind = 0;
            return status;
        }
        if (told.restarted) {
            restart(twin, index);
        } else if (told.set_back) {
            set_back(twin, index, told.source_time_set);
        }
        for (size_t i = 0; i < count; i++) {
            accept(twin, index, &twin->incoming[i]);
        }
        if (told.lost && !feed->lost) {
            lose(twin, index);
        }
        feed->lost = told.lost;
        *room -= count;
        feed->clock = told.source_clock;
        feed->behind = told.behind;
        feed->ended = told.ended;
    } while (count == asked && *room > 0 && !feed->ended);
    return STATUS_OK;
}

/* Marks what has had no sample for too long. The scan runs only when a clock has passed the earliest deadline
 * noted, which with regular sensors is about once in three periods. */
static void mark_stale(TwinSystem *twin)
{
    TimeNs latest = TIME_NONE;
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        latest = twin->feeds[i].clock > latest ? twin->feeds[i].clock : latest;
    }
    if (latest <= twin->stale_check) {
        return;
    }
    twin->stale_check = TIME_FOREVER;
    for (uint32_t thing = 0; thing < twin->world->thing_count; thing++) {
        for (uint32_t i = twin->first_slot[thing]; i < twin->first_slot[thing + 1]; i++) {
            Slot *slot = &twin->slots[i];
            TimeNs deadline;
            if (slot->reported.quality != QUALITY_GOOD || slot->stale_after == 0 ||
                __builtin_add_overflow(slot->reported.source_time, slot->stale_after, &deadline)) {
                continue;
            }
            if (twin->feeds[slot->feed].clock > deadline) {
                slot->reported.quality = QUALITY_STALE;
                twin->counters.stale++;
                twin->counters.stale_now++;
                publish(twin, thing, (uint8_t)(i - twin->first_slot[thing]), slot);
            } else if (deadline < twin->stale_check) {
                twin->stale_check = deadline;
            }
        }
    }
}

/* The earliest clock of the feeds that still run; when all have ended, the latest. */
static TimeNs batch_clock(const TwinSystem *twin)
{
    TimeNs running = TIME_FOREVER;
    TimeNs ended = TIME_NONE;
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        const TwinFeed *feed = &twin->feeds[i];
        if (feed->clock == TIME_NONE) {
            continue;
        }
        if (feed->ended) {
            ended = feed->clock > ended ? feed->clock : ended;
        } else {
            running = feed->clock < running ? feed->clock : running;
        }
    }
    return running == TIME_FOREVER ? ended : running;
}

Status twin_tick(TwinSystem *twin, TimeNs now, SyncBatch *out_batch)
{
    Status status = STATUS_OK;
    size_t room = twin->batch_capacity;
    twin->batch_count = 0;
    twin->restarted = false;
    twin->counters.behind = 0;
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        uint8_t index = (uint8_t)((twin->first_feed + i) % twin->feed_count);
        TwinFeed *feed = &twin->feeds[index];
        if (feed->ended) {
            continue;
        }
        Status polled = poll_feed(twin, index, now, &room);
        status = status == STATUS_OK ? polled : status;
        if (feed->behind > twin->counters.behind) {
            twin->counters.behind = feed->behind;
        }
    }
    if (twin->feed_count > 0) {
        twin->first_feed = (uint8_t)((twin->first_feed + 1) % twin->feed_count);
    }
    twin->counters.late_ticks += twin->counters.behind > 0;
    mark_stale(twin);
    twin->clock = batch_clock(twin);
    *out_batch = (SyncBatch){ .samples = twin->batch,
                              .count = twin->batch_count,
                              .source_clock = twin->clock,
                              .restarted = twin->restarted };
    if (twin->link != NULL) {
        twin_link_tick(twin, now, out_batch);
    }
    return status;
}

TimeNs twin_next_due(const TwinSystem *twin)
{
    TimeNs due = TIME_FOREVER;
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        const Feed *feed = &twin->feeds[i].feed;
        if (!twin->feeds[i].ended && feed->ops->next_due != NULL) {
            TimeNs next = feed->ops->next_due(feed->context);
            due = next < due ? next : due;
        }
    }
    TimeNs of_link = twin->link == NULL ? TIME_FOREVER : twin_link_due(twin->link);
    return of_link < due ? of_link : due;
}

size_t twin_wake_fds(const TwinSystem *twin, int *out_fds, size_t capacity)
{
    size_t count = 0;
    for (uint8_t i = 0; i < twin->feed_count && count < capacity; i++) {
        const Feed *feed = &twin->feeds[i].feed;
        int fd = feed->ops->wake_fd == NULL ? -1 : feed->ops->wake_fd(feed->context);
        if (fd >= 0) {
            out_fds[count++] = fd;
        }
    }
    return count;
}

bool twin_ended(const TwinSystem *twin)
{
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        if (!twin->feeds[i].ended) {
            return false;
        }
    }
    return true;
}

void twin_set_speed(TwinSystem *twin, TimeNs now, double speed)
{
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        const Feed *feed = &twin->feeds[i].feed;
        if (feed->ops->set_speed != NULL) {
            feed->ops->set_speed(feed->context, now, speed);
        }
    }
}

void twin_set_paused(TwinSystem *twin, TimeNs now, bool paused)
{
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        const Feed *feed = &twin->feeds[i].feed;
        if (feed->ops->set_paused != NULL) {
            feed->ops->set_paused(feed->context, now, paused);
        }
    }
}

const Reported *twin_reported(const TwinSystem *twin, uint32_t thing, uint8_t property)
{
    const Slot *slot = twin_slot(twin, thing, property);
    return slot == NULL ? NULL : &slot->reported;
}

TimeNs twin_source_clock(const TwinSystem *twin)
{
    return twin->clock;
}

const TraceCounters *twin_feed_counters(const TwinSystem *twin, uint32_t index)
{
    if (index >= twin->feed_count) {
        return NULL;
    }
    const Feed *feed = &twin->feeds[index].feed;
    return feed->ops->counters == NULL ? NULL : feed->ops->counters(feed->context);
}

const TwinCounters *twin_counters(const TwinSystem *twin)
{
    return &twin->counters;
}
