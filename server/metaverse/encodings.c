#include "server/metaverse/state.h"

#include "shared/base/profile.h"

#define ENTITY_BYTES  48 /* more than one encoded entity takes, with room to spare */
#define CHANNEL_BYTES 32 /* and one channel */
#define BYTES_MIN     ((size_t)1 << 20)
#define CODE_MAX      (TWINS_PER_CELL * (ENTITY_BYTES + ENTITY_CHANNELS_MAX * CHANNEL_BYTES) + 256)

/* Room for `capacity` codes, a power of two, and `bytes` of them in a tick; beyond, codes are made again. */
Status encodings_create(Encodings *encodings, uint32_t cells, uint32_t capacity, size_t bytes, Arena *arena)
{
    bytes = bytes > BYTES_MIN ? bytes : BYTES_MIN;
    encodings->capacity = capacity;
    encodings->last = arena_new_array(arena, LastRecord, cells);
    encodings->table = arena_new_array(arena, Encoding, capacity);
    encodings->bytes = (ByteBuffer){ .data = arena_alloc(arena, bytes, 1), .capacity = bytes };
    encodings->code = (ByteBuffer){ .data = arena_alloc(arena, CODE_MAX, 1), .capacity = CODE_MAX };
    bool room = encodings->last != NULL && encodings->table != NULL && encodings->bytes.data != NULL &&
                encodings->code.data != NULL;
    return room ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

void encodings_begin(Encodings *encodings)
{
    encodings->stamp++;
    encodings->count = 0;
    encodings->bytes.size = 0;
}

static bool same_key(const EncodingKey *a, const EncodingKey *b)
{
    return a->cell == b->cell && a->baseline == b->baseline && a->recent == b->recent && a->old == b->old;
}

/* The place of `key`, or the free one where it would go. */
static Encoding *probe(Encodings *encodings, const EncodingKey *key)
{
    uint64_t hash = ((uint64_t)key->cell << 32 | key->baseline) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ ((uint64_t)key->recent << 32 | key->old)) * UINT64_C(0xC2B2AE3D27D4EB4F);
    uint32_t at = (uint32_t)(hash >> 32);
    for (;; at++) {
        Encoding *encoding = &encodings->table[at & (encodings->capacity - 1)];
        if (encoding->stamp != encodings->stamp || same_key(&encoding->key, key)) {
            return encoding;
        }
    }
}

static Status encode(Metaverse *metaverse, const EncodingKey *key, const Snapshot *version)
{
    Replication *replication = &metaverse->replication;
    const CellHistory *history = &replication->cells.cells[key->cell].history;
    const SnapshotBase base = { .baseline = cell_history_find(history, key->baseline),
                                .recent = cell_history_find(history, key->recent),
                                .old = cell_history_find(history, key->old),
                                .source_time = packet_source_time(&replication->frame, version->sequence) };
    ProfileScope scope = profile_begin("encode");
    Status status = snapshot_encode_with(version, &base, &replication->encodings.code);
    profile_end(scope);
    return status;
}

Status encodings_record(Metaverse *metaverse, const EncodingKey *key, const Snapshot *version,
                        Bytes *out_record)
{
    Encodings *encodings = &metaverse->replication.encodings;
    Encoding *encoding = probe(encodings, key);
    if (encoding->stamp == encodings->stamp) {
        *out_record = encoding->record;
        return STATUS_OK;
    }
    Status status = encode(metaverse, key, version);
    if (status != STATUS_OK) {
        return status;
    }
    size_t needed = encodings->code.size + PACKET_RECORD_HEAD_MAX;
    if (encodings->count >= encodings->capacity / 4 * 3 ||
        needed > encodings->bytes.capacity - encodings->bytes.size) {
        encodings_begin(encodings); /* which costs time, never correctness: packets hold copies */
        encoding = probe(encodings, key);
    }
    const PacketRecord record = { .cell = key->cell,
                                  .version = version->sequence,
                                  .code = bytes_of(encodings->code.data, encodings->code.size) };
    size_t before = encodings->bytes.size;
    status = packet_record_encode(&record, metaverse->replication.frame.sequence, &encodings->bytes);
    if (status != STATUS_OK) {
        return status;
    }
    *encoding =
        (Encoding){ .key = *key,
                    .stamp = encodings->stamp,
                    .record = bytes_of(encodings->bytes.data + before, encodings->bytes.size - before) };
    encodings->count++;
    metaverse->counters.encodings++;
    metaverse->counters.encoded_bytes += encodings->code.size;
    *out_record = encoding->record;
    return STATUS_OK;
}
