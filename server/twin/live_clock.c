#include "server/twin/live_clock.h"

static TimeNs difference(TimeNs a, TimeNs b)
{
    TimeNs result;
    if (__builtin_sub_overflow(a, b, &result)) {
        return a < b ? TIME_NONE + 1 : TIME_FOREVER;
    }
    return result == TIME_NONE ? TIME_NONE + 1 : result;
}

void live_clock_init(LiveClock *clock)
{
    *clock = (LiveClock){ .window_end = TIME_NONE,
                          .sane = { TIME_NONE, TIME_NONE },
                          .ahead = { TIME_NONE, TIME_NONE },
                          .waiting_since = TIME_NONE,
                          .told = TIME_NONE };
}

static void turn_windows(LiveClock *clock, TimeNs now)
{
    if (clock->window_end == TIME_NONE) {
        clock->window_end = now + LIVE_CLOCK_WINDOW;
        return;
    }
    if (now < clock->window_end) {
        return;
    }
    /* A silence keeps what was known: it is the last that was heard of that clock. */
    if (clock->sane[0] != TIME_NONE || clock->ahead[0] != TIME_NONE) {
        clock->sane[1] = clock->sane[0];
        clock->ahead[1] = clock->ahead[0];
        clock->sane[0] = clock->ahead[0] = TIME_NONE;
    }
    clock->window_end = now + LIVE_CLOCK_WINDOW;
}

void live_clock_heard(LiveClock *clock, TimeNs source, TimeNs arrival)
{
    TimeNs offset = difference(source, arrival);
    turn_windows(clock, arrival);
    if (offset <= LIVE_CLOCK_AHEAD) {
        clock->sane[0] = offset > clock->sane[0] ? offset : clock->sane[0];
    } else if (clock->ahead[0] == TIME_NONE || offset < clock->ahead[0]) {
        clock->ahead[0] = offset;
    }
}

void live_clock_set_back(LiveClock *clock)
{
    TimeNs since = clock->waiting_since;
    live_clock_init(clock);
    clock->waiting_since = since;
}

/* The offset in force, or TIME_NONE. */
static TimeNs offset_of(const LiveClock *clock)
{
    TimeNs sane = clock->sane[0] > clock->sane[1] ? clock->sane[0] : clock->sane[1];
    if (sane != TIME_NONE) {
        return sane;
    }
    if (clock->ahead[0] == TIME_NONE || clock->ahead[1] == TIME_NONE) {
        return clock->ahead[0] == TIME_NONE ? clock->ahead[1] : clock->ahead[0];
    }
    return clock->ahead[0] < clock->ahead[1] ? clock->ahead[0] : clock->ahead[1];
}

TimeNs live_clock_read(LiveClock *clock, TimeNs now, bool hold)
{
    TimeNs offset = offset_of(clock), read;
    if (offset == TIME_NONE) {
        if (clock->waiting_since == TIME_NONE) {
            clock->waiting_since = now;
        }
        if (difference(now, clock->waiting_since) < LIVE_CLOCK_PATIENCE) {
            return clock->told;
        }
        offset = 0;
    }
    if (!hold && !__builtin_add_overflow(now, offset, &read) && read > clock->told) {
        clock->told = read;
    }
    return clock->told;
}
