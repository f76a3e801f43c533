#include "server/twin/sim_feed.h"

#include <stdlib.h>

#define POLL_CHUNK 256u

typedef struct SimFeed {
    Field field;                           /* borrowed */
    FieldAnswer answers[SIM_FEED_ANSWERS]; /* a ring */
    uint32_t first, count;
} SimFeed;

static TraceSample sample_of(const FieldSample *sample)
{
    return (TraceSample){ .source_time = sample->source_time,
                          .thing = sample->thing,
                          .property = sample->property,
                          .quality = sample->quality,
                          .code = sample->code };
}

static Status poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity, size_t *out_count,
                   FeedStatus *out_status)
{
    SimFeed *feed = context;
    FieldSample chunk[POLL_CHUNK];
    size_t total = 0, count, room;
    feed->field.ops->heard(feed->field.context, now);
    do {
        room = capacity - total < POLL_CHUNK ? capacity - total : POLL_CHUNK;
        Status status = feed->field.ops->poll(feed->field.context, now, chunk, room, &count);
        if (status != STATUS_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            out_samples[total++] = sample_of(&chunk[i]);
        }
    } while (count == room && room > 0);
    *out_count = total;
    *out_status = (FeedStatus){ .source_clock = feed->field.ops->clock(feed->field.context) };
    return STATUS_OK;
}

static TimeNs next_due(const void *context)
{
    const SimFeed *feed = context;
    return feed->field.ops->next_due(feed->field.context);
}

static Status command(void *context, TimeNs now, const FieldCommand *given)
{
    SimFeed *feed = context;
    if (feed->count == SIM_FEED_ANSWERS) {
        return STATUS_CAPACITY;
    }
    FieldAnswer *answer = &feed->answers[(feed->first + feed->count) % SIM_FEED_ANSWERS];
    feed->field.ops->command(feed->field.context, now, given, answer);
    feed->count++;
    return STATUS_OK;
}

static Status answer(void *context, FieldAnswer *out_answer)
{
    SimFeed *feed = context;
    if (feed->count == 0) {
        return STATUS_EMPTY;
    }
    *out_answer = feed->answers[feed->first];
    feed->first = (feed->first + 1) % SIM_FEED_ANSWERS;
    feed->count--;
    return STATUS_OK;
}

static void destroy(void *context)
{
    free(context);
}

static const FeedOps sim_ops = {
    .poll = poll,
    .next_due = next_due,
    .command = command,
    .answer = answer,
    .destroy = destroy,
};

Status sim_feed_create(Field field, Feed *out_feed)
{
    SimFeed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    feed->field = field;
    *out_feed = (Feed){ .ops = &sim_ops, .context = feed };
    return STATUS_OK;
}
