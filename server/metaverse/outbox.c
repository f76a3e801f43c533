#include "server/metaverse/state.h"

#include "shared/base/log.h"

#define PACKETS_AT_ONCE 24u         /* to one client in one tick */
#define OVERTAKEN       3u          /* packets that arrive after one that has not: it is lost */
#define ROUND_TRIP      TIME_SECOND /* while none was measured; what is overtaken is lost sooner */
#define LATE_MARGIN     (10 * TIME_MS)
#define LATE_MIN        (40 * TIME_MS)
#define WAITING_MAX     (1u << 24)
#define OVERHEAD        60            /* bytes around a packet's body: id, seal, ENet, UDP, IP */
#define START_RATE      (128 * 1024u) /* bytes a second, before anything is known of a link */

/* A link that has something to be told. */
typedef struct Due {
    uint32_t waiting;
    uint16_t link;
} Due;

/* The packet in the making. */
typedef struct Draft {
    Metaverse *metaverse;
    Session *session;
    ByteBuffer *records;
    uint16_t links[RECORD_NOTES / 4];
    uint32_t versions[RECORD_NOTES / 4]; /* 0: closed */
    int64_t budget;                      /* bytes that may still go in this tick */
    uint32_t count, first_times;         /* of which so many are of cells that the client has nothing of */
} Draft;

Status outbox_create(Metaverse *metaverse)
{
    Replication *replication = &metaverse->replication;
    uint32_t sessions = metaverse->slot_count;
    Arena *arena = &metaverse->arena;
    replication->link_limit = interest_link_limit(metaverse);
    replication->outboxes = arena_new_array(arena, Outbox, sessions);
    replication->seen = arena_new_array(arena, uint32_t, replication->cells.capacity);
    replication->due = arena_new_array(arena, Due, replication->link_limit);
    replication->records =
        (ByteBuffer){ .data = arena_alloc(arena, MESSAGE_SIZE_MAX, 1), .capacity = BODY_MAX };
    replication->body =
        (ByteBuffer){ .data = arena_alloc(arena, MESSAGE_SIZE_MAX, 1), .capacity = MESSAGE_SIZE_MAX };
    if (replication->outboxes == NULL || replication->seen == NULL || replication->due == NULL ||
        replication->records.data == NULL || replication->body.data == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    return STATUS_OK;
}

/* Links are taken from the arena when a slot is used for the first time. */
Status outbox_open(Metaverse *metaverse, Session *session)
{
    Replication *replication = &metaverse->replication;
    Outbox *outbox = &replication->outboxes[session - metaverse->sessions];
    CellLink *links = outbox->links;
    if (links == NULL) {
        links = arena_new_array(&metaverse->arena, CellLink, replication->link_limit);
        if (links == NULL) {
            return STATUS_OUT_OF_MEMORY;
        }
    }
    *outbox = (Outbox){ .links = links, .heard = metaverse->now };
    const LinkConfig rates = { .ceiling = replication->bytes_per_s, .start = START_RATE };
    link_init(&outbox->link, &rates, metaverse->now);
    session->outbox = outbox;
    return STATUS_OK;
}

void outbox_close(Metaverse *metaverse, Session *session)
{
    Outbox *outbox = session->outbox;
    for (uint32_t i = 0; outbox != NULL && i < outbox->link_count; i++) {
        if (outbox->links[i].cell != NO_CELL) {
            metaverse->replication.cells.cells[outbox->links[i].cell].links--;
        }
    }
    session->outbox = NULL;
}

/* ---- what has arrived ---- */

static PacketNote *note_of(Outbox *outbox, uint32_t number)
{
    PacketNote *note = &outbox->packets[number % PACKET_NOTES];
    return number != 0 && note->number == number ? note : NULL;
}

static void record_arrived(Metaverse *metaverse, Outbox *outbox, const PacketNote *note,
                           const RecordNote *record)
{
    CellLink *link = &outbox->links[record->link];
    bool current = record->link < outbox->link_count && link->cell == record->cell &&
                   !snapshot_newer(link->opened, note->number);
    if (!current) {
        return;
    }
    if (record->version == 0) {
        if (link->closing) {
            interest_drop_link(metaverse, outbox, link);
            outbox->unsettled -= outbox->unsettled > 0;
        }
        return;
    }
    if (link->acked == 0 || snapshot_newer(record->version, link->acked)) {
        uint32_t steps = record->version - link->acked;
        bool far = link->acked == 0 || steps > 64;
        link->mask = far ? 0 : (steps == 64 ? 0 : link->mask << steps) | UINT64_C(1) << (steps - 1);
        link->acked = record->version;
        link->acked_at = record->versions;
        outbox->unsettled -= record->version == link->sent && outbox->unsettled > 0;
    } else if (link->acked - record->version - 1 < 64 && link->acked != record->version) {
        link->mask |= UINT64_C(1) << (link->acked - record->version - 1);
    }
}

static void packet_arrived(Metaverse *metaverse, Outbox *outbox, PacketNote *note)
{
    note->arrived = true;
    for (uint32_t i = 0; i < note->count; i++) {
        if (outbox->record_count - (note->first + i) <= RECORD_NOTES) {
            record_arrived(metaverse, outbox, note, &outbox->records[(note->first + i) % RECORD_NOTES]);
        }
    }
    if (outbox->frame == 0 || snapshot_newer(note->sequence, outbox->frame)) {
        outbox->frame = note->sequence;
    }
    if (outbox->arrived == 0 || snapshot_newer(note->number, outbox->arrived)) {
        /* Between this one and the newest acknowledged before, an odd one was, or was not. */
        bool odd = note->sequence % 2 != 0;
        outbox->every = odd || (outbox->every && note->number - outbox->arrived == 1);
        outbox->arrived = note->number;
        outbox->heard = metaverse->now;
    }
}

/* "I have nothing any more": whole cells until it acknowledges again. */
static void begin_again(Outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->link_count; i++) {
        CellLink *link = &outbox->links[i];
        link->acked = link->sent = 0;
        link->mask = 0;
        link->opened = outbox->number + 1;
    }
    outbox->frame = outbox->arrived = outbox->told = outbox->listed = 0;
}

