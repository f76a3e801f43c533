/* fit_motion CUBES ASTEROIDS [HALF] - fits the constants of shared/wire/motion_table.h to the two recorded
 * motions (not compressed) and prints the numbers of that file. HALF 0 or 1: only to that half of the frames,
 * to see on the other one how well it carries over; what each round costs in both halves goes to stderr.
 *
 * The codec itself runs over the frames and shows what it knows of every value (MOTION_OBSERVE). In turn,
 * weights of means follow by least squares, a residual counting less the wider its spread; spreads by
 * Fisher's scoring of the likelihood; shapes, a mixture of logistic densities, by expectation maximisation.
 * A class that hardly ever comes up keeps what it has; class 1 takes the spreads of class 10. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/wire/motion_subject.h"

static void see_value(unsigned kind, unsigned class, const int64_t *features, const int32_t *clues,
                      int32_t value, int64_t mean);
static void see_largest(unsigned place, int64_t gap, int hit);

#define MOTION_TABLE static
#define MOTION_OBSERVE(kind, class, features, clues, value, mean, spread)    \
    do {                                                                     \
        int32_t clues_seen[MOTION_CLUES];                                    \
        memcpy(clues_seen, (clues)->shared, sizeof(clues)->shared);          \
        for (unsigned own_seen = 0; own_seen < CLUES_OWN; own_seen++) {      \
            clues_seen[CLUES_SHARED + own_seen] = (clues)->own[own_seen][k]; \
        }                                                                    \
        memcpy(&clues_seen[CLUE_MISSED], rest, sizeof rest);                 \
        see_value(kind, class, features, clues_seen, value, mean);           \
    } while (0)
#define MOTION_OBSERVE_LARGEST(place, gap, hit)                see_largest(place, gap, hit)
#define MOTION_OBSERVE_TURN(motion, subject, now, expectation) see_rotation(subject, now, expectation)
struct Expectation;
static void see_rotation(const Subject *subject, const Quaternion *now,
                         const struct Expectation *expectation);
#include "shared/wire/motion_transform.c" /* on purpose: its tables shall be variable */

#define ROUNDS     7
#define SHAPES     4
#define COMPONENTS 7
#define FEW        60 /* samples that are too few to learn from */

static const double widths[COMPONENTS] = { 0.2, 0.4, 0.7, 1.2, 2.5, 8, 60 };
static double shares[2][SHAPES][COMPONENTS];

typedef struct Value {
    float features[MOTION_FEATURES], clues[MOTION_CLUES], value, mean, spread, bent;
} Value;

typedef struct Turn {
    float features[MOTION_FEATURES], value, spread;
} Turn;

typedef struct Series {
    void *items;
    size_t count, room;
} Series;

static Series values[2][MOTION_CLASSES], turns[MOTION_CLASSES];
static double hits[3][16][2];
static bool learning;

static void *more(Series *series, size_t size)
{
    if (series->count == series->room) {
        series->room = series->room * 2 + 1024;
        series->items = realloc(series->items, series->room * size);
        if (!series->items) {
            exit(1);
        }
    }
    return (char *)series->items + size * series->count++;
}

static int8_t *bend_row(unsigned kind, unsigned class, int clue)
{
    unsigned carried = is_carried(class);
    return kind ? motion_rotation_bend[carried].of[clue] : motion_position_bend[carried].of[clue];
}

/* Which of its bends a clue has; -1: it has none. */
static int bend_of(int clue, float value)
{
    return clue == 0 || clue > CLUE_MISSED ? -1 : (int)value;
}

/* What clues add to the logarithm of a spread beside their weights. */
static double bent(unsigned kind, unsigned class, const float *clues)
{
    double sum = 0;
    for (int i = 0; i < MOTION_CLUES; i++) {
        int bend = bend_of(i, clues[i]);
        sum += bend < 0 ? 0 : bend_row(kind, class, i)[bend] / 64.0;
    }
    return sum;
}

/* log2 of a spread. */
static double guess(const double *weights, const float *clues, double more)
{
    double sum = more - 4;
    for (int i = 0; i < MOTION_CLUES; i++) {
        sum += weights[i] * (double)clues[i];
    }
    return sum < -4 ? -4 : sum > 18 ? 18 : sum;
}

