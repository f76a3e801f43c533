#include "server/twin/replay_feed.h"

#include "shared/base/log.h"
#include "shared/trace/steps.h"

#include <math.h>
#include <stdlib.h>

typedef struct Replay {
    CsvReader *reader; /* borrowed */
    bool loop;
    TimeNs start_offset;
    double speed;
    bool paused;

    TraceSample next; /* read ahead by one: what is not due yet */
    bool has_next;
    bool at_end;    /* the reader has given its last row */
    TimeNs end_now; /* monotonic time of the poll that met the end */
    Status failure; /* of reading ahead; told by the next poll */
    bool started;   /* the first poll has happened */
    uint32_t loops;
    bool told_refused; /* the first refused row has been logged; the others are only counted */
    bool set_back;     /* `next` is the first sample after the clock was set back */

    /* Cursor: at monotonic anchor_now the replay stood at source time anchor_source. */
    TimeNs anchor_now, anchor_source;
    TimeNs latest; /* latest source time delivered since the (re)start; TIME_NONE: nothing */
    TimeNs clock;  /* as last reported; never steps back but at a restart */
} Replay;

static TimeNs later(TimeNs a, TimeNs b)
{
    return a > b ? a : b;
}

static TimeNs add_saturated(TimeNs a, TimeNs b)
{
    TimeNs sum;
    return __builtin_add_overflow(a, b, &sum) ? TIME_FOREVER - 1 : sum;
}

/* The source time that is due at monotonic `now`. */
static TimeNs cursor_at(const Replay *replay, TimeNs now)
{
    if (replay->paused || now <= replay->anchor_now) {
        return replay->anchor_source;
    }
    double advance = (double)(now - replay->anchor_now) * replay->speed;
    return add_saturated(replay->anchor_source, advance < 9e18 ? (TimeNs)advance : TIME_FOREVER);
}

static void set_cursor(Replay *replay, TimeNs now, TimeNs source)
{
    replay->anchor_now = now;
    replay->anchor_source = source;
}

/* Whoever feeds a flawed recording must learn where it is flawed, once, not a million times. */
static void tell_first_refused(Replay *replay)
{
    const Diag *first = replay->told_refused ? NULL : csv_reader_first_error(replay->reader);
    if (first != NULL) {
        char text[800];
        replay->told_refused = true;
        log_warning("replay", "%s (a row or value refused; further ones are counted)",
                    diag_format(first, text, sizeof text));
    }
}

static Status read_ahead(Replay *replay, TimeNs now, Diag *diag)
{
    uint64_t resets = csv_reader_counters(replay->reader)->clock_resets;
    Status status = csv_reader_next(replay->reader, &replay->next, diag);
    tell_first_refused(replay);
    replay->has_next = status == STATUS_OK;
    /* Every column of a row finds the reset for itself; the first of them has already set us back. */
    replay->set_back = replay->has_next && csv_reader_counters(replay->reader)->clock_resets != resets &&
                       steps_far_back(replay->latest, replay->next.source_time);
    if (status == STATUS_END) {
        replay->at_end = true;
        replay->end_now = now;
        return STATUS_OK;
    }
    return status;
}

/* Failures while playing have no caller who could show a Diag, so the reason is logged here, once. `diag` is
 * the caller's, who has one for many samples. */
static Status read_ahead_logged(Replay *replay, TimeNs now, Diag *diag)
{
    Status status = read_ahead(replay, now, diag);
    if (status != STATUS_OK) {
        char text[800];
        log_error("replay", "the trace cannot be read on: %s (%s)", diag_format(diag, text, sizeof text),
                  status_text(status));
    }
    return status;
}

static Status begin_again(Replay *replay, TimeNs now)
{
    Diag diag = { 0 };
    Status status = csv_reader_rewind(replay->reader);
    if (status != STATUS_OK) {
        log_error("replay", "the trace cannot be rewound: %s", status_text(status));
        return status;
    }
    replay->at_end = false;
    status = read_ahead_logged(replay, now, &diag);
    if (status != STATUS_OK) {
        return status;
    }
    replay->loops++;
    replay->latest = TIME_NONE;
    replay->clock = TIME_NONE;
    set_cursor(replay, now, replay->has_next ? replay->next.source_time : replay->anchor_source);
    return STATUS_OK;
}

/* The last values stay for at least one poll, so nothing of a trace is skipped however fast it plays. */
static bool should_begin_again(const Replay *replay, TimeNs now)
{
    return replay->loop && replay->at_end && now > replay->end_now && cursor_at(replay, now) > replay->latest;
}

/* Goes on from the time to which the clock was set. */
static void follow_set_back(Replay *replay, TimeNs now)
{
    replay->set_back = false;
    replay->latest = TIME_NONE;
    replay->clock = TIME_NONE;
    set_cursor(replay, now, replay->next.source_time);
}

/* Where the next sample is so far ahead that nobody would live to see it, time leaps there. */
static void leap_gap(Replay *replay, TimeNs now)
{
    TimeNs due = cursor_at(replay, now);
    if (!replay->paused && replay->has_next && replay->next.source_time > due &&
        step_between(due, replay->next.source_time) > REPLAY_GAP_MAX) {
        set_cursor(replay, now, replay->next.source_time);
    }
}

/* Sets the clock and tells how far it is behind `due`. A sample that is due but does not fit holds the clock
 * just below its own time, so that "everything up to the clock has been delivered" stays true. */