void outbox_restart(const Metaverse *metaverse, Session *session)
{
    begin_again(session->outbox);
    session->outbox->heard = metaverse->now;
    session->outbox->reviewed = 0;
}

bool outbox_acknowledge(Metaverse *metaverse, Session *session, uint32_t newest, uint32_t mask)
{
    Outbox *outbox = session->outbox;
    if (newest == 0) {
        if (outbox->arrived != 0) {
            begin_again(outbox);
        }
        return mask == 0;
    }
    if (outbox->number == 0 || snapshot_newer(newest, outbox->number) ||
        link_acknowledged(&outbox->link, newest, mask, metaverse->now) != STATUS_OK) {
        return false;
    }
    /* Bit i: newest - i, as far as that was not said before. */
    uint64_t said = (uint64_t)mask << 1 | 1, before = (uint64_t)outbox->told_mask << 1 | 1;
    uint32_t steps = newest - outbox->told;
    uint64_t fresh = outbox->told != 0 && steps < 33 ? said & ~(before << steps) : said;
    for (; fresh != 0; fresh &= fresh - 1) {
        PacketNote *note = note_of(outbox, newest - (uint32_t)__builtin_ctzll(fresh));
        if (note != NULL && !note->arrived) {
            packet_arrived(metaverse, outbox, note);
        }
    }
    if (outbox->told == 0 || snapshot_newer(newest, outbox->told)) {
        outbox->told = newest;
        outbox->told_mask = mask;
    }
    return true;
}

/* ---- what is due ---- */

/* How long until `note` is acknowledged; longer and longer for who has not been heard for a while. Who stands
 * still tells of odd frames with the next one. */
