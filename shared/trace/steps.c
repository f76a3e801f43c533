#include "shared/trace/steps.h"

/* Where `step` stands or belongs among the first `count` sorted steps. */
static size_t sorted_place(const StepWindow *window, size_t count, TimeNs step)
{
    size_t place = 0;
    while (place < count && window->sorted[place] < step) {
        place++;
    }
    return place;
}

void step_window_add(StepWindow *window, TimeNs step)
{
    TimeNs oldest = window->ring[window->next];
    window->ring[window->next] = step;
    window->next = (uint8_t)((window->next + 1) % STEPS_WINDOW);
    size_t count = window->count;
    if (count == STEPS_WINDOW) {
        if (oldest == step) {
            return; /* the usual case: the sorted steps stay as they are */
        }
        size_t hole = sorted_place(window, count, oldest);
        count--;
        memmove(&window->sorted[hole], &window->sorted[hole + 1], (count - hole) * sizeof(TimeNs));
    }
    size_t place = sorted_place(window, count, step);
    memmove(&window->sorted[place + 1], &window->sorted[place], (count - place) * sizeof(TimeNs));
    window->sorted[place] = step;
    window->count = (uint8_t)(count + 1);
}

TimeNs step_window_median(const StepWindow *window)
{
    return window->count < STEPS_WARMUP ? 0 : window->sorted[(window->count - 1) / 2];
}

TimeNs step_between(TimeNs earlier, TimeNs later)
{
    uint64_t step = (uint64_t)later - (uint64_t)earlier;
    return step > INT64_MAX ? INT64_MAX : (TimeNs)step;
}

bool steps_far_back(TimeNs latest, TimeNs time)
{
    return latest != TIME_NONE && time < latest && step_between(time, latest) > CLOCK_RESET_STEP;
}

void series_init(TraceSeries *series, TimeNs period)
{
    *series = (TraceSeries){
        .first_time = TIME_NONE, .last_time = TIME_NONE, .latest_time = TIME_NONE, .period = period
    };
}

static void follow_clock(TraceSeries *series, TimeNs time, TraceCounters *counters)
{
    if (!steps_far_back(series->latest_time, time)) {
        series->latest_time = time > series->latest_time ? time : series->latest_time;
        series->back_count = 0;
        return;
    }
    if (series->back_count == 0 || time < series->back_time) {
        series->back_count = 1;
    } else if (time > series->back_time) {
        series->back_count++;
    }
    series->back_time = time;
    if (series->back_count == CLOCK_RESET_COUNT) {
        series->latest_time = time;
        series->back_count = 0;
        series->clock_resets++;
        counters->clock_resets++;
    }
}

static void add_step(TraceSeries *series, StepWindow *window, TimeNs step, TraceCounters *counters)
{
    if (window) {
        series->period = step_window_median(window);
        step_window_add(window, step);
    }
    series->steps++;
    if (series->shortest_step == 0 || step < series->shortest_step) {
        series->shortest_step = step;
    }
    if (step > series->longest_step) {
        series->longest_step = step;
    }
    TimeNs period = series->period;
    if (period == 0) {
        return;
    }
    TimeNs off = step > period ? step - period : period - step;
    if (step > period && off > period) {
        series->gaps++;
        counters->gaps++;
        if (step > series->largest_gap) {
            series->largest_gap = step;
        }
        if (step > counters->largest_gap) {
            counters->largest_gap = step;
        }
    } else if (off > period / 100) {
        series->jittered++;
        counters->jittered++;
    }
}

void series_add(TraceSeries *series, StepWindow *window, TimeNs time, TraceCounters *counters)
{
    if (series->first_time == TIME_NONE) {
        series->first_time = time;
    } else if (series->last_time != TIME_NONE && time > series->last_time) {
        add_step(series, window, step_between(series->last_time, time), counters);
    }
    series->last_time = time;
    follow_clock(series, time, counters);
}

void series_restart(TraceSeries *series)
{
    series->last_time = TIME_NONE;
    series->latest_time = TIME_NONE;
    series->back_count = 0;
}
