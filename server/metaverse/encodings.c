#include "server/metaverse/state.h"

#include "shared/base/profile.h"

#define ENTITY_BYTES  48 /* more than one encoded entity takes, with room to spare */
#define CHANNEL_BYTES 32 /* and one channel */
#define BYTES_MIN     ((size_t)1 << 20)
#define CODE_MAX      (TWINS_PER_CELL * (ENTITY_BYTES + ENTITY_CHANNELS_MAX * CHANNEL_BYTES) + 256)
#define SAMPLES_APART 4u /* sequences: so that things that report now and then have reported in between */
/* Of a cell, made as suits best; who comes then takes one that it can read, or gets one that many others can
 * read. */
#define OWN_CODES 3u

Status encodings_create(Encodings *encodings, uint32_t cells, size_t bytes, Arena *arena)
{
    bytes = bytes > BYTES_MIN ? bytes : BYTES_MIN;
    encodings->cells = arena_new_array(arena, CellCodes, cells);
    encodings->bytes = (ByteBuffer){ .data = arena_alloc(arena, bytes, 1), .capacity = bytes };
    encodings->code = (ByteBuffer){ .data = arena_alloc(arena, CODE_MAX, 1), .capacity = CODE_MAX };
    bool room = encodings->cells != NULL && encodings->bytes.data != NULL && encodings->code.data != NULL;
    return room ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

/* Which costs time, never correctness: packets hold copies. */
static void drop_all(Encodings *encodings)
{
    encodings->stamp++;
    encodings->bytes.size = 0;
}

void encodings_begin(Encodings *encodings)
{
    if (encodings->stamp == 0 || encodings->bytes.size > encodings->bytes.capacity / 2) {
        drop_all(encodings);
    }
}

/* ---- which code ---- */

/* So much is on its way that the client may have forgotten what it had. */
static bool is_lost(const Metaverse *metaverse, const CellLink *link)
{
    uint16_t on_the_way = (uint16_t)(link->versions - link->acked_at);
    return link->acked == 0 || on_the_way >= metaverse->replication.history / 2;
}

static bool has_version(const CellLink *link, uint32_t sequence)
{
    uint32_t age = link->acked - sequence;
    return sequence == 0 || age == 0 || (age <= 64 && (link->mask >> (age - 1) & 1) != 0);
}

/* The code told from nothing, or NULL. */
static const CellCode *whole(const CellCodes *codes)
{
    for (uint32_t i = 0; i < codes->count; i++) {
        if (codes->codes[i].baseline == 0) {
            return &codes->codes[i];
        }
    }
    return NULL;
}

/* The code from the newest version that the client can read it from, at most `age` older than the newest that
 * it has; or NULL. */
static const CellCode *readable(const CellCodes *codes, const CellLink *link, uint32_t age)
{
    const CellCode *best = NULL;
    for (uint32_t i = 0; i < codes->count; i++) {
        const CellCode *code = &codes->codes[i];
        if (code->baseline != 0 && link->acked - code->baseline <= age && has_version(link, code->baseline) &&
            has_version(link, code->recent) && has_version(link, code->old)) {
            best = code;
            age = link->acked - code->baseline;
            if (age == 0) {
                break;
            }
            age--;
        }
    }
    return best;
}

/* The newest version the client has that is `from` or more older than what it has acknowledged, or 0. */
static uint32_t version_before(const CellHistory *history, const CellLink *link, uint32_t from)
{
    for (uint32_t age = from; age <= 64; age++) {
        if ((link->mask >> (age - 1) & 1) != 0 && cell_history_find(history, link->acked - age) != NULL) {
            return link->acked - age;
        }
    }
    return 0;
}

/* Which versions the client provably has, and what it knows best from: how somebody moves is seen just
 * before, how a value goes over samples that are apart. Clients that acknowledge everything and are equally
 * far away come to the same ones. */
static CellCode best_for(const Metaverse *metaverse, const CellLink *link, uint32_t version)
{
    const Cell *cell = &metaverse->replication.cells.cells[link->cell];
    const CellHistory *history = &cell->history;
    CellCode code = { 0 };
    if (cell_history_find(history, link->acked) == NULL) {
        return code;
    }
    code.baseline = link->acked;
    code.recent = cell->avatars ? 0 : version_before(history, link, SAMPLES_APART);
    code.recent = code.recent != 0 ? code.recent : version_before(history, link, 1);
    uint32_t distance = version - link->acked, age = code.baseline - code.recent;
    if (code.recent != 0) {
        code.old = version_before(history, link,
                                  !cell->avatars   ? 2 * age
                                  : distance > age ? distance
                                                   : age + 1);
    }
    return code;
}

/* ---- making codes ---- */

static Status encode(Metaverse *metaverse, const CellHistory *history, const CellCode *code)
{
    Replication *replication = &metaverse->replication;
    const Snapshot *version = cell_history_newest(history);
    const SnapshotBase base = { .baseline = cell_history_find(history, code->baseline),
                                .recent = cell_history_find(history, code->recent),
                                .old = cell_history_find(history, code->old),
                                .source_time = packet_source_time(&replication->frame, version->sequence) };
    ProfileScope scope = profile_begin("encode");
    Status status = snapshot_encode_with(version, &base, &replication->encodings.code);
    profile_end(scope);
    return status;
}

static Bytes bytes_of_code(const Encodings *encodings, const CellCode *code)
{
    return bytes_of(encodings->bytes.data + code->at, code->size);
}

/* The codes of the version to be told now: none yet when they are of another one, or of another tick's kind.
 */
static CellCodes *codes_of(Encodings *encodings, uint32_t cell, uint32_t version, bool late)
{
    CellCodes *codes = &encodings->cells[cell];
    if (codes->stamp != encodings->stamp || codes->version != version || codes->late != late) {
        codes->stamp = encodings->stamp;
        codes->version = version;
        codes->late = late;
        codes->count = codes->next = 0;
    }
    return codes;
}

static Status make(Metaverse *metaverse, const CellLink *link, bool late, const CellCode *wanted,
                   Bytes *out_code)
{
    Replication *replication = &metaverse->replication;
    Encodings *encodings = &replication->encodings;
    uint32_t version = replication->cells.newest[link->cell];
    Status status = encode(metaverse, &replication->cells.cells[link->cell].history, wanted);
    if (status != STATUS_OK) {
        return status;
    }
    if (encodings->code.size > encodings->bytes.capacity - encodings->bytes.size) {
        drop_all(encodings);
    }
    CellCodes *codes = codes_of(encodings, link->cell, version, late);
    bool room = codes->count < CELL_CODES;
    CellCode *code = &codes->codes[room ? codes->count++ : codes->next];
    codes->next = room ? codes->next : (uint8_t)((codes->next + 1) % CELL_CODES);
    *code = *wanted;
    code->at = (uint32_t)encodings->bytes.size;
    code->size = (uint32_t)encodings->code.size;
    memcpy(encodings->bytes.data + code->at, encodings->code.data, code->size);
    encodings->bytes.size += code->size;
    metaverse->counters.encodings++;
    metaverse->counters.encoded_bytes += encodings->code.size;
    *out_code = bytes_of_code(encodings, code);
    return STATUS_OK;
}

Status encodings_find(Metaverse *metaverse, const CellLink *link, Bytes *out_code)
{
    Replication *replication = &metaverse->replication;
    uint32_t version = replication->cells.newest[link->cell];
    bool late = version != replication->frame.sequence, lost = is_lost(metaverse, link);
    const CellCodes *codes = codes_of(&replication->encodings, link->cell, version, late);
    uint32_t age = codes->count < OWN_CODES ? 0 : version - link->acked;
    const CellCode *code = lost ? whole(codes) : readable(codes, link, age);
    CellCode wanted = { 0 };
    if (code == NULL && !lost) {
        wanted = best_for(metaverse, link, version);
        if (codes->count >= OWN_CODES) {
            wanted.recent = wanted.old = 0;
        }
        code = wanted.baseline == 0 ? whole(codes) : NULL; /* what it has is forgotten here */
    }
    if (code != NULL) {
        *out_code = bytes_of_code(&replication->encodings, code);
        return STATUS_OK;
    }
    return make(metaverse, link, late, &wanted, out_code);
}