static TimeNs settle_clock(Replay *replay, TimeNs due)
{
    TimeNs clock = due;
    TimeNs behind = 0;
    bool waiting = replay->has_next && replay->next.source_time <= due;
    if (waiting && !replay->set_back) { /* after a set-back what waits belongs to a new count of time */
        clock = replay->next.source_time - 1;
        behind = step_between(later(clock, replay->clock), due);
    } else if (replay->set_back || replay->at_end) {
        clock = replay->latest;
    }
    replay->clock = later(replay->clock, clock);
    return behind;
}

static Status poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity, size_t *out_count,
                   FeedStatus *out_status)
{
    Replay *replay = context;
    if (replay->failure != STATUS_OK) {
        return replay->failure;
    }
    if (!replay->started) {
        replay->started = true;
        set_cursor(replay, now, add_saturated(replay->next.source_time, replay->start_offset));
    }
    bool restarted = false;
    if (should_begin_again(replay, now)) {
        replay->failure = begin_again(replay, now);
        if (replay->failure != STATUS_OK) {
            return replay->failure;
        }
        restarted = true;
    }
    bool set_back = replay->set_back && capacity > 0;
    if (set_back) {
        follow_set_back(replay, now);
    }
    leap_gap(replay, now);
    TimeNs due = cursor_at(replay, now);
    TimeNs source_time_set = set_back ? replay->next.source_time : TIME_NONE;
    size_t count = 0;
    Diag diag = { 0 };
    while (count < capacity && replay->has_next && replay->next.source_time <= due && !replay->set_back) {
        out_samples[count++] = replay->next;
        replay->latest = later(replay->latest, replay->next.source_time);
        replay->failure = read_ahead_logged(replay, now, &diag);
    }
    TimeNs behind = settle_clock(replay, due);
    *out_count = count;
    *out_status = (FeedStatus){ .source_clock = replay->clock,
                                .restarted = restarted,
                                .set_back = set_back,
                                .source_time_set = source_time_set,
                                .ended = replay->at_end && !replay->loop,
                                .behind = behind,
                                .loops = replay->loops };
    return STATUS_OK;
}

static void set_speed(void *context, TimeNs now, double speed)
{
    Replay *replay = context;
    if (!(speed >= REPLAY_SPEED_MIN)) { /* a NaN too */
        speed = REPLAY_SPEED_MIN;
    } else if (speed > REPLAY_SPEED_MAX) {
        speed = REPLAY_SPEED_MAX;
    }
    if (replay->started) {
        set_cursor(replay, now, cursor_at(replay, now));
    }
    replay->speed = speed;
}

static void set_paused(void *context, TimeNs now, bool paused)
{
    Replay *replay = context;
    if (replay->started) {
        set_cursor(replay, now, cursor_at(replay, now));
    }
    replay->paused = paused;
}

/* When the cursor will stand at `source`. */
static TimeNs due_at(const Replay *replay, TimeNs source)
{
    TimeNs ahead;
    if (source <= replay->anchor_source) {
        return replay->anchor_now;
    }
    if (replay->paused || __builtin_sub_overflow(source, replay->anchor_source, &ahead)) {
        return TIME_FOREVER;
    }
    double wait = ceil((double)ahead / replay->speed);
    return wait < 9e18 ? add_saturated(replay->anchor_now, (TimeNs)wait) : TIME_FOREVER;
}

static TimeNs next_due(const void *context)
{
    const Replay *replay = context;
    if (replay->failure != STATUS_OK || !replay->started || replay->set_back) {
        return TIME_NONE;
    }
    if (replay->has_next) {
        TimeNs cursor = later(replay->anchor_source, replay->latest);
        bool gap = replay->next.source_time > cursor &&
                   step_between(cursor, replay->next.source_time) > REPLAY_GAP_MAX;
        return gap && !replay->paused ? TIME_NONE : due_at(replay, replay->next.source_time);
    }
    return replay->loop
               ? later(due_at(replay, add_saturated(replay->latest, 1)), add_saturated(replay->end_now, 1))
               : TIME_FOREVER;
}

static const TraceCounters *counters(const void *context)
{
    const Replay *replay = context;
    return csv_reader_counters(replay->reader);
}

static void destroy(void *context)
{
    free(context);
}

static const FeedOps replay_ops = {
    .poll = poll,
    .set_speed = set_speed,
    .set_paused = set_paused,
    .next_due = next_due,
    .counters = counters,
    .destroy = destroy,
};

Status replay_feed_create(const ReplayConfig *config, CsvReader *reader, Feed *out_feed, Diag *diag)
{
    double speed = config->speed == 0 ? 1 : config->speed;
    if (!(speed >= REPLAY_SPEED_MIN && speed <= REPLAY_SPEED_MAX)) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0, "replay speed %g is not within %g..%g", speed,
                        REPLAY_SPEED_MIN, REPLAY_SPEED_MAX);
    }
    if (config->start_offset < 0) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0, "the start offset is negative");
    }
    Replay *replay = malloc(sizeof *replay);
    if (replay == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a replay feed");
    }
    *replay = (Replay){ .reader = reader,
                        .loop = config->loop,
                        .start_offset = config->start_offset,
                        .speed = speed,
                        .paused = config->paused,
                        .latest = TIME_NONE,
                        .clock = TIME_NONE };
    Status status = read_ahead(replay, TIME_NONE, diag);
    if (status == STATUS_OK && !replay->has_next) {
        const Diag *first = csv_reader_first_error(reader);
        status = first == NULL ? diag_set(diag, STATUS_END, "", 0, "the trace has no row that can be used")
                               : diag_set(diag, STATUS_END, first->path, first->line,
                                          "the trace has no row that can be used; the first was refused: %s",
                                          first->text);
    }
    if (status != STATUS_OK) {
        free(replay);
        return status;
    }
    *out_feed = (Feed){ .ops = &replay_ops, .context = replay };
    return STATUS_OK;
}
