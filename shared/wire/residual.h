/* residual.h - codes an integer of which a mean and a spread are known.
 * The integer is in a bin of a symmetric density about the mean, the bin is one symbol of the range coder,
 * and the bits below the bin's width follow as they are. No adaptation: what is known is in the mean and the
 * spread. Integers only; the model is written out in shared/PROTOCOL.md, "Residuals". Pure. */
#ifndef SHARED_WIRE_RESIDUAL_H
#define SHARED_WIRE_RESIDUAL_H
#include "shared/wire/range_coder.h"

#define RESIDUAL_FINE   64  /* a mean is in 1/64 */
#define RESIDUAL_SPREAD 176 /* spreads are 2^(n/8 - 4), n below this */
#define RESIDUAL_KNOTS  73

/* A density: 65278 times the probability of lying below mean + spread × i / 4 for i = 0..64, then
 * below mean + spread × 32, 64 … 4096, less half. */
typedef struct ResidualShape {
    uint16_t above[RESIDUAL_KNOTS];
} ResidualShape;

/* Codes `value`; mod 2^32, so that any value can be told with any mean (in 1/64). */
int32_t residual_code(RangeCoder *coder, const ResidualShape *shape, int64_t mean, unsigned spread,
                      int32_t value);

#endif
