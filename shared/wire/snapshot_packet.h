/* snapshot_packet.h - what is inside a SNAPSHOT message: a head with the tick's clocks, then records, each
 * the new version of one cell. A client is sent its own choice of cells in packets numbered for it alone; the
 * records are the same bytes for everyone who has the same versions. Layout: shared/PROTOCOL.md, "Snapshots".
 * Pure. */
#ifndef SHARED_WIRE_SNAPSHOT_PACKET_H
#define SHARED_WIRE_SNAPSHOT_PACKET_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"
#include "shared/base/time.h"

#include <stdbool.h>

/* One tick of the server, as told with every packet. */
typedef struct SnapshotFrame {
    uint32_t sequence;   /* from 1, wraps and skips 0 */
    TimeNs server_time;  /* server's monotonic clock */
    TimeNs source_time;  /* source clock (replay cursor or wall clock); TIME_NONE: no feed */
    uint32_t text_count; /* texts that channels may refer to */
} SnapshotFrame;

#define FRAMES_KNOWN 256u /* frames that both ends remember, by sequence; a power of two */

typedef struct FrameRing {
    SnapshotFrame frames[FRAMES_KNOWN]; /* sequence 0: empty */
} FrameRing;

void frame_ring_put(FrameRing *ring, const SnapshotFrame *frame);

/* The frame with `sequence`, or NULL when it never came or another has its place. */
const SnapshotFrame *frame_ring_find(const FrameRing *ring, uint32_t sequence);

typedef struct PacketHead {
    uint32_t number;         /* of the packet: from 1, one more with every packet to this client; wraps */
    uint32_t input_sequence; /* newest input step that the client's avatar includes; 0: none */
    bool complete;           /* every cell that the client is told of has arrived before or is in here */
    SnapshotFrame frame;
} PacketHead;

#define PACKET_HEAD_MAX        64u /* bytes a head takes at most */
#define PACKET_RECORD_HEAD_MAX 15u /* and the head of a record */

/* Writes the head, its clocks told from those of `base` (NULL: from nothing), a frame that the client has
 * acknowledged and at most FRAMES_KNOWN / 2 sequences old. STATUS_CAPACITY. */
NODISCARD Status packet_head_encode(const PacketHead *head, const SnapshotFrame *base, ByteBuffer *out);

/* Reads the head of `body` (untrusted) with the frames in `known`; *out_records is what follows. TRUNCATED,
 * MALFORMED, OUT_OF_RANGE (number or sequence 0), NO_BASELINE (told from a frame that is not known). */
NODISCARD Status packet_head_decode(Bytes body, const FrameRing *known, PacketHead *out_head,
                                    Bytes *out_records);

/* The number and the sequence alone, for who does not follow the clocks. TRUNCATED, OUT_OF_RANGE. */
NODISCARD Status packet_peek(Bytes body, uint32_t *out_number, uint32_t *out_sequence);

typedef struct PacketRecord {
    uint32_t cell;
    bool closed;      /* the cell is no longer told to this client; nothing follows */
    uint32_t version; /* sequence of the tick at which the cell came to be as it is told here */
    Bytes code;       /* of snapshot_encode_with; sample times are told from the frame's source time when the
                         version is the frame's, from 0 otherwise */
} PacketRecord;

/* Writes `record` as told at `sequence`. STATUS_CAPACITY when it does not fit; nothing is then written. */
NODISCARD Status packet_record_encode(const PacketRecord *record, uint32_t sequence, ByteBuffer *out);

/* Takes the next record from the front of *records. STATUS_EMPTY at the end; TRUNCATED, OUT_OF_RANGE. */
NODISCARD Status packet_record_next(Bytes *records, uint32_t sequence, PacketRecord *out_record);

/* What sample times of `version` are told from in a packet of `frame`. */
static inline TimeNs packet_source_time(const SnapshotFrame *frame, uint32_t version)
{
    return version == frame->sequence ? frame->source_time : 0;
}

#endif
