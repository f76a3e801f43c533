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

/* Takes the first sample's time plus start_offset as the source clock at the first poll. Equal time stamps
 * are delivered in file order in one poll; a backward row is due at once and the source clock never steps
 * back; gaps are waited out at `speed`. `reader` is borrowed. STATUS_OUT_OF_RANGE (speed), STATUS_END (no
 * usable row), STATUS_OUT_OF_MEMORY, and csv_reader_next's with `diag`. The caller owns *out_feed
 * (ops->destroy). */
NODISCARD Status replay_feed_create(const ReplayConfig *config, CsvReader *reader, Feed *out_feed,
                                    Diag *diag);

#endif
