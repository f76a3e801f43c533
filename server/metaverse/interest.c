#include "server/metaverse/state.h"

#include <math.h>
#include <string.h>

#define REVIEW_INTERVAL 8u   /* sequences between two looks at what a client sees */
#define HYSTERESIS      0.15 /* of the view distance: so much farther a cell stays that is told already */
#define WEIGHT_OWN      255
#define WEIGHT_NEAR     16 /* within half the view distance */
#define WEIGHT_FAR      4

uint32_t interest_link_limit(const Metaverse *metaverse)
{
    const Cells *cells = &metaverse->replication.cells;
    if (cells->side_m <= 0) {
        return cells->capacity;
    }
    /* (2 × 1.15 + 1) distances across, two squares a distance, twins and people each, and as many again where
     * a square is crowded. */
    uint32_t most = 7 * 7 * 4;
    return most < cells->capacity ? most : cells->capacity;
}

static CellLink *open_link(Metaverse *metaverse, Outbox *outbox, uint32_t cell)
{
    uint32_t limit = metaverse->replication.link_limit, at = 0;
    while (at < outbox->link_count && outbox->links[at].cell != NO_CELL) {
        at++;
    }
    if (at == limit) {
        metaverse->counters.unseen++;
        outbox->looked = false;
        return NULL;
    }
    outbox->link_count = at == outbox->link_count ? at + 1 : outbox->link_count;
    outbox->links[at] = (CellLink){ .cell = cell, .opened = outbox->number + 1 };
    metaverse->replication.cells.cells[cell].links++;
    return &outbox->links[at];
}

void interest_drop_link(Metaverse *metaverse, Outbox *outbox, CellLink *link)
{
    metaverse->replication.cells.cells[link->cell].links--;
    link->cell = NO_CELL;
    outbox->looked = false; /* there may be room now for one that had none */
    while (outbox->link_count > 0 && outbox->links[outbox->link_count - 1].cell == NO_CELL) {
        outbox->link_count--;
    }
}

/* How far `at` is outside of a stretch of `side` from `first` on; 0 inside. */
static double outside(double at, double first, double side)
{
    return at < first ? first - at : at > first + side ? at - first - side : 0;
}

/* Metres from where `position` is to the square. */
static double distance_to(const Cells *cells, Square square, const float position[3])
{
    double x = outside((double)position[0], square.x * cells->side_m, cells->side_m);
    double z = outside((double)position[2], square.z * cells->side_m, cells->side_m);
    return x == 0 ? z : z == 0 ? x : sqrt(x * x + z * z);
}

/* A cell of people that nobody is in, and whose emptiness the client has been told, needs no telling. */
static bool is_over(const Cell *cell, const CellLink *link)
{
    const Snapshot *newest = cell_history_newest(&cell->history);
    return cell->avatars && cell->count == 0 && newest != NULL && newest->entity_count == 0 &&
           (link->acked == newest->sequence || !link->told);
}

static void weigh_link(Metaverse *metaverse, Session *session, CellLink *link)
{
    const Cells *cells = &metaverse->replication.cells;
    double view = (double)metaverse->config.view_distance_m;
    double distance =
        cells->side_m <= 0 ? 0 : distance_to(cells, cells->cells[link->cell].square, session->body.position);
    bool out = view > 0 && distance > view * (1 + HYSTERESIS);
    link->weight = link->cell == session->cell ? WEIGHT_OWN : distance <= view / 2 ? WEIGHT_NEAR : WEIGHT_FAR;
    if (out && !link->closing) {
        link->closing = true;
    } else if (!out && link->closing) { /* it may have been told of the closing: begin again */
        uint32_t cell = link->cell;
        uint8_t weight = link->weight;
        *link =
            (CellLink){ .cell = cell, .weight = weight, .told = true, .opened = session->outbox->number + 1 };
    }
}

static void want(Metaverse *metaverse, Session *session, uint32_t cell)
{
    Replication *replication = &metaverse->replication;
    if (replication->seen[cell] == replication->seen_stamp) {
        return;
    }
    const Cell *wanted = &replication->cells.cells[cell];
    if (wanted->avatars && wanted->count == 0) {
        return;
    }
    CellLink *link = open_link(metaverse, session->outbox, cell);
    if (link != NULL) {
        weigh_link(metaverse, session, link);
    }
}

