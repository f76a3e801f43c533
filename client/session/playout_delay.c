#include "client/session/playout_delay.h"

#include <stdlib.h>

#define QUANTILE     97u /* % of the waits that the delay covers */
#define MARGIN       (4 * TIME_MS)
#define SLOTS_LEAST  8u /* slots before the interval is measured and no longer the nominal one */
#define INTERVAL_MIN TIME_MS
#define DELAY_MAX    TIME_SECOND /* above the fastest arrival, whatever comes */

void playout_delay_init(PlayoutDelay *delay, TimeNs nominal_interval)
{
    *delay =
        (PlayoutDelay){ .nominal = nominal_interval, .interval = nominal_interval, .slot_began = TIME_NONE };
}

static int compare_times(const void *a, const void *b)
{
    TimeNs x = *(const TimeNs *)a, y = *(const TimeNs *)b;
    return (x > y) - (x < y);
}

/* Between snapshots that follow each other when nothing moves, a long time is no lateness: the server had
 * nothing to say. Neither is it when motion begins after such a time. */
static bool says_something(const PlayoutDelay *delay, const PlayoutArrival *arrival)
{
    TimeNs usual = delay->interval > delay->nominal ? delay->interval : delay->nominal;
    bool quiet = arrival->server_time - arrival->before > 2 * usual;
    return arrival->lost || !quiet || (arrival->moved && delay->moving);
}

static void note(PlayoutDelay *delay, const PlayoutArrival *arrival)
{
    const PlayoutSlot now = { .wait = arrival->server_now - arrival->before,
                              .gap = arrival->server_time - arrival->before,
                              .delay = arrival->server_now - arrival->server_time };
    PlayoutSlot *slot = &delay->slots[(delay->count + PLAYOUT_SLOTS - 1) % PLAYOUT_SLOTS];
    /* Half a slot of slack, so that a regular stream at the slot's own rate is one arrival a slot. */
    if (delay->slot_began == TIME_NONE ||
        arrival->server_now - delay->slot_began >= PLAYOUT_SLOT / 2 + PLAYOUT_SLOT / 4) {
        delay->slot_began = arrival->server_now;
        delay->slots[delay->count++ % PLAYOUT_SLOTS] = now;
        return;
    }
    slot->wait = now.wait > slot->wait ? now.wait : slot->wait;
    slot->gap = now.gap > slot->gap ? now.gap : slot->gap;
    slot->delay = now.delay < slot->delay ? now.delay : slot->delay;
}

static TimeNs quantile(TimeNs *times, uint32_t count, uint32_t percent)
{
    qsort(times, count, sizeof *times, compare_times);
    return times[((count - 1) * percent + 50) / 100];
}

static TimeNs wanted(PlayoutDelay *delay)
{
    TimeNs waits[PLAYOUT_SLOTS], gaps[PLAYOUT_SLOTS];
    uint32_t count = delay->count < PLAYOUT_SLOTS ? delay->count : PLAYOUT_SLOTS;
    TimeNs fastest = TIME_FOREVER;
    for (uint32_t i = 0; i < count; i++) {
        const PlayoutSlot *slot = &delay->slots[i];
        waits[i] = slot->wait;
        gaps[i] = slot->gap;
        fastest = slot->delay < fastest ? slot->delay : fastest;
    }
    TimeNs gap = quantile(gaps, count, 50);
    if (count >= SLOTS_LEAST) {
        delay->interval = gap > INTERVAL_MIN ? gap : INTERVAL_MIN;
    }
    TimeNs wait = quantile(waits, count, QUANTILE) + MARGIN;
    TimeNs most = delay->nominal * 6 > delay->interval * 3 ? delay->nominal * 6 : delay->interval * 3;
    TimeNs least = fastest + delay->interval * 3 / 2;
    most = fastest + (most < DELAY_MAX ? most : DELAY_MAX);
    return wait < least && least < most ? least : wait > most ? most : wait;
}

TimeNs playout_delay_arrival(PlayoutDelay *delay, const PlayoutArrival *arrival)
{
    if (says_something(delay, arrival) || delay->count == 0) {
        note(delay, arrival);
    }
    delay->moving = arrival->moved;
    return wanted(delay);
}