static int16_t *spread_row(unsigned kind, unsigned class)
{
    return kind ? motion_rotation_spread[class] : motion_position_spread[class];
}

static void see_value(unsigned kind, unsigned class, const int64_t *features, const int32_t *clues,
                      int32_t value, int64_t mean)
{
    if (!learning) {
        return;
    }
    Value *seen = more(&values[kind][class], sizeof *seen);
    double weights[MOTION_CLUES];
    for (int i = 0; i < MOTION_FEATURES; i++) {
        bool used = kind == 0 && (!is_carried(class) || i < CARRIED_PARTS);
        seen->features[i] = used ? (float)features[i] / 64 : 0;
    }
    for (int i = 0; i < MOTION_CLUES; i++) {
        seen->clues[i] = (float)clues[i] / 16;
        weights[i] = spread_row(kind, class)[i] / 64.0;
    }
    seen->value = (float)value;
    seen->mean = (float)mean / 64;
    seen->bent = (float)bent(kind, class, seen->clues);
    seen->spread = (float)guess(weights, seen->clues, (double)seen->bent);
}

static void see_turn(unsigned class, double value, const int64_t *features, int count, double scale)
{
    const Series *last = &values[1][class];
    Turn *seen = more(&turns[class], sizeof *seen);
    for (int i = 0; i < MOTION_FEATURES; i++) {
        seen->features[i] = i < count ? (float)((double)features[i] * scale) : 0;
    }
    seen->value = (float)(value * scale);
    seen->spread = last->count ? ((const Value *)last->items)[last->count - 1].spread : 0;
}

/* What is carried is expected by components, of 511 steps; others by angles. */
static void see_rotation(const Subject *subject, const Quaternion *now, const Expectation *expectation)
{
    Quaternion is = *now;
    unsigned largest = 0;
    for (unsigned k = 0; k < 4; k++) {
        largest = magnitude(is.v[k]) > magnitude(is.v[largest]) ? k : largest;
    }
    if (!learning) {
        return;
    }
    if (!subject->carried) {
        Quaternion turn = turn_between(&is, &subject->rotation);
        Vector angle = angle_of(&turn);
        for (unsigned k = 0; k < 3; k++) {
            see_turn(subject->turn_class, (double)angle.v[k], expectation->features[k], TURN_PARTS, 1 / 64.0);
        }
        return;
    }
    turn_signs(&is, &expectation->taken);
    for (unsigned k = 0; k < 4; k++) {
        int64_t features[MOTION_FEATURES] = { expectation->off[0].v[k], expectation->off[1].v[k] };
        for (unsigned i = 0; i < 4; i++) {
            features[2 + i] = turn_a_little(&expectation->taken, &expectation->turns[i]).v[k];
        }
        if (k != largest) {
            see_turn(subject->turn_class, (double)(is.v[k] - expectation->taken.v[k]), features,
                     MOTION_FEATURES, 1 / 181.0);
        }
    }
}

static void see_largest(unsigned place, int64_t gap, int hit)
{
    hits[place][gap < 15 ? gap : 15][hit != 0] += learning;
}

/* ---- fitting ---- */

#define UNKNOWNS MOTION_CLUES

/* Solves the first `count` equations in place; the right side is column `count`. */
static void solve(double a[UNKNOWNS][UNKNOWNS + 1], int count, double *out)
{
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            double factor = j == i || fabs(a[i][i]) < 1e-12 ? 0 : a[j][i] / a[i][i];
            for (int k = i; k <= count && factor != 0; k++) {
                a[j][k] -= factor * a[i][k];
            }
        }
    }
    for (int i = 0; i < count; i++) {
        out[i] = fabs(a[i][i]) < 1e-12 ? 0 : a[i][count] / a[i][i];
    }
}

