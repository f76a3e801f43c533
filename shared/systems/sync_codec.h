/* sync_codec.h - the bytes of a SYNC message between processes. Inside one process a SyncBatch passes as it
 * is. Pure.
 *
 *   varint: 7 bits a byte, lowest first, the top bit says that more follows; one code a value, 10 bytes at
 *   most. zigzag: 0, -1, 1, -2 … as varints of 0, 1, 2, 3 …
 *
 *   byte    1 (format)
 *   byte    flags: 1 restarted, 2 snapshot, 4 source_clock is there, 8 more of this batch follows
 *   zigzag  source_clock, ns (flag 4)
 *   varint  number of samples, then each:
 *     zigzag  thing - thing of the sample before (0 at first)
 *     byte    property | quality << 4
 *     zigzag  sequence - (the last one of this thing here, else the last of any, + 1), modulo 2^32
 *     zigzag  source time - that of the sample before (source_clock at first, 0 when there is none), ns; not
 * with quality NONE value by the property: STEPS zigzag code; EXACT 8 bytes, little-endian; BOOLEAN one byte
 * 0 or 1; ENUM varint index; TEXT varint length (≤ 255) and UTF-8 without control characters; nothing with
 * quality NONE
 */
#ifndef SHARED_SYSTEMS_SYNC_CODEC_H
#define SHARED_SYSTEMS_SYNC_CODEC_H
#include "shared/base/bytes.h"
#include "shared/model/world.h"
#include "shared/systems/sync.h"

/* What the samples of one twin system refer to. Borrowed. */
struct SyncSchema {
    const Thing *things; /* in the order published */
    uint32_t thing_count;
    TextTable *texts; /* codes of TEXT properties; NULL: there are none, texts that come are "?" */
};

#endif
