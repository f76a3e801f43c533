/* replication.h - the inside of replication: how the metaverse system tells each client what it sees of the
 * world. Included by server/metaverse only.
 *
 *   cells.c       cuts the world into cells and gives a cell a new version when something in it has changed
 *   encodings.c   the codes of a cell against what clients have: a few, shared by whoever can read them
 *   interest.c    which cells a client is told
 *   outbox.c      packets to one client: what is due, what fits, what has arrived
 *   replication.c a tick, in order
 */
#ifndef SERVER_METAVERSE_REPLICATION_H
#define SERVER_METAVERSE_REPLICATION_H
#include "server/metaverse/link.h"
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/wire/cell_history.h"
#include "shared/wire/snapshot_packet.h"

#include <stdbool.h>

#define SQUARE_MARGIN 0.1 /* of a square's side that somebody may be outside of it and still belong to it */
#define NO_CELL       UINT32_MAX
#define TWINS_PER_CELL                                                                   \
    256 /* most in one cell; what a lost packet costs grows with it, what it takes falls \
         */
#define AVATARS_PER_CELL 64
#define PACKET_NOTES     64   /* packets to one client that may be acknowledged; a power of two */
#define RECORD_NOTES     512  /* and their records; a power of two */
#define PACKET_BODY      1280 /* bytes of records and head that go in one datagram */

/* ---- cells ---- */

/* A square of the ground, or the whole world where everyone sees everything. */
typedef struct Square {
    int32_t x, z;
} Square;

typedef struct Cell {
    Square square;
    bool used;
    bool avatars;          /* of people, else of twins */
    bool dirty;            /* something may have changed since the newest version */
    uint32_t next;         /* in the same bucket of the map of squares, or free list; NO_CELL: last */
    uint32_t first, count; /* twins: in Cells.things; people: count only */
    uint16_t head;         /* people: list by Session.next_in_cell, ascending */
    uint32_t links;        /* clients that are told of it */
    CellHistory history;
} Cell;

typedef struct Cells {
    Cell *cells;
    uint32_t capacity, used; /* used: ids below it have been in use */
    uint32_t free;           /* list of freed ids */
    uint32_t *buckets;       /* squares by hash */
    uint32_t bucket_count;   /* a power of two */
    uint32_t *newest;        /* by cell: sequence of its newest version; 0: none, or not in use */
    uint32_t changed;        /* sequence at which any cell got a version last */
    uint32_t *things;        /* by cell, ascending */
    uint32_t *cell_of_thing;
    double side_m; /* of a square; 0: one square is the world */
    SnapshotStore *store;
    Snapshot scratch;  /* the version in the making */
    uint32_t overflow; /* people who could not get into a cell of their own square */
} Cells;

/* ---- one client ---- */

/* One cell, as one client is told it. */
typedef struct CellLink {
    uint32_t cell;     /* NO_CELL: a free place */
    uint32_t acked;    /* newest version it has; 0: none */
    uint64_t mask;     /* bit i: it has version acked - 1 - i */
    uint32_t sent;     /* newest version sent; 0: none since it has none */
    uint32_t packet;   /* in which packet that was */
    uint32_t opened;   /* packets before this number say nothing about this link */
    uint32_t waiting;  /* grows while something is due, by weight */
    uint16_t versions; /* sent, ever; wraps */
    uint16_t acked_at; /* `versions` when `acked` was sent */
    uint8_t weight;
    bool told;    /* the client may have something of it */
    bool closing; /* to be told that it is told no more */
} CellLink;

/* What was in a packet. */
typedef struct PacketNote {
    uint32_t number; /* 0: none */
    uint32_t sequence;
    TimeNs at;
    uint32_t first, count; /* in Outbox.records, running */
    bool arrived;
} PacketNote;

typedef struct RecordNote {
    uint32_t cell, version; /* version 0: closed */
    uint16_t link, versions;
} RecordNote;

typedef struct Outbox {
    CellLink *links;
    uint32_t link_count; /* places in use are below */
    PacketNote packets[PACKET_NOTES];
    RecordNote records[RECORD_NOTES];
    uint32_t number;       /* of the newest packet; 0: none yet */
    uint32_t record_count; /* ever; wraps */
    uint32_t arrived;      /* newest packet acknowledged; 0: none */
    uint32_t told;         /* as `arrived`, and the mask with it: what was acknowledged is looked at once */
    uint32_t told_mask;
    bool every;         /* it acknowledges packets of odd frames at once, too */
    uint32_t frame;     /* newest frame it has; 0: none */
    TimeNs heard;       /* when `arrived` was acknowledged, or the session began */
    Link link;          /* how much may go */
    bool limited;       /* more was due last time than that */
    bool several;       /* packets were needed last time */
    uint32_t missing;   /* links of which nothing has arrived yet */
    uint32_t unsettled; /* of the links that something was due for when something was sent last: not
                           acknowledged since */
    uint32_t reviewed;  /* sequence at which its interest was looked at last; 0: never */
    bool looked;        /* the squares around it, from looked_from; false: to be done again */
    float looked_from[3];
    uint32_t listed; /* Cells.changed when what is due was looked for last; 0: look again */
} Outbox;

/* ---- encodings ---- */

#define CELL_CODES 8u /* of one version of a cell, against different baselines */

/* A code of a cell's newest version, and the versions that it is told from; 0: none. */
typedef struct CellCode {
    uint32_t baseline, recent, old;
    uint32_t at, size; /* in Encodings.bytes */
} CellCode;

/* The codes that there are of one cell. Those of a version told at a later tick than its own are other ones
 * than those of its own tick, and the same at every later tick. */
typedef struct CellCodes {
    uint32_t stamp;   /* of Encodings.stamp: else there are none */
    uint32_t version; /* sequence of the version told */
    bool late;        /* at a later tick than that */
    uint8_t count;    /* of `codes` in use */
    uint8_t next;     /* which one gives way when there are too many */
    CellCode codes[CELL_CODES];
} CellCodes;

typedef struct Encodings {
    CellCodes *cells; /* by cell */
    uint32_t stamp;   /* changes when all codes are dropped */
    ByteBuffer bytes;
    ByteBuffer code; /* the one in the making */
} Encodings;

#endif