static TimeNs patience(const Metaverse *metaverse, const Outbox *outbox, const PacketNote *note)
{
    TimeNs now = metaverse->now;
    bool later = outbox->arrived != 0 && !outbox->every && note->sequence % 2 != 0;
    TimeNs wait = later ? metaverse->replication.interval : 0;
    TimeNs usual = link_late_after(&outbox->link);
    usual = usual == 0 ? ROUND_TRIP : usual + LATE_MARGIN;
    usual = usual < LATE_MIN ? LATE_MIN : usual;
    TimeNs silence = (now - outbox->heard) / 2;
    return (usual > silence ? usual : silence) + wait;
}

static bool on_its_way(const Metaverse *metaverse, Outbox *outbox, uint32_t number)
{
    const PacketNote *note = note_of(outbox, number);
    if (note == NULL || note->arrived) {
        return false;
    }
    bool overtaken = outbox->arrived != 0 && snapshot_newer(outbox->arrived, number) &&
                     outbox->arrived - number >= OVERTAKEN;
    return !overtaken && metaverse->now - note->at <= patience(metaverse, outbox, note);
}

/* The packet that was asked about last: most links ask about the same. */
typedef struct OnItsWay {
    uint32_t number;
    bool is;
} OnItsWay;

static bool still_on_its_way(const Metaverse *metaverse, Outbox *outbox, uint32_t number, OnItsWay *last)
{
    if (last->number != number) {
        *last = (OnItsWay){ .number = number, .is = on_its_way(metaverse, outbox, number) };
    }
    return last->is;
}

static bool is_due(const Metaverse *metaverse, Outbox *outbox, const CellLink *link, OnItsWay *last)
{
    if (link->cell == NO_CELL) {
        return false;
    }
    if (link->closing) {
        return link->sent != UINT32_MAX || !still_on_its_way(metaverse, outbox, link->packet, last);
    }
    uint32_t newest = metaverse->replication.cells.newest[link->cell];
    return newest != 0 && newest != link->acked &&
           (link->sent != newest || !still_on_its_way(metaverse, outbox, link->packet, last));
}

static bool is_unsettled(const Metaverse *metaverse, const CellLink *link)
{
    if (link->cell == NO_CELL || link->closing) {
        return link->cell != NO_CELL;
    }
    uint32_t newest = metaverse->replication.cells.newest[link->cell];
    return newest != 0 && newest != link->acked;
}

static void sink(Due *due, uint32_t count, uint32_t at)
{
    for (;;) {
        uint32_t most = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            most = due[child].waiting > due[most].waiting ? child : most;
        }
        if (most == at) {
            return;
        }
        Due swap = due[at];
        due[at] = due[most];
        due[most] = swap;
        at = most;
    }
}

/* What is due, in no order. */
static uint32_t list_due(Metaverse *metaverse, Outbox *outbox)
{
    Due *due = metaverse->replication.due;
    uint32_t count = 0, changed = metaverse->replication.cells.changed;
    if (outbox->listed == changed && outbox->unsettled == 0 && outbox->missing == 0) {
        return 0; /* all has arrived, and nothing has changed since */
    }
    outbox->listed = changed;
    outbox->missing = outbox->unsettled = 0;
    OnItsWay last = { 0 };
    for (uint32_t i = 0; i < outbox->link_count; i++) {
        CellLink *link = &outbox->links[i];
        outbox->missing += link->cell != NO_CELL && link->acked == 0 && !link->closing;
        outbox->unsettled += is_unsettled(metaverse, link);
        if (is_due(metaverse, outbox, link, &last)) {
            link->waiting += link->waiting < WAITING_MAX ? (link->closing ? 1u : link->weight) : 0;
            due[count++] = (Due){ .waiting = link->waiting, .link = (uint16_t)i };
        }
    }
    return count;
}

/* A heap of it: what has waited longest, by weight, comes first, so that however little may go, everything
 * has its turn. */
static void order_due(Due *due, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;) {
        sink(due, count, i);
    }
}

/* ---- packets ---- */

