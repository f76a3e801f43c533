/* motion_stir.c - what may wake what rests: how near something is expected to move. */
#include "shared/wire/motion_math.h"

#define SLAB_BITS  9    /* a slab is 512 wide; every MOTION_SLABS-th is the same one */
#define STIR_REACH 800u /* a mover farther than this wakes nothing */

static void mark_reach(Motion *motion, uint32_t mover)
{
    static_assert(2 * STIR_REACH >> SLAB_BITS == 3, "it reaches into four slabs, or one more");
    const uint64_t bit = UINT64_C(1) << mover % 64;
    const uint32_t word = mover / 64;
    for (int k = 0; k < 3; k++) {
        const uint32_t at = (uint32_t)motion->movers[mover][k];
        const uint32_t first = (at - STIR_REACH) >> SLAB_BITS, last = (at + STIR_REACH) >> SLAB_BITS;
        for (uint32_t i = 0; i < 4; i++) {
            motion->slabs[k][(first + i) % MOTION_SLABS][word] |= bit;
        }
        motion->slabs[k][last % MOTION_SLABS][word] |= bit;
    }
}

/* A box reaches `far` up from `from`; compared as signed numbers, of which INT32_MIN is the lowest. */
static void set_reach(Motion *motion, unsigned box, int k, uint32_t from, uint32_t far)
{
    motion->reached_from[box][k] = (int32_t)(from - (UINT32_C(1) << 31));
    motion->reached[box][k] = (int32_t)(far - (UINT32_C(1) << 31));
}

/* The box of all movers and their reach. */
static void bound_reach(Motion *motion)
{
    for (int k = 0; k < 3; k++) {
        int32_t least = 0, most = 0;
        for (uint32_t i = 1; i < motion->mover_count; i++) {
            int32_t off = (int32_t)((uint32_t)motion->movers[i][k] - (uint32_t)motion->movers[0][k]);
            least = off < least ? off : least;
            most = off > most ? off : most;
        }
        bool wide = (int64_t)most - least > INT32_MAX;
        set_reach(motion, 0, k, (uint32_t)motion->movers[0][k] + (uint32_t)least - STIR_REACH,
                  wide ? UINT32_MAX : (uint32_t)most - (uint32_t)least + 2 * STIR_REACH);
    }
}

void motion_survey(Motion *motion)
{
    const uint32_t count = motion->baseline->entity_count;
    for (uint32_t i = motion_next(motion, 0); i < count && motion->mover_count < MOTION_MOVERS;
         i = motion_next(motion, i + 1)) {
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
            for (int k = 0; k < 3; k++) {
                set_reach(motion, 1, k, (uint32_t)at[k] - 4 * STIR_REACH, 8 * STIR_REACH);
            }
        } else {
            mark_reach(motion, motion->mover_count++);
        }
    }
    motion->reached[0][3] = motion->reached[1][3] = INT32_MAX; /* no place: anywhere is within */
    if (motion->mover_count > 0) {
        bound_reach(motion);
    }
}

/* The squared distance to the nearest mover, or what is farther than any reach. */
static inline uint32_t nearest_mover(const Motion *motion, const EntityState *base)
{
    const uint32_t x = (uint32_t)base->x_mm, y = (uint32_t)base->y_mm, z = (uint32_t)base->z_mm;
    const uint64_t *const near[3] = { motion->slabs[0][(x >> SLAB_BITS) % MOTION_SLABS],
                                      motion->slabs[1][(y >> SLAB_BITS) % MOTION_SLABS],
                                      motion->slabs[2][(z >> SLAB_BITS) % MOTION_SLABS] };
    uint32_t nearest = UINT32_MAX;
    for (uint32_t word = 0; word * 64 < motion->mover_count; word++) {
        for (uint64_t some = near[0][word] & near[1][word] & near[2][word]; some; some &= some - 1) {
            const int32_t *at = motion->movers[word * 64 + (uint32_t)__builtin_ctzll(some)];
            uint32_t dx = x - (uint32_t)at[0], dy = y - (uint32_t)at[1], dz = z - (uint32_t)at[2];
            if ((dx + STIR_REACH > 2 * STIR_REACH) | (dy + STIR_REACH > 2 * STIR_REACH) |
                (dz + STIR_REACH > 2 * STIR_REACH)) {
                continue;
            }
            uint32_t square = dx * dx + dy * dy + dz * dz;
            nearest = square < nearest ? square : nearest;
        }
    }
    return nearest;
}

unsigned motion_stir_near(const Motion *motion, const EntityState *base)
{
    static const uint32_t reach[MOTION_STIRS - 1] = { 200, 250, 300, 350, 400, 500, STIR_REACH };
    uint32_t nearest = motion_reached(motion, base, 0) ? nearest_mover(motion, base) : UINT32_MAX;
    if (motion->carrier_moves &&
        motion_reached(motion, base, 1)) { /* it is large, or nothing would move along with it */
        const int32_t *at = motion->carrier_place;
        uint32_t dx = (uint32_t)base->x_mm - (uint32_t)at[0], dy = (uint32_t)base->y_mm - (uint32_t)at[1],
                 dz = (uint32_t)base->z_mm - (uint32_t)at[2];
        uint32_t square = (dx * dx + dy * dy + dz * dz) / 16;
        nearest = square < nearest ? square : nearest;
    }
    if (nearest >= STIR_REACH * STIR_REACH) {
        return MOTION_STIRS - 1;
    }
    unsigned stir = 0;
    while (nearest >= reach[stir] * reach[stir]) {
        stir++;
    }
    return stir;
}
