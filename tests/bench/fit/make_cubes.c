/* make_cubes SEED FRAMES - writes another motion of 901 cubes to stdout, as cubes.bin holds it: a big cube
 * that rolls about, pushes over small ones that stand in rows, and carries off some of those it touches. For
 * checks that shared/wire/motion_table.h is good for more than what it was fitted to.
 *
 * The physics is plain: gravity, a floor that pushes up corners that are below it, friction, spheres for what
 * collides. 512 units are a metre, a step is a 60th of a second. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUBES   901
#define FIELDS  8
#define SMALL   102.5 /* half an edge */
#define BIG     384.0
#define GRAVITY 1.39
#define TOUCH   215.0 /* from middle to middle */
#define FIELD   14000.0
#define WALL    15500.0

typedef struct Cube {
    double p[3], v[3], q[4], w[3]; /* w: radians a step */
    double local[3], local_q[4];   /* in the big one's frame, while it is carried */
    int awake, carried, calm, touched;
} Cube;

static Cube cubes[CUBES];
static uint64_t state;

/* 0 to 1. */
static double chance(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 9007199254740992.0;
}

static double around(double most)
{
    return (2 * chance() - 1) * most;
}

static void multiply(const double *a, const double *b, double *out)
{
    double r[4] = { a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
                    a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
                    a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
                    a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2] };
    double length = sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2] + r[3] * r[3]);
    for (int k = 0; k < 4; k++) {
        out[k] = r[k] / length;
    }
}

static void turn(double *q, const double *w)
{
    double step[4] = { w[0] / 2, w[1] / 2, w[2] / 2, 1 };
    multiply(step, q, q);
}

static void rotate(const double *q, const double *v, double *out)
{
    double t[3] = { 2 * (q[1] * v[2] - q[2] * v[1]), 2 * (q[2] * v[0] - q[0] * v[2]),
                    2 * (q[0] * v[1] - q[1] * v[0]) };
    double r[3] = { v[0] + q[3] * t[0] + q[1] * t[2] - q[2] * t[1],
                    v[1] + q[3] * t[1] + q[2] * t[0] - q[0] * t[2],
                    v[2] + q[3] * t[2] + q[0] * t[1] - q[1] * t[0] };
    memcpy(out, r, sizeof r);
}

/* How high the middle must be; `out_lean` is the way in which the lowest corner lies. */
static double height_of(const double *q, double half, double *out_lean)
{
    double height = 0;
    out_lean[0] = out_lean[1] = 0;
    for (int axis = 0; axis < 3; axis++) {
        double edge[3] = { 0 };
        edge[axis] = half;
        rotate(q, edge, edge);
        double sign = edge[2] > 0 ? -1 : 1;
        height += fabs(edge[2]);
        out_lean[0] += sign * edge[0];
        out_lean[1] += sign * edge[1];
    }
    return height;
}

static void wake(Cube *cube)
{
    cube->awake = 1;
    cube->calm = 0;
}

/* The floor: pushes up, takes speed away, turns what stands on a corner until it lies. */
static void meet_floor(Cube *cube, double half)
{
    double lean[2], height = height_of(cube->q, half, lean);
    if (cube->p[2] > height + 0.5) {
        return;
    }
    double hit = cube->v[2];
    cube->p[2] = cube->p[2] < height ? cube->p[2] + 0.6 * (height - cube->p[2]) : cube->p[2];
    cube->v[2] = hit < 0 ? -0.25 * hit : hit;
    double weight = 0.5 * (GRAVITY + 0.3 * fabs(hit)) / (half * half);
    cube->w[0] += weight * lean[1];
    cube->w[1] -= weight * lean[0];
    for (int k = 0; k < 2; k++) { /* what slides begins to roll */
        double roll = k == 0 ? cube->w[1] * height : -cube->w[0] * height;
        double slip = cube->v[k] - roll;
        cube->v[k] -= 0.12 * slip;
        cube->w[1 - k] += (k == 0 ? 0.08 : -0.08) * slip / height;
    }
    for (int k = 0; k < 3; k++) {
        cube->w[k] *= 0.93;
        cube->v[k] *= 0.985;
    }
}

