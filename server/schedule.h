/* schedule.h - when the server does what: receive, sense, step the avatars, tell the clients.
 * With ticks everything happens at fixed times, and a stall is made up for by a few ticks in a row. Tickless,
 * samples are sensed when their feed has them and told at once, or, when something has just been told,
 * together with what else comes until `deadline`; avatars step at the same rate as ever, and are told at the
 * snapshot rate while anybody moves. When nothing changes only the clock is told, twice a second. A process
 * that has no clients and passes on what comes does so when it comes, with or without ticks: else each system
 * on the way of a sample would add its own tick. Pure: time is a parameter; one owner. */
#ifndef SERVER_SCHEDULE_H
#define SERVER_SCHEDULE_H
#include "shared/base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_CATCH_UP_MAX  5                 /* ticks made up for after a stall; what is more is let go */
#define SCHEDULE_RECEIVE_MIN   (2 * TIME_MS)     /* the network is looked at this often at most ... */
#define SCHEDULE_RECEIVE_MAX   (10 * TIME_MS)    /* ... and at least, for what the transport has to repeat */
#define SCHEDULE_RECEIVE_PAUSE 8                 /* or not before so many times what the last look took */
#define SCHEDULE_SENSE_PAUSE   (250 * TIME_US)   /* between two looks at feeds that have something */
#define SCHEDULE_RELAY_PAUSE   (250 * TIME_US)   /* of the network, where nothing is told to clients */
#define SCHEDULE_KEEP_ALIVE    (TIME_SECOND / 2) /* tickless: between two words when nothing changes */
#define SCHEDULE_LAG_MOST      24u /* snapshots that a client may be behind before there are fewer of them */

typedef struct ScheduleConfig {
    uint16_t tick_rate_hz, snapshot_rate_hz; /* 0: 60, 30 */
    bool tickless;
    bool relays;     /* no clients here: whatever wakes the process is taken and passed on at once */
    TimeNs deadline; /* tickless: the longest that a change waits to be told with others; 0: 2 ms */
} ScheduleConfig;

/* What one call of the owner is to do, in this order. */
typedef struct ScheduleDue {
    bool receive;    /* look at the network */
    bool sense;      /* take what the feeds have */
    bool step;       /* move the avatars */
    TimeNs at;       /* the time to sense and step for: with ticks, when the tick was due */
    uint32_t missed; /* ticks let go just now */
} ScheduleDue;

/* What has come of it. */
typedef struct ScheduleNews {
    bool values;  /* something reported is not what clients were told */
    bool motion;  /* somebody has moved, come or gone */
    bool waiting; /* a client is not known to have the newest: it may have been lost */
    uint32_t lag; /* snapshots sent and not acknowledged, of the client that is most behind */
} ScheduleNews;

typedef struct Schedule {
    ScheduleConfig config;
    TimeNs step, snapshot; /* intervals */
    TimeNs next_step, received, sensed;
    TimeNs pause;        /* between looks at the network */
    TimeNs told;         /* when a snapshot was due last; TIME_NONE: never */
    TimeNs spacing;      /* tickless: between snapshots, at least */
    bool values, motion; /* changed since, and not told */
    uint32_t rate_left;  /* carries the fraction of snapshots a tick */
    bool ticked;         /* a step was due and its snapshot is not decided */
} Schedule;

void schedule_init(Schedule *schedule, const ScheduleConfig *config, TimeNs now);

/* What is due at `now`; `feed_due` is when a feed will have something (TIME_FOREVER: nobody knows). Counts as
 * done. */
ScheduleDue schedule_due(Schedule *schedule, TimeNs now, TimeNs feed_due);

/* After that was done: whether a snapshot is due at `now` (or, with ticks, at this tick). Counts as taken. */
bool schedule_snapshot(Schedule *schedule, TimeNs now, const ScheduleNews *news);

/* When schedule_due is to be called again at the latest; in the past when something is due already. */
TimeNs schedule_wake(const Schedule *schedule, TimeNs feed_due);

/* How long a look at the network took. */
void schedule_note_receive(Schedule *schedule, TimeNs duration);

/* Before this time nothing is gained by looking at the network. */
TimeNs schedule_receive_from(const Schedule *schedule);

#endif