/* The first record may be as large as it is, others fill a datagram. */
static Status append_code(const Draft *draft, uint32_t cell, uint32_t version, Bytes code)
{
    const PacketRecord record = { .cell = cell, .version = version, .code = code };
    ByteBuffer *records = draft->records;
    size_t capacity = records->capacity;
    bool full = draft->count > 0 && records->size > PACKET_BODY - PACKET_HEAD_MAX;
    if (full) {
        return STATUS_CAPACITY;
    }
    records->capacity = draft->count > 0 ? PACKET_BODY - PACKET_HEAD_MAX : capacity;
    Status status = packet_record_encode(&record, draft->metaverse->replication.frame.sequence, records);
    records->capacity = capacity;
    return status;
}

static Status append_record(Draft *draft, uint16_t at)
{
    Metaverse *metaverse = draft->metaverse;
    const CellLink *link = &draft->session->outbox->links[at];
    uint32_t version = 0;
    Status status;
    if (link->closing) {
        const PacketRecord record = { .cell = link->cell, .closed = true };
        status = packet_record_encode(&record, metaverse->replication.frame.sequence, draft->records);
    } else {
        Bytes code;
        status = encodings_find(metaverse, link, &code);
        if (status == STATUS_OK) {
            version = metaverse->replication.cells.newest[link->cell];
            status = append_code(draft, link->cell, version, code);
        }
    }
    if (status == STATUS_OK) {
        draft->first_times += link->acked == 0 && !link->closing;
        draft->links[draft->count] = at;
        draft->versions[draft->count++] = version;
    }
    return status;
}

static Status write_body(Draft *draft, uint32_t number)
{
    Replication *replication = &draft->metaverse->replication;
    const Outbox *outbox = draft->session->outbox;
    const SnapshotFrame *base = frame_ring_find(&replication->frames, outbox->frame);
    if (base != NULL && replication->frame.sequence - base->sequence > FRAMES_KNOWN / 2) {
        base = NULL;
    }
    base = base != NULL && base->sequence == replication->frame.sequence ? NULL : base;
    const PacketHead head = { .number = number,
                              .input_sequence = input_queue_included(&draft->session->inputs),
                              .complete = outbox->missing == draft->first_times,
                              .frame = replication->frame };
    Status status = packet_head_encode(&head, base, &replication->body);
    if (status == STATUS_OK && draft->records->size > 0) {
        memcpy(replication->body.data + replication->body.size, draft->records->data, draft->records->size);
        replication->body.size += draft->records->size;
    }
    return status;
}

/* Remembers what was in packet `number`, so that its acknowledgement can be understood. */
static void note_packet(Draft *draft, uint32_t number, uint32_t bytes)
{
    Outbox *outbox = draft->session->outbox;
    outbox->number = number;
    link_sent(&outbox->link, number, bytes + OVERHEAD, draft->metaverse->now);
    outbox->packets[number % PACKET_NOTES] =
        (PacketNote){ .number = number,
                      .sequence = draft->metaverse->replication.frame.sequence,
                      .at = draft->metaverse->now,
                      .first = outbox->record_count,
                      .count = draft->count };
    for (uint32_t i = 0; i < draft->count; i++) {
        CellLink *link = &outbox->links[draft->links[i]];
        link->versions =
            (uint16_t)(link->versions + (draft->versions[i] != link->sent && draft->versions[i] != 0));
        link->sent = link->closing ? UINT32_MAX : draft->versions[i];
        link->packet = number;
        link->told = true;
        link->waiting = 0;
        outbox->records[outbox->record_count++ % RECORD_NOTES] = (RecordNote){ .cell = link->cell,
                                                                               .version = draft->versions[i],
                                                                               .link = draft->links[i],
                                                                               .versions = link->versions };
    }
}

/* A packet may go while the one whose note it takes the place of is no longer on its way, and while one
 * acknowledgement, of 33 packets, can tell of all that go at once. */
static bool window_open(const Metaverse *metaverse, Outbox *outbox, uint32_t sent_now)
{
    return sent_now < PACKETS_AT_ONCE && !on_its_way(metaverse, outbox, outbox->number + 1 - PACKET_NOTES);
}

