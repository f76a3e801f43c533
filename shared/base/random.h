/* random.h - seeded random numbers for simulation and tests; never for keys.
 * SplitMix64 (Steele, Lea, Flood 2014): 64-bit state, the same sequence on every host. */
#ifndef SHARED_BASE_RANDOM_H
#define SHARED_BASE_RANDOM_H
#include <stdint.h>

typedef struct Random {
    uint64_t state;
} Random;

static inline Random random_seeded(uint64_t seed)
{
    return (Random){ .state = seed };
}

static inline uint64_t random_u64(Random *random)
{
    uint64_t z = (random->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Uniform in [0, 1) with 53 bits. */
static inline double random_unit(Random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

/* Uniform in [0, bound); bound ≥ 1. The bias of bound / 2^64 does not matter here. */
static inline uint64_t random_below(Random *random, uint64_t bound)
{
    return random_u64(random) % bound;
}

static inline double random_between(Random *random, double low, double high)
{
    return low + (high - low) * random_unit(random);
}

#endif