static void fit_mean(int16_t *row, const Series *series, bool of_turns)
{
    double weights[MOTION_FEATURES];
    for (int i = 0; i < MOTION_FEATURES; i++) {
        weights[i] = row[i] / 512.0;
    }
    for (int round = 0; round < 6 && series->count >= FEW; round++) {
        double a[UNKNOWNS][UNKNOWNS + 1] = { { 0 } };
        for (size_t n = 0; n < series->count; n++) {
            const Value *value = (const Value *)series->items + (of_turns ? 0 : n);
            const Turn *turn = (const Turn *)series->items + (of_turns ? n : 0);
            const float *features = of_turns ? turn->features : value->features;
            double wanted = (double)(of_turns ? turn->value : value->value), off = wanted;
            double spread = exp2((double)(of_turns ? turn->spread - 0.5f : value->spread));
            for (int i = 0; i < MOTION_FEATURES; i++) {
                off -= weights[i] * (double)features[i];
            }
            double weight = 1 / (spread * (spread + fabs(off)) + 0.02);
            for (int i = 0; i < MOTION_FEATURES; i++) {
                for (int j = 0; j < MOTION_FEATURES; j++) {
                    a[i][j] += weight * (double)features[i] * (double)features[j];
                }
                a[i][MOTION_FEATURES] += weight * (double)features[i] * wanted;
            }
        }
        for (int i = 0; i < MOTION_FEATURES; i++) { /* what says nothing stays as it is */
            double stay = 20 + a[i][i] * 1e-4;
            a[i][i] += stay;
            a[i][MOTION_FEATURES] += stay * row[i] / 512.0;
        }
        solve(a, MOTION_FEATURES, weights);
    }
    for (int i = 0; i < MOTION_FEATURES && series->count >= FEW; i++) {
        double moved = rint(row[i] + 0.7 * (weights[i] * 512 - row[i]));
        row[i] = (int16_t)fmax(-4000, fmin(4000, moved));
    }
}

static double logistic(double x)
{
    return 1 / (1 + exp(-fmax(-40, fmin(40, x))));
}

/* The mass between two places, and the derivative of its logarithm by that of the spread. */
static double mass_of(const double *share, double low, double high, double *out_slope)
{
    double mass = 1e-5, slope = 0;
    for (int m = 0; m < COMPONENTS; m++) {
        double l = logistic(low / widths[m]), h = logistic(high / widths[m]);
        mass +=
            share[m] * (high + low > 0 ? logistic(-low / widths[m]) - logistic(-high / widths[m]) : h - l);
        slope -= share[m] * (high * h * (1 - h) - low * l * (1 - l)) / widths[m];
    }
    *out_slope = slope / mass;
    return mass;
}

static void fit_spread(int16_t *row, const Series *series, const double *share)
{
    double weights[MOTION_CLUES], best[MOTION_CLUES], least = 1e300, damping = 1e-3;
    static double kept[UNKNOWNS][UNKNOWNS + 1];
    size_t stride = series->count / 60000 + 1;
    stride += stride % 3 == 0; /* or it would see one coordinate only */
    for (int i = 0; i < MOTION_CLUES; i++) {
        best[i] = weights[i] = row[i] / 64.0;
    }
    for (int round = 0; round < 8 && series->count >= FEW; round++) {
        double a[UNKNOWNS][UNKNOWNS + 1] = { { 0 } }, cost = 0, count = 0;
        for (size_t n = 0; n < series->count; n += stride) {
            const Value *value = (const Value *)series->items + n;
            double spread = exp2(guess(weights, value->clues, (double)value->bent)), slope;
            double off = (double)value->value - (double)value->mean;
            cost -= log2(mass_of(share, (off - 0.5) / spread, (off + 0.5) / spread, &slope));
            slope *= 0.693;
            for (int i = 0; i < MOTION_CLUES; i++) {
                for (int j = 0; j < MOTION_CLUES; j++) {
                    a[i][j] += (slope * slope + 0.05) * (double)value->clues[i] * (double)value->clues[j];
                }
                a[i][MOTION_CLUES] += slope * (double)value->clues[i];
            }
            count++;
        }
        for (int i = 0; i < MOTION_CLUES; i++) {
            double stay = 1e-3 * count * a[i][i] / (a[0][0] + 1) + 3;
            a[i][i] += stay;
            a[i][MOTION_CLUES] += stay * (row[i] / 64.0 - weights[i]);
        }
        damping *= cost < least ? 0.3 : 6;
        if (cost < least) {
            least = cost;
            memcpy(best, weights, sizeof best);
            memcpy(kept, a, sizeof kept);
        }
        memcpy(a, kept, sizeof a);
        for (int i = 0; i < MOTION_CLUES; i++) {
            a[i][i] *= 1 + damping;
        }
        double step[MOTION_CLUES];
        solve(a, MOTION_CLUES, step);
        for (int i = 0; i < MOTION_CLUES; i++) {
            weights[i] = best[i] + step[i];
        }
    }
    for (int i = 0; i < MOTION_CLUES; i++) {
        row[i] = (int16_t)rint(best[i] * 64);
    }
}