static Status send_packet(Draft *draft)
{
    Metaverse *metaverse = draft->metaverse;
    Session *session = draft->session;
    uint32_t number = session->outbox->number + 1;
    number += number == 0;
    Status status = write_body(draft, number);
    if (status == STATUS_OK) {
        const Replication *replication = &metaverse->replication;
        const Message message = { .id = MESSAGE_SNAPSHOT,
                                  .snapshot = { bytes_of(replication->body.data, replication->body.size) } };
        status = message_send(metaverse->transport, session->peer, &message, &metaverse->scratch);
    }
    if (status == STATUS_OK) {
        note_packet(draft, number, (uint32_t)metaverse->scratch.size);
        metaverse->counters.packets++;
        metaverse->counters.records += draft->count;
        metaverse->counters.sent_bytes += metaverse->scratch.size;
        draft->budget -= (int64_t)metaverse->scratch.size + OVERHEAD;
    } else if (metaverse->counters.unsent++ == 0) {
        log_warning(LOG_MODULE, "%s (%s): a snapshot could not be sent: %s", session->address, session->name,
                    status_text(status));
    }
    draft->records->size = 0;
    draft->count = draft->first_times = 0;
    return status;
}

/* Bytes that the client's link takes now: none in the ticks that are left out for a slow one. */
static int64_t budget_of(const Metaverse *metaverse, Outbox *outbox)
{
    const Replication *replication = &metaverse->replication;
    uint32_t divide = link_divide(&outbox->link, replication->interval, outbox->limited);
    if (replication->frame.sequence % divide != 0) {
        return 0;
    }
    return link_budget(&outbox->link, metaverse->now, replication->interval * divide);
}

/* Puts all that is due into one packet, as it is listed. False, and nothing is in it, where that is too much:
 * then it has to be done in order. Who needed several packets last time is not tried. */
static bool fits_in_one(Draft *draft, const Due *due, uint32_t count)
{
    Outbox *outbox = draft->session->outbox;
    bool fits = !outbox->several && count <= ARRAY_COUNT(draft->links);
    outbox->several = false;
    for (uint32_t i = 0; fits && i < count; i++) {
        fits = append_record(draft, due[i].link) == STATUS_OK &&
               draft->records->size <= PACKET_BODY - PACKET_HEAD_MAX;
    }
    if (!fits) {
        draft->records->size = 0;
        draft->count = draft->first_times = 0;
    }
    return fits;
}

void outbox_send(Metaverse *metaverse, Session *session)
{
    Outbox *outbox = session->outbox;
    Draft draft = { .metaverse = metaverse,
                    .session = session,
                    .records = &metaverse->replication.records,
                    .budget = budget_of(metaverse, outbox) };
    if (draft.budget <= 0 || !window_open(metaverse, outbox, 0)) {
        metaverse->counters.held_back++;
        return;
    }
    draft.records->size = 0;
    Due *due = metaverse->replication.due;
    uint32_t left = list_due(metaverse, outbox), sent = 0;
    if (fits_in_one(&draft, due, left)) {
        left = 0;
    } else {
        order_due(due, left);
    }
    while (left > 0) {
        bool room = draft.count < ARRAY_COUNT(draft.links);
        Status status = room ? append_record(&draft, due[0].link) : STATUS_CAPACITY;
        if (status != STATUS_OK && draft.count > 0) {
            outbox->several = true;
            if (send_packet(&draft) != STATUS_OK || draft.budget <= 0 ||
                !window_open(metaverse, outbox, ++sent)) {
                metaverse->counters.deferred += left;
                outbox->limited = true;
                outbox->listed = 0;
                return;
            }
            continue;
        }
        if (status != STATUS_OK) { /* cannot be told at all: the others go on */
            metaverse->counters.unsent++;
            outbox->listed = 0;
        }
        due[0] = due[--left];
        sink(due, left, 0);
    }
    outbox->limited = false;
    if (send_packet(&draft) != STATUS_OK) {
        outbox->listed = 0;
    }
}
