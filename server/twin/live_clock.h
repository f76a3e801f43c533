/* live_clock.h - the source clock of a feed that is live: no recording says what time it is "there", so it is
 * learned from the stamps of what arrives, and runs on by itself when nothing does, so that silence shows.
 * Pure: Unix time is a parameter. */
#ifndef SERVER_TWIN_LIVE_CLOCK_H
#define SERVER_TWIN_LIVE_CLOCK_H
#include "shared/base/time.h"

#include <stdbool.h>

#define LIVE_CLOCK_AHEAD    (10 * TIME_SECOND) /* stamps further ahead of arrival are of a clock set wrongly */
#define LIVE_CLOCK_WINDOW   (30 * TIME_SECOND)
#define LIVE_CLOCK_PATIENCE (5 * TIME_SECOND) /* with nothing live, our own clock is taken after so long */

/* The offset is the largest of (source − arrival) in the last one to two windows: the quickest way from the
 * newest clock. One device whose clock is far ahead does not make all others look old, unless all are. */
typedef struct LiveClock {
    TimeNs window_end; /* arrival time at which the younger window closes; TIME_NONE: none begun */
    TimeNs sane[2],
        ahead[2];         /* largest sane offset, smallest offset ahead; TIME_NONE: none. [0] is younger */
    TimeNs waiting_since; /* TIME_NONE: not waiting */
    TimeNs told;          /* never steps back but by live_clock_set_back */
} LiveClock;

void live_clock_init(LiveClock *clock);

/* A sample stamped `source` has come at `arrival`. Not for what is retained or historical. */
void live_clock_heard(LiveClock *clock, TimeNs source, TimeNs arrival);

/* The devices' clock was set back: the offsets from before are void. */
void live_clock_set_back(LiveClock *clock);

/* The source time at Unix time `now`; TIME_NONE while nothing is known. With `hold` (samples are waiting) it
 * stays where it was. */
TimeNs live_clock_read(LiveClock *clock, TimeNs now, bool hold);

#endif
