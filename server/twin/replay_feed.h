/* replay_feed.h - plays a recorded trace against the clock. Pure: the reader is given. */
#ifndef SERVER_TWIN_REPLAY_FEED_H
#define SERVER_TWIN_REPLAY_FEED_H
#include "server/twin/feed.h"
#include "shared/trace/csv_reader.h"

typedef struct ReplayConfig {
    double speed;        /* 0.1..1000 source seconds a second; 0: 1 */
    bool loop;           /* after the last row begin again, with restarted set */
    TimeNs start_offset; /* source time skipped at the start: samples before it are applied at once */
    bool paused;
} ReplayConfig;

#define REPLAY_SPEED_MIN 0.1
#define REPLAY_SPEED_MAX 1000.0
#define REPLAY_GAP_MAX   (30 * 24 * 60 * TIME_MINUTE)

/* Takes the first sample's time plus start_offset as the source clock at the first poll. Equal time stamps
 * are delivered in file order in one poll; a backward row is due as soon as the row before it and the source
 * clock never steps back but at a restart or a clock reset; gaps are waited out at `speed`, those longer than
 * REPLAY_GAP_MAX are leapt over (nobody waits for a month, and a stamp far in the future must not stop the
 * trace). When the reader finds that a property's clock was set back for good (steps.h) and the replay stands
 * more than CLOCK_RESET_STEP after that sample, it goes on from the sample's time, with set_back. After the
 * last row the source clock stays at the latest time; with `loop` the poll after the one that delivered the
 * last row begins again from the first row (start_offset counts once), at most once a poll. `reader` is
 * borrowed and has not been read from. STATUS_OUT_OF_RANGE (speed, negative offset), STATUS_END (no usable
 * row), STATUS_OUT_OF_MEMORY, and csv_reader_next's, with `diag`. The caller owns *out_feed (ops->destroy).
 */
NODISCARD Status replay_feed_create(const ReplayConfig *config, CsvReader *reader, Feed *out_feed,
                                    Diag *diag);

#endif