#define BENDS (MOTION_CLUES * MOTION_BENDS)

/* One step towards the best bends of all that is carried, or is not. */
static void fit_bends(unsigned kind, bool carried)
{
    static double a[BENDS][BENDS], b[BENDS], step[BENDS];
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    double count = 0;
    for (unsigned class = 0; class < MOTION_CLASSES; class ++) {
        const Series *series = &values[kind][class];
        size_t stride = series->count / 60000 + 1;
        stride += stride % 3 == 0;
        for (size_t n = 0; is_carried(class) == carried && n < series->count; n += stride) {
            const Value *value = (const Value *)series->items + n;
            double spread = exp2((double)value->spread), off = (double)value->value - (double)value->mean,
                   slope;
            mass_of(shares[kind][group_of(class)], (off - 0.5) / spread, (off + 0.5) / spread, &slope);
            slope *= 0.693;
            int at[MOTION_CLUES];
            for (int i = 0; i < MOTION_CLUES; i++) {
                at[i] = bend_of(i, value->clues[i]);
                at[i] = at[i] < 0 ? -1 : i * MOTION_BENDS + at[i];
            }
            for (int i = 0; i < MOTION_CLUES; i++) {
                for (int j = 0; j < MOTION_CLUES && at[i] >= 0; j++) {
                    if (at[j] >= 0) {
                        a[at[i]][at[j]] += (double)stride * (slope * slope + 0.05);
                    }
                }
                if (at[i] >= 0) {
                    b[at[i]] += (double)stride * slope;
                }
            }
            count += (double)stride;
        }
    }
    for (int i = 0; i < BENDS && count > 0; i++) { /* what is rare stays straight */
        a[i][i] = a[i][i] * 1.05 + 30;
        b[i] -= 30 * bend_row(kind, carried ? 3 : 0, i / MOTION_BENDS)[i % MOTION_BENDS] / 64.0;
    }
    memset(step, 0, sizeof step);
    for (int round = 0; round < 200; round++) { /* Gauss and Seidel */
        for (int i = 0; i < BENDS; i++) {
            double sum = b[i];
            for (int j = 0; j < BENDS; j++) {
                sum -= j == i ? 0 : a[i][j] * step[j];
            }
            step[i] = a[i][i] > 0 ? sum / a[i][i] : 0;
        }
    }
    for (int i = 0; i < BENDS && count > 0; i++) {
        int8_t *bend = &bend_row(kind, carried ? 3 : 0, i / MOTION_BENDS)[i % MOTION_BENDS];
        *bend = (int8_t)rint(fmax(-120, fmin(120, *bend + 0.7 * 64 * step[i])));
    }
}

static void fit_shape(ResidualShape *shape, unsigned kind, unsigned group)
{
    double *share = shares[kind][group];
    for (int round = 0; round < 4; round++) {
        double sums[COMPONENTS] = { 0 }, total = 0;
        for (unsigned class = 0; class < MOTION_CLASSES; class ++) {
            const Series *series = &values[kind][class];
            size_t stride = series->count / 60000 + 1;
            stride += stride % 3 == 0;
            for (size_t n = 0; group_of(class) == group && n < series->count; n += stride) {
                const Value *value = (const Value *)series->items + n;
                double spread = exp2((double)value->spread), mass[COMPONENTS], all = 0;
                double off = fabs((double)value->value - (double)value->mean);
                for (int m = 0; m < COMPONENTS; m++) {
                    mass[m] = share[m] * (logistic(-(off - 0.5) / spread / widths[m]) -
                                          logistic(-(off + 0.5) / spread / widths[m]) + 1e-12);
                    all += mass[m];
                }
                for (int m = 0; m < COMPONENTS; m++) {
                    sums[m] += (double)stride * mass[m] / all;
                }
                total += (double)stride;
            }
        }
        for (int m = 0; m < COMPONENTS && total > 100; m++) {
            share[m] = (sums[m] + 20) / (total + 20 * COMPONENTS);
        }
    }
    for (int knot = 0; knot < RESIDUAL_KNOTS; knot++) {
        double place = knot <= 64 ? knot / 4.0 : 16 * exp2(knot - 64), above = -0.5;
        for (int m = 0; m < COMPONENTS; m++) {
            above += share[m] * logistic(place / widths[m]);
        }
        shape->above[knot] = (uint16_t)fmin(rint(fmax(above, 0) * 65278), 32639);
    }
}

