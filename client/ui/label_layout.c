#include "client/ui/label_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CARD_DEPTH   14.0f /* metres: nearer labels may be cards */
#define TITLE_DEPTH  38.0f /* nearer labels may be titles */
#define DOT_DEPTH    300.0f
#define KEEP_DEPTH   1.12f /* a label keeps its level this much farther than it got it */
#define KEEP_RANK    0.85f /* and counts as this much nearer when space is handed out */
#define CARDS_MAX    8u    /* more would hide what they describe */
#define BETTER_AFTER 0.5f  /* seconds a better place must have been free before a label moves there */
#define SETTLE_TIME  0.08f /* seconds: time constant of a label's move */
#define ANCHOR_GAP   14.0f /* pixels between anchor and box */
#define BOX_GAP      5.0f
#define EDGE_GAP     6.0f
#define OCCUPIED_MAX (LABEL_LAYOUT_MAX + 64u)

/* Where a box may go, in its own widths and heights from the place above its anchor; first is best. */
static const float slots[][2] = {
    { 0, 0 },         { 0, -0.55f }, { -0.55f, 0 },    { 0.55f, 0 },    { 0, -1.1f },       { -0.55f, -0.6f },
    { 0.55f, -0.6f }, { 0, -1.7f },  { -0.6f, -1.2f }, { 0.6f, -1.2f }, { -1.05f, -0.35f }, { 1.05f, -0.35f }
};
#define SLOT_COUNT (sizeof slots / sizeof slots[0])

typedef struct LabelMemory {
    uint64_t key;
    LabelLevel level;
    uint32_t slot;
    float better;  /* seconds for which a better place has been free */
    float dx, dy;  /* shown box's bottom middle from the anchor */
    uint32_t seen; /* frame it was last in */
} LabelMemory;

typedef struct Ranked {
    float rank;
    uint32_t item;
} Ranked;

struct LabelLayout {
    LabelMemory memories[LABEL_LAYOUT_MAX];
    uint32_t memory_count;
    uint32_t frame;
    uint32_t memory_of[LABEL_LAYOUT_MAX]; /* per item of this frame */
    Ranked order[LABEL_LAYOUT_MAX];
    CanvasRect occupied[OCCUPIED_MAX];
    uint32_t occupied_count;
    uint32_t cards;
};

LabelLayout *label_layout_create(void)
{
    return calloc(1, sizeof(LabelLayout));
}

void label_layout_destroy(LabelLayout *layout)
{
    free(layout);
}

/* The memory of `key`: labels mostly come in the same order, so the search starts where it ended last. */
static uint32_t memory_of(LabelLayout *layout, uint64_t key, uint32_t hint)
{
    for (uint32_t i = 0; i < layout->memory_count; i++) {
        uint32_t at = (hint + i) % layout->memory_count;
        if (layout->memories[at].key == key) {
            return at;
        }
    }
    uint32_t at = layout->memory_count;
    if (at < LABEL_LAYOUT_MAX) {
        layout->memory_count++;
    } else { /* take the one unseen for longest */
        at = 0;
        for (uint32_t i = 1; i < layout->memory_count; i++) {
            if (layout->frame - layout->memories[i].seen > layout->frame - layout->memories[at].seen) {
                at = i;
            }
        }
    }
    layout->memories[at] = (LabelMemory){ .key = key, .seen = layout->frame - 2 };
    return at;
}

static LabelLevel level_wanted(const LabelItem *item, const LabelMemory *memory, float scale)
{
    float depth = item->depth;
    float card = CARD_DEPTH / sqrtf(scale) * (memory->level == LABEL_CARD ? KEEP_DEPTH : 1.0f);
    float title = TITLE_DEPTH / sqrtf(scale) * (memory->level >= LABEL_TITLE ? KEEP_DEPTH : 1.0f);
    if (depth < card) {
        return LABEL_CARD;
    }
    if (depth < title || (item->urgent && depth < 2 * title)) {
        return LABEL_TITLE;
    }
    return depth < DOT_DEPTH ? LABEL_DOT : LABEL_HIDDEN;
}

static bool overlaps(CanvasRect a, CanvasRect b, float gap)
{
    return a.x0 < b.x1 + gap && b.x0 < a.x1 + gap && a.y0 < b.y1 + gap && b.y0 < a.y1 + gap;
}

/* The box of `item` at `level` in `slot`, kept inside the area. */
static CanvasRect box_at(const LabelItem *item, LabelLevel level, uint32_t slot, const LabelArea *area)
{
    float width = level == LABEL_CARD ? item->card_width : item->title_width;
    float height = level == LABEL_CARD ? item->card_height : item->title_height;
    float x = item->x - width * 0.5f + slots[slot][0] * width;
    float y = item->y - ANCHOR_GAP * area->scale - height + slots[slot][1] * height;
    float edge = EDGE_GAP * area->scale;
    x = fmaxf(edge, fminf(x, area->width - edge - width));
    y = fmaxf(edge, fminf(y, area->height - edge - height));
    return (CanvasRect){ x, y, x + width, y + height };
}