static void collide(Cube *a, Cube *b)
{
    double way[3], square = 0, closing = 0;
    for (int k = 0; k < 3; k++) {
        way[k] = a->p[k] - b->p[k];
        square += way[k] * way[k];
    }
    double distance = sqrt(square) + 1e-9;
    if (distance > TOUCH || (b->carried && a->carried)) {
        return;
    }
    for (int k = 0; k < 3; k++) {
        closing += (a->v[k] - b->v[k]) * way[k] / distance;
    }
    if (closing > -0.3 && distance > TOUCH - 6) {
        return;
    }
    double push = 0.06 * (TOUCH - distance) + (closing < 0 ? -0.6 * closing : 0);
    for (int k = 0; k < 3; k++) {
        a->v[k] += push * way[k] / distance;
        b->v[k] -= push * way[k] / distance;
        a->w[k] += around(push * 0.003);
        b->w[k] += around(push * 0.003);
    }
    if (!b->carried && push > 0.5) {
        wake(b);
        b->touched = a->touched > b->touched ? a->touched : b->touched;
    }
}

/* The big one: pushes a small one, or takes it along. */
static void meet_big(Cube *cube)
{
    const Cube *big = &cubes[0];
    double way[3], square = 0;
    for (int k = 0; k < 3; k++) {
        way[k] = cube->p[k] - big->p[k];
        square += way[k] * way[k];
    }
    double distance = sqrt(square) + 1e-9, reach = BIG + SMALL + 60;
    if (cube->carried || distance > reach) {
        return;
    }
    wake(cube);
    cube->touched = 60;
    if (chance() < 0.15) {
        double back[4] = { -big->q[0], -big->q[1], -big->q[2], big->q[3] };
        rotate(back, way, cube->local);
        multiply(back, cube->q, cube->local_q);
        cube->carried = 1;
        return;
    }
    for (int k = 0; k < 3; k++) {
        cube->v[k] += (0.05 * (reach - distance) + 0.3) * way[k] / distance + 0.1 * (big->v[k] - cube->v[k]);
        cube->w[k] += around(0.02);
    }
}

/* Along with the big one; the floor and a certain looseness shift it. */
static void carry(Cube *cube)
{
    const Cube *big = &cubes[0];
    double before[3], lean[2], spin[3];
    memcpy(before, cube->p, sizeof before);
    for (int k = 0; k < 3; k++) {
        cube->w[k] = 0.9 * cube->w[k] + around(0.002);
        spin[k] = cube->w[k];
        cube->local[k] += 12 * cube->w[(k + 1) % 3];
    }
    turn(cube->local_q, spin);
    rotate(big->q, cube->local, cube->p);
    for (int k = 0; k < 3; k++) {
        cube->p[k] += big->p[k];
    }
    multiply(big->q, cube->local_q, cube->q);
    double height = height_of(cube->q, SMALL, lean);
    if (cube->p[2] < height) { /* squeezed between the two */
        double way[3] = { around(2), around(2), height - cube->p[2] },
               back[4] = { -big->q[0], -big->q[1], -big->q[2], big->q[3] };
        cube->p[2] = height;
        rotate(back, way, way);
        for (int k = 0; k < 3; k++) {
            cube->local[k] += 0.8 * way[k];
            cube->w[k] += around(0.004);
        }
    }
    for (int k = 0; k < 3; k++) {
        cube->v[k] = cube->p[k] - before[k];
    }
    double far = 0;
    for (int k = 0; k < 3; k++) {
        far += cube->local[k] * cube->local[k];
    }
    cube->touched = 60;
    cube->carried = far < 900.0 * 900.0 && chance() > 0.002;
}

