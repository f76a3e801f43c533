/* motion_stir.c - what may wake what rests: how near something is expected to move. */
#include "shared/wire/motion_math.h"

#define CELL_BITS  10   /* a cell of the movers' filter is 1024 wide, more than they reach */
#define STIR_REACH 800u /* a mover farther than this wakes nothing */

static uint32_t cell_of(uint32_t x, uint32_t y, uint32_t z)
{
    const uint32_t mask = UINT32_MAX >> CELL_BITS;
    uint32_t mixed = (x & mask) * 73856093u ^ (y & mask) * 19349663u ^ (z & mask) * 83492791u;
    return (mixed ^ mixed >> 15) % MOTION_CELLS;
}

static void mark_around(Motion *motion, const int32_t *at)
{
    uint32_t x = (uint32_t)at[0] >> CELL_BITS, y = (uint32_t)at[1] >> CELL_BITS,
             z = (uint32_t)at[2] >> CELL_BITS;
    for (uint32_t i = 0; i < 27; i++) {
        uint32_t cell = cell_of(x + i % 3 - 1, y + i / 3 % 3 - 1, z + i / 9 - 1);
        motion->cells[cell / 32] |= 1u << cell % 32;
    }
}

void motion_survey(Motion *motion)
{
    for (uint32_t i = 0; i < motion->baseline->entity_count && motion->mover_count < MOTION_MOVERS; i++) {
        if (motion_recent(motion, i) != 3) {
            continue;
        }
        const EntityState *base = &motion->baseline->entities[i];
        Vector went = displacement(base, motion_find(motion->past[MOTION_RECENT], i, base->handle));
        const int32_t was[3] = { base->x_mm, base->y_mm, base->z_mm };
        int32_t *at = i == motion->carrier ? motion->carrier_place : motion->movers[motion->mover_count];
        for (int k = 0; k < 3; k++) {
            int64_t further = over_lead(motion, went.v[k], MOTION_RECENT) >> FINE_BITS;
            at[k] = (int32_t)((uint32_t)was[k] + (uint32_t)further);
        }
        if (i == motion->carrier) {
            motion->carrier_moves = true;
        } else {
            mark_around(motion, at);
            motion->mover_count++;
        }
    }
}

static uint64_t distance_squared(const EntityState *base, const int32_t *at)
{
    int64_t x = between(base->x_mm, at[0]), y = between(base->y_mm, at[1]), z = between(base->z_mm, at[2]);
    return (uint64_t)(x * x) + (uint64_t)(y * y) + (uint64_t)(z * z);
}

/* The squared distance to the nearest mover, or what is farther than any reach. */
static uint32_t nearest_mover(const Motion *motion, const EntityState *base)
{
    const uint32_t x = (uint32_t)base->x_mm + STIR_REACH, y = (uint32_t)base->y_mm + STIR_REACH,
                   z = (uint32_t)base->z_mm + STIR_REACH;
    uint32_t nearest = UINT32_MAX;
    for (uint32_t i = 0; i < motion->mover_count; i++) {
        const int32_t *at = motion->movers[i];
        uint32_t dx = x - (uint32_t)at[0], dy = y - (uint32_t)at[1], dz = z - (uint32_t)at[2];
        if ((dx > 2 * STIR_REACH) | (dy > 2 * STIR_REACH) | (dz > 2 * STIR_REACH)) {
            continue;
        }
        dx -= STIR_REACH; /* squares do not mind that it wraps */
        dy -= STIR_REACH;
        dz -= STIR_REACH;
        uint32_t square = dx * dx + dy * dy + dz * dz;
        nearest = square < nearest ? square : nearest;
    }
    return nearest;
}

unsigned motion_stir(const Motion *motion, const EntityState *base)
{
    static const uint32_t reach[MOTION_STIRS - 1] = { 200, 250, 300, 350, 400, 500, STIR_REACH };
    uint64_t nearest = UINT64_MAX;
    uint32_t cell = cell_of((uint32_t)base->x_mm >> CELL_BITS, (uint32_t)base->y_mm >> CELL_BITS,
                            (uint32_t)base->z_mm >> CELL_BITS);
    if (motion->cells[cell / 32] >> cell % 32 & 1) {
        nearest = nearest_mover(motion, base);
    }
    if (motion->carrier_moves) { /* it is large, or nothing would move along with it */
        uint64_t square = distance_squared(base, motion->carrier_place) / 16;
        nearest = square < nearest ? square : nearest;
    }
    if (nearest >= (uint64_t)STIR_REACH * STIR_REACH) {
        return MOTION_STIRS - 1;
    }
    unsigned stir = 0;
    while (nearest >= (uint64_t)reach[stir] * reach[stir]) {
        stir++;
    }
    return stir;
}