/* ---- the recordings ---- */

typedef struct Recording {
    uint8_t *data;
    uint32_t frames, bodies, lag, steps;
    size_t frame_size;
    bool cubes;
} Recording;

static Recording load(const char *path, bool cubes)
{
    Recording recording = { .bodies = cubes ? 901 : 250,
                            .lag = cubes ? 6 : 3,
                            .steps = cubes ? 511 : 1090,
                            .frame_size = cubes ? 901 * 32 : 250 * 28,
                            .cubes = cubes };
    FILE *file = fopen(path, "rb");
    const size_t most = (size_t)128 << 20;
    recording.data = malloc(most);
    if (!file || !recording.data) {
        fprintf(stderr, "fit_motion: cannot read %s\n", path);
        exit(1);
    }
    recording.frames = (uint32_t)(fread(recording.data, 1, most, file) / recording.frame_size);
    fclose(file);
    return recording;
}

static void fill(const Recording *recording, uint32_t frame, Snapshot *next)
{
    next->entity_count = recording->bodies;
    for (uint32_t i = 0; i < recording->bodies; i++) {
        const uint8_t *at =
            recording->data + frame * recording->frame_size + (size_t)i * (recording->cubes ? 32 : 28);
        int32_t v[8];
        float f[7];
        memcpy(v, at, recording->cubes ? sizeof v : sizeof f);
        memcpy(f, at, sizeof f);
        EntityState *entity = &next->entities[i];
        *entity = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i }, .kind = ENTITY_PROP };
        if (recording->cubes) {
            entity->x_mm = v[4];
            entity->y_mm = v[5];
            entity->z_mm = v[6];
            entity->rotation = quat_join((unsigned)v[0], (uint64_t)v[1], (uint64_t)v[2], (uint64_t)v[3]);
        } else {
            entity->x_mm = (int32_t)lrint((double)f[0] / 0.0199);
            entity->y_mm = (int32_t)lrint((double)f[1] / 0.0199);
            entity->z_mm = (int32_t)lrint((double)f[2] / 0.0199);
            entity->rotation = quat_pack_steps(f + 3, recording->steps);
        }
    }
}

/* Codes all frames; learns from every `stride`th of those from `from` on. Prints bits a frame, by halves. */
static void run(const Recording *recording, uint32_t from, uint32_t to, uint32_t stride)
{
    static uint8_t storage[1 << 18];
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring;
    const SnapshotLimits limits = { .entities = recording->bodies, .format = { recording->steps } };
    if (snapshot_ring_create(limits, &arena, &ring) != STATUS_OK) {
        exit(1);
    }
    double bits[2] = { 0 };
    for (uint32_t n = 1; n <= recording->frames; n++) {
        Snapshot *next = snapshot_ring_begin(ring, n);
        fill(recording, n - 1, next);
        snapshot_ring_commit(ring, next);
        uint32_t lag = recording->lag, known = n > 63 ? n - lag : 0;
        SnapshotBase base = { 0 };
        if (known) {
            base = (SnapshotBase){ .baseline = snapshot_ring_find(ring, known),
                                   .recent = snapshot_ring_find(ring, known - 1),
                                   .old = snapshot_ring_find(ring, known - lag) };
            for (uint32_t i = 0; i < SNAPSHOT_OLDER; i++) {
                base.older[i] = snapshot_ring_find(ring, known - (2u << i) * lag);
            }
        }
        ByteBuffer out = { .data = storage, .capacity = sizeof storage };
        learning = known && n >= from && n < to && n % stride == 0;
        if (snapshot_encode_with(next, &base, &out) != STATUS_OK) {
            exit(1);
        }
        bits[n > recording->frames / 2] += known ? (double)out.size * 8 : 0;
    }
    learning = false;
    fprintf(stderr, "  %s: %.0f and %.0f bits a frame\n", recording->cubes ? "cubes" : "asteroids",
            bits[0] * 2 / recording->frames, bits[1] * 2 / recording->frames);
    arena_finish(&arena);
}

