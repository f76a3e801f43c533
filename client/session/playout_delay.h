/* playout_delay.h - how far behind the server's clock the picture has to run, so that something newer than
 * what is shown is at hand nearly always. Measured, not assumed: snapshots come at the rate the server and
 * the link make of it, late by the network's jitter, and some not at all. While nothing moves and none come
 * there is nothing to be late for, and nothing is measured. Pure; one owner. */
#ifndef CLIENT_SESSION_PLAYOUT_DELAY_H
#define CLIENT_SESSION_PLAYOUT_DELAY_H
#include "shared/base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define PLAYOUT_SLOTS 128u               /* that the delay is measured from ... */
#define PLAYOUT_SLOT  (TIME_SECOND / 30) /* ... each of so much time, or of one arrival that took longer */

/* The worst of the arrivals in one slot. */
typedef struct PlayoutSlot {
    TimeNs wait;  /* server clock at an arrival − time of the newest snapshot before it */
    TimeNs gap;   /* time of the snapshot − time of the newest before it */
    TimeNs delay; /* the least: server clock at an arrival − time of that snapshot */
} PlayoutSlot;

typedef struct PlayoutDelay {
    TimeNs nominal;                   /* between snapshots, as the server announced */
    TimeNs interval;                  /* between snapshots, as they come: the median of the slots' gaps */
    PlayoutSlot slots[PLAYOUT_SLOTS]; /* a ring */
    uint32_t count;                   /* slots ever */
    TimeNs slot_began;
    bool moving; /* the last snapshot showed motion */
} PlayoutDelay;

/* What a snapshot newer than all before says of the stream. */
typedef struct PlayoutArrival {
    TimeNs before;      /* time of the newest snapshot until now */
    TimeNs server_time; /* time of this one, > before */
    TimeNs server_now;  /* the server's clock when it came */
    bool lost;          /* snapshots between the two are missing */
    bool moved;         /* somebody is not where the one before had them */
} PlayoutArrival;

void playout_delay_init(PlayoutDelay *delay, TimeNs nominal_interval);

/* Takes an arrival; returns the delay wanted from now on: what would have had a newer snapshot at hand at 97
 * % of all times, at least 1.5 intervals above the fastest arrival, at most 6 nominal ones or 3 as they are,
 * never above a second. */
TimeNs playout_delay_arrival(PlayoutDelay *delay, const PlayoutArrival *arrival);

#endif
