/* bus_frame.h - the packets of a bus between processes, over a Transport. Pure. Numbers are little-endian; a
 * name or text is one byte with its length and the bytes.
 * Channel 0, reliable:
 * - HELLO 1: u16 version, u8 system kind, name. The first packet of an endpoint
 * - WELCOME 2: u16 version, name of the hub. The answer, or
 * - REFUSED 3: text. The connection ends
 * - MESSAGE 4: u8 family id, u64 correlation, name of the subject (may be empty), the body
 * Channel 1, reliable:
 * - SYNC 5: u8 family id, u32 fingerprint of the schema, name of the twin system, a frame of sync_codec.h */
#ifndef SHARED_SYSTEMS_BUS_FRAME_H
#define SHARED_SYSTEMS_BUS_FRAME_H
#include "shared/systems/bus.h"

#define BUS_NET_VERSION      1u
#define BUS_CHANNEL_CONTROL  0
#define BUS_CHANNEL_SYNC     1
#define BUS_FRAME_HEADER_MAX 512 /* whatever comes before a body or a SYNC frame */
#define BUS_REASON_SIZE      256

typedef enum BusFrameType {
    BUS_FRAME_HELLO = 1,
    BUS_FRAME_WELCOME,
    BUS_FRAME_REFUSED,
    BUS_FRAME_MESSAGE,
    BUS_FRAME_SYNC
} BusFrameType;

/* The members of other types are zero. */
typedef struct BusFrame {
    BusFrameType type;
    uint16_t version;
    SystemKind kind;
    char name[SYSTEM_NAME_SIZE]; /* HELLO, WELCOME; subject of MESSAGE and SYNC */
    char reason[BUS_REASON_SIZE];
    FamilyId id;
    uint64_t correlation;
    uint32_t schema;
    Bytes rest; /* body, or frame of sync_codec.h */
} BusFrame;

/* Writes all but `rest`; returns the size, at most BUS_FRAME_HEADER_MAX. A reason is cut and cleaned to be a
 * text. */
size_t bus_frame_write(const BusFrame *frame, uint8_t out[BUS_FRAME_HEADER_MAX]);

/* Reads a packet (untrusted) that came on `channel`; `rest` is a view of it. STATUS_TRUNCATED,
 * STATUS_MALFORMED, STATUS_OUT_OF_RANGE (a body that is empty or beyond BUS_BODY_MAX); *out is unchanged
 * then. A HELLO of another version is read as far as that. */
NODISCARD Status bus_frame_parse(Bytes bytes, uint8_t channel, BusFrame *out);

#endif