static void print_rows(const char *name, const int16_t *rows, int width)
{
    printf("%s:\n", name);
    for (int i = 0; i < MOTION_CLASSES * width; i++) {
        printf("%d%s", rows[i], i % width == width - 1 ? "\n" : ", ");
    }
}

static void print_bends(const char *name, const MotionBends *bends)
{
    printf("%s:\n", name);
    for (int i = 0; i < 2 * BENDS; i++) {
        int bend = bends[i / BENDS].of[i % BENDS / MOTION_BENDS][i % MOTION_BENDS];
        printf("%d%s", bend, i % MOTION_BENDS == MOTION_BENDS - 1 ? "\n" : ", ");
    }
}

static void print_shapes(const char *name, const ResidualShape *shapes)
{
    printf("%s:\n", name);
    for (int i = 0; i < SHAPES * RESIDUAL_KNOTS; i++) {
        printf("%u%s", shapes[i / RESIDUAL_KNOTS].above[i % RESIDUAL_KNOTS],
               i % RESIDUAL_KNOTS == RESIDUAL_KNOTS - 1 ? "\n" : ", ");
    }
}

static void fit(bool means)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        ResidualShape *shapes = kind ? motion_rotation_shape : motion_position_shape;
        for (unsigned group = 0; group < SHAPES && !means; group++) {
            fit_shape(&shapes[group], kind, group);
        }
        for (unsigned class = 0; class < MOTION_CLASSES; class ++) {
            if (means) {
                int16_t *row = kind ? motion_rotation_mean[class] : motion_position_mean[class];
                fit_mean(row, kind ? &turns[class] : &values[0][class], kind == 1);
            } else {
                fit_spread(spread_row(kind, class), &values[kind][class], shares[kind][group_of(class)]);
            }
        }
        for (unsigned carried = 0; carried < 2 && means; carried++) {
            fit_bends(kind, carried);
        }
        memcpy(spread_row(kind, CLASS_UNKNOWN), spread_row(kind, 10), sizeof motion_position_spread[0]);
    }
    for (unsigned i = 0; i < 48; i++) {
        const double *hit = hits[i / 16][i % 16];
        if (hit[0] + hit[1] > 20) {
            double part = rint(256 * (hit[1] + 0.5) / (hit[0] + hit[1] + 1));
            motion_largest[i / 16][i % 16] = (uint8_t)fmax(1, fmin(254, part));
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: fit_motion CUBES ASTEROIDS [HALF]\n");
        return 2;
    }
    const Recording recordings[] = { load(argv[1], true), load(argv[2], false) };
    static const double first[COMPONENTS] = { 0.05, 0.3, 0.3, 0.2, 0.1, 0.04, 0.01 };
    for (unsigned i = 0; i < 2 * SHAPES; i++) {
        memcpy(shares[i / SHAPES][i % SHAPES], first, sizeof first);
    }
    for (int round = 0; round < ROUNDS; round++) {
        fprintf(stderr, "round %d\n", round);
        for (unsigned i = 0; i < 2; i++) {
            uint32_t frames = recordings[i].frames, half = frames / 2;
            uint32_t from = argc > 3 && argv[3][0] == '1' ? half : 0;
            uint32_t to = argc > 3 && argv[3][0] == '0' ? half : frames + 1;
            run(&recordings[i], from, to, i == 0 ? 1 : 5);
        }
        fit(round % 2 == 1);
        for (unsigned class = 0; class < MOTION_CLASSES; class ++) {
            values[0][class].count = values[1][class].count = turns[class].count = 0;
        }
        memset(hits, 0, sizeof hits);
    }
    print_rows("position mean", motion_position_mean[0], MOTION_FEATURES);
    print_rows("rotation mean", motion_rotation_mean[0], MOTION_FEATURES);
    print_rows("position spread", motion_position_spread[0], MOTION_CLUES);
    print_rows("rotation spread", motion_rotation_spread[0], MOTION_CLUES);
    print_bends("position bend", motion_position_bend);
    print_bends("rotation bend", motion_rotation_bend);
    print_shapes("position shape", motion_position_shape);
    print_shapes("rotation shape", motion_rotation_shape);
    printf("largest:\n");
    for (unsigned i = 0; i < 48; i++) {
        printf("%u%s", motion_largest[i / 16][i % 16], i % 16 == 15 ? "\n" : ", ");
    }
    return 0;
}