static void want_square(Metaverse *metaverse, Session *session, Square square)
{
    const Cells *cells = &metaverse->replication.cells;
    double reach = (double)metaverse->config.view_distance_m + cells->side_m * SQUARE_MARGIN;
    if (distance_to(cells, square, session->body.position) > reach) {
        return;
    }
    for (uint32_t id = cells_first(cells, square); id != NO_CELL; id = cells_next(cells, id)) {
        want(metaverse, session, id);
    }
}

/* Rings of squares around where somebody is, the nearest first. */
static void look_around(Metaverse *metaverse, Session *session)
{
    const Cells *cells = &metaverse->replication.cells;
    const float *position = session->body.position;
    Square here = cells_square(cells, (double)position[0], (double)position[2]);
    int32_t x = here.x, z = here.z;
    int32_t rings = (int32_t)ceil((double)metaverse->config.view_distance_m / cells->side_m) + 1;
    want_square(metaverse, session, here);
    for (int32_t ring = 1; ring <= rings; ring++) {
        for (int32_t i = -ring; i < ring; i++) {
            want_square(metaverse, session, (Square){ x + i, z - ring });
            want_square(metaverse, session, (Square){ x + ring, z + i });
            want_square(metaverse, session, (Square){ x - i, z + ring });
            want_square(metaverse, session, (Square){ x - ring, z - i });
        }
    }
}

/* Whether the client sees from another place than at the last whole review. */
static bool has_gone(Outbox *outbox, const float position[3])
{
    bool same = outbox->looked && memcmp(outbox->looked_from, position, sizeof outbox->looked_from) == 0;
    memcpy(outbox->looked_from, position, sizeof outbox->looked_from);
    outbox->looked = true;
    return !same;
}

/* Who stands where he stood sees the same squares; where somebody comes into an empty one, all who see it are
 * made to look (interest_cell_filled). */
static void drop_over(Metaverse *metaverse, Outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->link_count; i++) {
        CellLink *link = &outbox->links[i];
        if (link->cell != NO_CELL && is_over(&metaverse->replication.cells.cells[link->cell], link)) {
            interest_drop_link(metaverse, outbox, link);
        }
    }
}

static void review(Metaverse *metaverse, Session *session)
{
    Replication *replication = &metaverse->replication;
    Outbox *outbox = session->outbox;
    replication->seen_stamp++;
    for (uint32_t i = 0; i < outbox->link_count; i++) {
        CellLink *link = &outbox->links[i];
        if (link->cell == NO_CELL) {
            continue;
        }
        if (is_over(&replication->cells.cells[link->cell], link)) {
            interest_drop_link(metaverse, outbox, link);
            continue;
        }
        weigh_link(metaverse, session, link);
        replication->seen[link->cell] = replication->seen_stamp;
    }
    if (replication->cells.side_m > 0) {
        look_around(metaverse, session);
        return;
    }
    for (uint32_t id = 0; id < replication->cells.used; id++) {
        if (replication->cells.cells[id].used) {
            want(metaverse, session, id);
        }
    }
}

void interest_review(Metaverse *metaverse, Session *session)
{
    Outbox *outbox = session->outbox;
    uint32_t sequence = metaverse->replication.frame.sequence;
    if (outbox->reviewed != 0 && sequence - outbox->reviewed < REVIEW_INTERVAL) {
        return;
    }
    bool told_to = outbox->reviewed == 0;
    outbox->reviewed = sequence;
    outbox->listed = 0;
    if (has_gone(outbox, session->body.position) || told_to || metaverse->replication.cells.side_m <= 0) {
        review(metaverse, session);
    } else {
        drop_over(metaverse, outbox);
    }
}

void interest_cell_filled(Metaverse *metaverse, Square square)
{
    const Cells *cells = &metaverse->replication.cells;
    double view = (double)metaverse->config.view_distance_m;
    double reach = view + cells->side_m * SQUARE_MARGIN;
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        const Session *session = &metaverse->sessions[metaverse->live[i]];
        if (view <= 0 || distance_to(cells, square, session->body.position) <= reach) {
            session->outbox->reviewed = 0;
        }
    }
}