static bool is_free(const LabelLayout *layout, CanvasRect box, const LabelArea *area)
{
    for (uint32_t i = 0; i < area->blocked_count; i++) {
        if (overlaps(box, area->blocked[i], BOX_GAP * area->scale)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->occupied_count; i++) {
        if (overlaps(box, layout->occupied[i], BOX_GAP * area->scale)) {
            return false;
        }
    }
    return true;
}

/* The first free slot for `level`, or SLOT_COUNT. */
static uint32_t free_slot(const LabelLayout *layout, const LabelItem *item, LabelLevel level,
                          const LabelArea *area)
{
    uint32_t slot = 0;
    while (slot < SLOT_COUNT && !is_free(layout, box_at(item, level, slot, area), area)) {
        slot++;
    }
    return slot;
}

typedef struct Choice {
    LabelLevel level;
    uint32_t slot;
} Choice;

static bool is_better(Choice a, Choice b)
{
    return a.level > b.level || (a.level == b.level && a.slot < b.slot);
}

static Choice best_choice(const LabelLayout *layout, const LabelItem *item, LabelLevel wanted,
                          const LabelArea *area)
{
    for (LabelLevel level = wanted; level >= LABEL_TITLE; level--) {
        uint32_t slot = free_slot(layout, item, level, area);
        if (slot < SLOT_COUNT) {
            return (Choice){ level, slot };
        }
    }
    return (Choice){ wanted < LABEL_DOT ? wanted : LABEL_DOT, 0 };
}

/* What to show now: what was shown before if it still fits and nothing better has been free for a while. */
static Choice choose(LabelLayout *layout, const LabelItem *item, LabelMemory *memory, const LabelArea *area,
                     float seconds)
{
    LabelLevel wanted = level_wanted(item, memory, area->scale);
    if (wanted == LABEL_CARD && layout->cards >= CARDS_MAX) {
        wanted = LABEL_TITLE;
    }
    Choice best = best_choice(layout, item, wanted, area);
    Choice last = { memory->level, memory->slot };
    bool fresh = layout->frame - memory->seen > 1;
    bool last_fits =
        !fresh && last.level <= wanted && last.level != LABEL_HIDDEN &&
        (last.level < LABEL_TITLE || is_free(layout, box_at(item, last.level, last.slot, area), area));
    if (!last_fits || !is_better(best, last)) {
        memory->better = 0.0f;
        return last_fits ? last : best;
    }
    memory->better += seconds;
    if (memory->better < BETTER_AFTER) {
        return last;
    }
    memory->better = 0.0f;
    return best;
}

static int compare_ranked(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return x->item < y->item ? -1 : 1;
}

static void rank(LabelLayout *layout, const LabelItem *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        layout->memory_of[i] = memory_of(layout, items[i].key, i);
        const LabelMemory *memory = &layout->memories[layout->memory_of[i]];
        float value = items[i].depth * (memory->level >= LABEL_TITLE ? KEEP_RANK : 1.0f);
        layout->order[i] = (Ranked){ .rank = items[i].urgent ? value * 0.5f : value, .item = i };
    }
    qsort(layout->order, count, sizeof layout->order[0], compare_ranked);
}

/* Moves the shown box towards where it belongs. */
static CanvasRect glide(LabelMemory *memory, const LabelItem *item, CanvasRect box, bool fresh, float seconds)
{
    float x = (box.x0 + box.x1) * 0.5f - item->x, y = box.y1 - item->y;
    float keep = fresh ? 0.0f : expf(-seconds / SETTLE_TIME);
    memory->dx = x + (memory->dx - x) * keep;
    memory->dy = y + (memory->dy - y) * keep;
    float move_x = memory->dx - x, move_y = memory->dy - y;
    return (CanvasRect){ box.x0 + move_x, box.y0 + move_y, box.x1 + move_x, box.y1 + move_y };
}

void label_layout_run(LabelLayout *layout, const LabelArea *area, const LabelItem *items, uint32_t count,
                      float seconds, LabelPlace *out_places)
{
    memset(out_places, 0, count * sizeof out_places[0]);
    count = count < LABEL_LAYOUT_MAX ? count : LABEL_LAYOUT_MAX;
    layout->frame++;
    layout->occupied_count = 0;
    layout->cards = 0;
    rank(layout, items, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = layout->order[i].item;
        const LabelItem *item = &items[index];
        LabelMemory *memory = &layout->memories[layout->memory_of[index]];
        Choice choice = choose(layout, item, memory, area, seconds);
        bool fresh = layout->frame - memory->seen > 1 || memory->level < LABEL_TITLE;
        memory->seen = layout->frame;
        memory->level = choice.level;
        memory->slot = choice.slot;
        out_places[index].level = choice.level;
        if (choice.level < LABEL_TITLE) {
            continue;
        }
        CanvasRect box = box_at(item, choice.level, choice.slot, area);
        layout->occupied[layout->occupied_count++] = box;
        layout->cards += choice.level == LABEL_CARD;
        out_places[index].box = glide(memory, item, box, fresh, seconds);
    }
}
