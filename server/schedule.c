#include "server/schedule.h"

#define LAG_FEW     16u /* snapshots: with no more than this under way there may be more of them */
#define RELAY_SHARE 2   /* a relay pauses for so many times what the last look took */
#define DEADLINE    (2 * TIME_MS)
#define TICK_HZ     60
#define SNAPSHOT_HZ 30

static TimeNs earlier(TimeNs a, TimeNs b)
{
    return a < b ? a : b;
}

static TimeNs later(TimeNs a, TimeNs b)
{
    return a > b ? a : b;
}

static TimeNs least_pause(const Schedule *schedule)
{
    return schedule->config.relays ? SCHEDULE_RELAY_PAUSE : SCHEDULE_RECEIVE_MIN;
}

/* Whether feeds are looked at when they have something, not only at steps. */
static bool is_prompt(const Schedule *schedule)
{
    return schedule->config.tickless || schedule->config.relays;
}

/* A feed always has something under a flood: it is taken in heaps. */
static TimeNs sense_at(const Schedule *schedule, TimeNs feed_due)
{
    TimeNs pause = schedule->config.relays ? schedule->pause : SCHEDULE_SENSE_PAUSE;
    return later(feed_due, schedule->sensed + pause);
}

void schedule_init(Schedule *schedule, const ScheduleConfig *config, TimeNs now)
{
    *schedule = (Schedule){ .config = *config,
                            .next_step = now,
                            .received = now,
                            .sensed = now - SCHEDULE_SENSE_PAUSE,
                            .told = TIME_NONE };
    ScheduleConfig *own = &schedule->config;
    own->tick_rate_hz = own->tick_rate_hz > 0 ? own->tick_rate_hz : TICK_HZ;
    own->snapshot_rate_hz = own->snapshot_rate_hz > 0 ? own->snapshot_rate_hz : SNAPSHOT_HZ;
    own->deadline = own->deadline > 0 ? own->deadline : DEADLINE;
    schedule->step = TIME_SECOND / own->tick_rate_hz;
    schedule->snapshot = TIME_SECOND / own->snapshot_rate_hz;
    schedule->spacing = own->deadline;
    schedule->pause = least_pause(schedule);
    schedule->received -= schedule->pause;
}

/* The step that is due at `now`, and the next one. */
static bool take_step(Schedule *schedule, TimeNs now, ScheduleDue *due)
{
    if (now < schedule->next_step) {
        return false;
    }
    due->at = schedule->next_step;
    schedule->next_step += schedule->step;
    TimeNs late = (now - schedule->next_step) / schedule->step;
    if (late > SCHEDULE_CATCH_UP_MAX) {
        due->missed = (uint32_t)earlier(late - SCHEDULE_CATCH_UP_MAX, UINT32_MAX);
        schedule->next_step += (late - SCHEDULE_CATCH_UP_MAX) * schedule->step;
    }
    return true;
}

ScheduleDue schedule_due(Schedule *schedule, TimeNs now, TimeNs feed_due)
{
    ScheduleDue due = { .at = now };
    due.step = take_step(schedule, now, &due);
    due.receive = due.step || now >= schedule_receive_from(schedule);
    due.sense = due.step || (is_prompt(schedule) && now >= sense_at(schedule, feed_due)) ||
                (schedule->config.relays && due.receive);
    if (due.receive) {
        schedule->received = now;
    }
    if (due.sense) {
        schedule->sensed = now;
    }
    if (is_prompt(schedule)) {
        due.at = now;
    }
    schedule->ticked = due.step;
    return due;
}

/* Carries the remainder, so that any snapshot rate up to the tick rate comes out right on average. */
static bool is_snapshot_tick(Schedule *schedule)
{
    if (!schedule->ticked) {
        return false;
    }
    schedule->ticked = false;
    schedule->rate_left += schedule->config.snapshot_rate_hz;
    if (schedule->rate_left < schedule->config.tick_rate_hz) {
        return false;
    }
    schedule->rate_left -= schedule->config.tick_rate_hz;
    return true;
}

/* Both sides remember so and so many snapshots. A client far away is that many round trips behind; before it
 * is too many, there are fewer. */
static void set_spacing(Schedule *schedule, uint32_t lag)
{
    TimeNs most =
        schedule->snapshot > schedule->config.deadline ? schedule->snapshot : schedule->config.deadline;
    if (lag > SCHEDULE_LAG_MOST) {
        schedule->spacing = earlier(schedule->spacing + schedule->spacing / 8 + 1, most);
    } else if (lag < LAG_FEW) {
        TimeNs less = schedule->spacing - schedule->spacing / 64 - 1;
        schedule->spacing = less > schedule->config.deadline ? less : schedule->config.deadline;
    }
}

/* When a snapshot is due, whatever the ticks say. */
static TimeNs snapshot_at(const Schedule *schedule)
{
    if (schedule->told == TIME_NONE) {
        return TIME_NONE;
    }
    return schedule->told + (schedule->values ? schedule->spacing : SCHEDULE_KEEP_ALIVE);
}

bool schedule_snapshot(Schedule *schedule, TimeNs now, const ScheduleNews *news)
{
    bool tick = is_snapshot_tick(schedule);
    if (!schedule->config.tickless) {
        return tick;
    }
    schedule->values |= news->values;
    schedule->motion |= news->motion;
    /* People are told of right after a step, at the regular times: between, nobody has moved. */
    bool moved = tick && (schedule->motion || news->waiting);
    if (!moved && now < snapshot_at(schedule)) {
        return false;
    }
    set_spacing(schedule, news->lag);
    schedule->values = schedule->motion = false;
    schedule->told = now;
    return true;
}

TimeNs schedule_wake(const Schedule *schedule, TimeNs feed_due)
{
    TimeNs look = schedule->pause > SCHEDULE_RECEIVE_MAX ? schedule->pause : SCHEDULE_RECEIVE_MAX;
    TimeNs wake = earlier(schedule->next_step, schedule->received + look);
    if (is_prompt(schedule)) {
        wake = earlier(wake, sense_at(schedule, feed_due));
    }
    return schedule->config.tickless ? earlier(wake, snapshot_at(schedule)) : wake;
}

TimeNs schedule_receive_from(const Schedule *schedule)
{
    return schedule->received + schedule->pause;
}

void schedule_note_receive(Schedule *schedule, TimeNs duration)
{
    TimeNs share = schedule->config.relays ? RELAY_SHARE : SCHEDULE_RECEIVE_PAUSE;
    schedule->pause = later(earlier(duration, TIME_SECOND) * share, least_pause(schedule));
}