static void fall(Cube *cube, double half)
{
    cube->v[2] -= GRAVITY;
    for (int k = 0; k < 3; k++) {
        cube->p[k] += cube->v[k];
        if (k < 2 && fabs(cube->p[k]) > WALL && cube->p[k] * cube->v[k] > 0) {
            cube->v[k] *= -0.5;
        }
    }
    turn(cube->q, cube->w);
    meet_floor(cube, half);
    double speed =
        fabs(cube->v[0]) + fabs(cube->v[1]) + fabs(cube->v[2]) + 200 * (fabs(cube->w[0]) + fabs(cube->w[1]));
    cube->calm = speed < 2.5 ? cube->calm + 1 : 0;
    cube->awake = cube->calm < 30;
    cube->touched -= cube->touched > 0;
}

/* The big one is driven: where to changes now and then. */
static void drive(uint32_t frame)
{
    static double heading;
    Cube *big = &cubes[0];
    double pace = 2.2 + 1.2 * sin(frame / 140.0);
    if (fabs(big->p[0]) > FIELD / 2 || fabs(big->p[1]) > FIELD / 2) {
        heading = atan2(-big->p[1], -big->p[0]);
    }
    heading += around(0.05);
    big->v[0] += pace * cos(heading);
    big->v[1] += pace * sin(heading);
    if (frame % 400 == 399) {
        big->v[2] += 22;
    }
    fall(big, BIG);
    for (int k = 0; k < 2; k++) {
        big->v[k] *= 0.98;
    }
}

static void step(uint32_t frame)
{
    drive(frame);
    for (unsigned i = 1; i < CUBES; i++) {
        Cube *cube = &cubes[i];
        meet_big(cube);
        if (cube->carried) {
            carry(cube);
        } else if (cube->awake) {
            fall(cube, SMALL);
        }
        for (unsigned j = 1; j < CUBES && cube->awake; j++) {
            if (j != i) {
                collide(cube, &cubes[j]);
            }
        }
    }
}

static int32_t within(double value, int32_t least, int32_t most)
{
    double rounded = rint(value);
    return rounded < least ? least : rounded > most ? most : (int32_t)rounded;
}

static void write_frame(void)
{
    for (unsigned i = 0; i < CUBES; i++) {
        const Cube *cube = &cubes[i];
        int32_t v[FIELDS] = { 0 };
        for (int k = 1; k < 4; k++) {
            v[0] = fabs(cube->q[k]) > fabs(cube->q[v[0]]) ? k : v[0];
        }
        double sign = cube->q[v[0]] < 0 ? -1 : 1;
        for (int k = 0, place = 1; k < 4; k++) {
            if (k != v[0]) {
                v[place++] = within((sign * cube->q[k] * sqrt(2) + 1) * 255.5, 0, 511);
            }
        }
        v[4] = within(cube->p[0], -16383, 16383);
        v[5] = within(cube->p[1], -16383, 16383);
        v[6] = within(cube->p[2], 0, 8191);
        v[7] = i == 0 || cube->touched > 0;
        uint8_t bytes[sizeof v];
        for (int k = 0; k < FIELDS * 4; k++) {
            bytes[k] = (uint8_t)((uint32_t)v[k / 4] >> (8 * (k % 4)));
        }
        fwrite(bytes, 1, sizeof bytes, stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: make_cubes SEED FRAMES\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    uint32_t frames = (uint32_t)strtoul(argv[2], NULL, 10);
    for (unsigned i = 0; i < CUBES; i++) {
        Cube *cube = &cubes[i];
        *cube = (Cube){ .q = { 0, 0, 0, 1 } };
        unsigned column = (i + 29) % 30, row = (i + 29) / 30;
        cube->p[0] = column * 512.0 - 7424;
        cube->p[1] = row * 512.0 - 7936;
        cube->p[2] = SMALL;
    }
    cubes[0].p[0] = cubes[0].p[1] = 250;
    cubes[0].p[2] = 5117;
    for (uint32_t frame = 0; frame < frames; frame++) {
        step(frame);
        write_frame();
    }
    return ferror(stdout) || fflush(stdout) != 0;
}
