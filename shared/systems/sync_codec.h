/* sync_codec.h - the bytes of a SYNC message between processes. Inside one process a SyncBatch passes as it
 * is. Pure.
 *
 * A frame:
 * - byte: format, 1
 * - byte: flags, the SYNC_FLAG_ values
 * - zigzag: source_clock in ns, with SYNC_FLAG_CLOCK only
 * - samples up to the end, each:
 *   - zigzag: thing, less that of the sample before (0 at first)
 *   - byte: property | quality << 4
 *   - zigzag: sequence, less that of the sample before (0 at first), less 1 when the thing is the same; as
 *     int32, modulo 2^32
 *   - without quality NONE: zigzag: source time in ns, less that of the last sample that had one; less
 *     source_clock at first, or 0 without it; modulo 2^64
 *   - without quality NONE: the value; STEPS zigzag code; EXACT 8 bytes, little-endian; BOOLEAN a byte 0 or
 *     1; ENUM varint index; TEXT a byte with the length, and UTF-8 without control characters
 * varint: 7 bits a byte, lowest first, the top bit says that more follow; as short as can be. zigzag: 0, -1,
 * 1, -2 … as varints of 0, 1, 2, 3 … */
#ifndef SHARED_SYSTEMS_SYNC_CODEC_H
#define SHARED_SYSTEMS_SYNC_CODEC_H
#include "shared/base/bytes.h"
#include "shared/model/world.h"
#include "shared/systems/sync.h"

#define SYNC_FORMAT          1
#define SYNC_FLAG_RESTARTED  1u
#define SYNC_FLAG_SNAPSHOT   2u
#define SYNC_FLAG_CLOCK      4u
#define SYNC_FLAG_MORE       8u  /* the batch goes on in the next frame */
#define SYNC_FLAG_CONTINUED  16u /* the batch began in a frame before */
#define SYNC_SAMPLE_SIZE_MIN 3
#define SYNC_FRAME_SIZE_MIN  512 /* room enough for the header and any one sample */

/* What the samples of one twin system refer to. Borrowed. */
struct SyncSchema {
    const Thing *things; /* in the order published */
    uint32_t thing_count;
    TextTable *texts; /* of the codes of TEXT properties; NULL: they are all "?" */
};

/* Writes one frame with as many samples from number *first on as `capacity` (≥ SYNC_FRAME_SIZE_MIN) bytes at
 * `out` have room for, and counts *first and sets *out_size. When *first < batch->count then, the rest goes
 * into further frames. A GOOD value that its property cannot have goes out as BAD. STATUS_OUT_OF_RANGE: a
 * sample is of no thing or property of the schema, or has no quality or time that there is; nothing counts
 * then. */
NODISCARD Status sync_encode(const SyncSchema *schema, const SyncBatch *batch, size_t *first, uint8_t *out,
                             size_t capacity, size_t *out_size);

typedef struct SyncFrame {
    bool restarted, snapshot, more, continued;
    TimeNs source_clock; /* TIME_NONE when it has none */
} SyncFrame;

/* Reads one frame (untrusted), puts its samples behind the *count that are at `samples` already and counts
 * them. On failure *count and *out_frame are unchanged: STATUS_TRUNCATED, STATUS_MALFORMED,
 * STATUS_OUT_OF_RANGE (what the schema does not have; a GOOD value that its property cannot have),
 * STATUS_UNSUPPORTED (format), STATUS_CAPACITY (more samples than `capacity`). A text for which the table has
 * no room is "?". */
NODISCARD Status sync_decode(const SyncSchema *schema, Bytes bytes, SyncSample *samples, size_t capacity,
                             size_t *count, SyncFrame *out_frame);

#endif
