#include "shared/model/avatar.h"

#include "shared/model/solids.h"

#include <math.h>

/* Metres per second squared: full walking speed after about 80 ms, so that a step feels immediate but a
 * change of direction has no corner for the others' interpolation to cut. */
#define ACCELERATION 20.0f
#define STEP_SECONDS (1.0f / 60.0f)
#define TURN_RADIANS 6.283185307179586 /* one turn */
#define PITCH_MAX    16384             /* a quarter turn */
#define SLIDE_ROUNDS 4                 /* pushes out of boxes in one step; a corner of two boxes needs two */

/* sin over a quarter turn in 256 parts, the last entry included. A table of literals and linear interpolation
 * (error below 5e-6) give the same bits on every host; libm's sinf does not. */
static const float quarter_sine[257] = {
    0.0f,          0.00613588467f, 0.0122715384f, 0.0184067301f, 0.024541229f,  0.030674804f,  0.0368072242f,
    0.0429382585f, 0.0490676761f,  0.0551952459f, 0.061320737f,  0.0674439222f, 0.0735645667f, 0.0796824396f,
    0.0857973099f, 0.0919089541f,  0.0980171412f, 0.104121633f,  0.110222206f,  0.116318628f,  0.122410677f,
    0.128498107f,  0.134580702f,   0.140658244f,  0.146730468f,  0.152797192f,  0.15885815f,   0.164913118f,
    0.170961887f,  0.177004218f,   0.183039889f,  0.18906866f,   0.195090324f,  0.201104641f,  0.207111374f,
    0.213110313f,  0.219101235f,   0.225083917f,  0.231058106f,  0.237023607f,  0.242980182f,  0.248927608f,
    0.254865646f,  0.260794103f,   0.266712755f,  0.272621363f,  0.27851969f,   0.284407526f,  0.290284663f,
    0.296150893f,  0.302005947f,   0.307849646f,  0.313681751f,  0.319502026f,  0.32531029f,   0.331106305f,
    0.336889863f,  0.342660725f,   0.348418683f,  0.354163527f,  0.359895051f,  0.365612984f,  0.371317208f,
    0.377007425f,  0.382683426f,   0.388345033f,  0.393992037f,  0.399624199f,  0.405241311f,  0.410843164f,
    0.416429549f,  0.422000259f,   0.427555084f,  0.433093816f,  0.438616246f,  0.444122136f,  0.449611336f,
    0.455083579f,  0.460538715f,   0.465976506f,  0.471396744f,  0.47679922f,   0.482183784f,  0.487550169f,
    0.492898196f,  0.498227656f,   0.50353837f,   0.50883013f,   0.514102757f,  0.519356012f,  0.524589658f,
    0.529803634f,  0.534997642f,   0.540171444f,  0.545324981f,  0.550457954f,  0.555570245f,  0.560661554f,
    0.565731823f,  0.570780754f,   0.575808167f,  0.580813944f,  0.585797846f,  0.590759695f,  0.59569931f,
    0.600616455f,  0.605511069f,   0.610382795f,  0.615231574f,  0.620057225f,  0.624859512f,  0.629638255f,
    0.634393275f,  0.639124453f,   0.643831551f,  0.64851439f,   0.653172851f,  0.657806695f,  0.662415802f,
    0.666999936f,  0.671558976f,   0.676092684f,  0.680601001f,  0.685083687f,  0.689540565f,  0.693971455f,
    0.698376238f,  0.702754736f,   0.707106769f,  0.711432219f,  0.715730846f,  0.720002532f,  0.724247098f,
    0.728464365f,  0.732654274f,   0.736816585f,  0.740951121f,  0.745057762f,  0.749136388f,  0.753186822f,
    0.757208824f,  0.761202395f,   0.765167236f,  0.769103348f,  0.773010433f,  0.77688849f,   0.780737221f,
    0.784556568f,  0.78834641f,    0.792106569f,  0.795836926f,  0.799537241f,  0.803207517f,  0.806847572f,
    0.81045717f,   0.81403631f,    0.817584813f,  0.8211025f,    0.824589312f,  0.82804507f,   0.831469595f,
    0.834862888f,  0.838224709f,   0.841554999f,  0.84485358f,   0.848120332f,  0.851355195f,  0.854557991f,
    0.857728601f,  0.860866964f,   0.863972843f,  0.867046237f,  0.870086968f,  0.873094976f,  0.876070082f,
    0.879012227f,  0.881921291f,   0.884797096f,  0.887639642f,  0.890448749f,  0.893224299f,  0.895966232f,
    0.898674488f,  0.901348829f,   0.903989315f,  0.906595707f,  0.909168005f,  0.91170603f,   0.914209783f,
    0.916679084f,  0.919113874f,   0.921514034f,  0.923879504f,  0.926210225f,  0.928506076f,  0.93076694f,
    0.932992816f,  0.935183525f,   0.937339008f,  0.939459205f,  0.941544056f,  0.943593442f,  0.945607305f,
    0.947585583f,  0.949528158f,   0.95143503f,   0.953306019f,  0.955141187f,  0.956940353f,  0.958703458f,
    0.960430503f,  0.962121427f,   0.963776052f,  0.965394437f,  0.966976464f,  0.968522072f,  0.970031261f,
    0.971503913f,  0.972939968f,   0.974339366f,  0.975702107f,  0.977028131f,  0.97831738f,   0.979569793f,
    0.980785251f,  0.981963873f,   0.983105481f,  0.984210074f,  0.985277653f,  0.986308098f,  0.987301409f,
    0.988257587f,  0.989176512f,   0.990058184f,  0.990902662f,  0.991709769f,  0.992479563f,  0.993211925f,
    0.993906975f,  0.994564593f,   0.99518472f,   0.995767415f,  0.996312618f,  0.996820271f,  0.997290432f,
    0.997723043f,  0.998118103f,   0.998475552f,  0.99879545f,   0.999077737f,  0.999322355f,  0.999529421f,
    0.999698818f,  0.999830604f,   0.999924719f,  0.999981165f,  1.0f,
};

static float turn_sine(uint16_t turn)
{
    unsigned within = turn & 0x3fffu;
    bool falling = (turn & 0x4000u) != 0, negative = (turn & 0x8000u) != 0;
    if (falling) {
        within = 0x4000u - within;
    }
    unsigned part = within >> 6;
    float fraction = (float)(within & 63u) * (1.0f / 64.0f);
    float low = quarter_sine[part];
    float high = quarter_sine[part < 256 ? part + 1 : 256];
    float sine = low + (high - low) * fraction;
    return negative ? -sine : sine;
}

static float turn_cosine(uint16_t turn)
{
    return turn_sine((uint16_t)(turn + 0x4000u));
}

float avatar_yaw_radians(uint16_t yaw)
{
    return (float)(yaw * (TURN_RADIANS / 65536));
}

uint16_t avatar_yaw_from_radians(float radians)
{
    double turns = radians / TURN_RADIANS;
    if (!(turns > -1e9 && turns < 1e9)) {
        return 0; /* not finite, or so large that a float has no angle left in it */
    }
    turns -= (double)(int64_t)turns;
    return (uint16_t)(int32_t)(turns * 65536 + (turns < 0 ? -0.5 : 0.5));
}

/* The velocity that `input` asks for, in the world's x and z. */
static void wished_velocity(const AvatarInput *input, float out[2])
{
    float forward = (float)(input->forward < -127 ? -127 : input->forward) / 127.0f;
    float right = (float)(input->right < -127 ? -127 : input->right) / 127.0f;
    float length = sqrtf(forward * forward + right * right);
    float speed = input->run ? AVATAR_RUN_SPEED : AVATAR_WALK_SPEED;
    if (length > 1) {
        speed /= length; /* walking diagonally is not faster */
    }
    float sine = turn_sine(input->yaw), cosine = turn_cosine(input->yaw);
    out[0] = speed * (right * cosine - forward * sine);
    out[1] = speed * (-right * sine - forward * cosine);
}

static void accelerate(float velocity[2], const float wish[2])
{
    float change[2] = { wish[0] - velocity[0], wish[1] - velocity[1] };
    float length = sqrtf(change[0] * change[0] + change[1] * change[1]);
    float most = ACCELERATION * STEP_SECONDS;
    float part = length > most ? most / length : 1;
    velocity[0] += change[0] * part;
    velocity[1] += change[1] * part;
}

static float clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

/* How a circle of AVATAR_RADIUS at `position` gets out of `box`: `out_normal` (in the world) and the
 * distance, or false when it is not inside. */
static bool overlap(const SolidBox *box, const float position[2], float out_normal[2], float *out_distance)
{
    float dx = position[0] - box->center[0], dz = position[1] - box->center[1];
    float local[2] = { dx * box->along_x[0] + dz * box->along_x[1],
                       dx * box->along_z[0] + dz * box->along_z[1] };
    float gap[2] = { local[0] - clamp(local[0], -box->half[0], box->half[0]),
                     local[1] - clamp(local[1], -box->half[1], box->half[1]) };
    float squared = gap[0] * gap[0] + gap[1] * gap[1];
    float normal[2];
    if (squared >= AVATAR_RADIUS * AVATAR_RADIUS) {
        return false;
    }
    if (squared > 1e-12f) {
        float length = sqrtf(squared);
        normal[0] = gap[0] / length;
        normal[1] = gap[1] / length;
        *out_distance = AVATAR_RADIUS - length;
    } else { /* the centre is inside: out through the nearest side */
        float inside[2] = { box->half[0] - fabsf(local[0]), box->half[1] - fabsf(local[1]) };
        int side = inside[0] < inside[1] ? 0 : 1;
        normal[side] = local[side] < 0 ? -1 : 1;
        normal[1 - side] = 0;
        *out_distance = AVATAR_RADIUS + inside[side];
    }
    out_normal[0] = normal[0] * box->along_x[0] + normal[1] * box->along_z[0];
    out_normal[1] = normal[0] * box->along_x[1] + normal[1] * box->along_z[1];
    return true;
}

/* Moves `position` out of every box it overlaps and takes away the part of `velocity` that goes into them.
 * Returns whether it overlapped any. */
static bool push_out(const World *world, float position[2], float velocity[2])
{
    bool touched = false;
    SolidWalk walk = { .world = world };
    SolidBox storage;
    for (const SolidBox *box = solids_next(&walk, position, &storage); box != NULL;
         box = solids_next(&walk, position, &storage)) {
        float normal[2], distance;
        if (!overlap(box, position, normal, &distance)) {
            continue;
        }
        position[0] += normal[0] * distance;
        position[1] += normal[1] * distance;
        float into = velocity[0] * normal[0] + velocity[1] * normal[1];
        if (into < 0) {
            velocity[0] -= normal[0] * into;
            velocity[1] -= normal[1] * into;
        }
        /* Rounding leaves a hair of overlap; only more than that needs another round. */
        touched = touched || distance > 1e-4f;
    }
    return touched;
}

static void keep_in_bounds(const World *world, float position[2], float velocity[2])
{
    for (int i = 0; i < 2; i++) {
        if (position[i] < world->bounds_min[i]) {
            position[i] = world->bounds_min[i];
            velocity[i] = velocity[i] < 0 ? 0 : velocity[i];
        }
        if (position[i] > world->bounds_max[i]) {
            position[i] = world->bounds_max[i];
            velocity[i] = velocity[i] > 0 ? 0 : velocity[i];
        }
    }
}

/* A state can come from a peer: whatever is not finite begins again at the first spawn point, at rest. */
static void repair(AvatarState *state, const World *world)
{
    for (int i = 0; i < 3; i++) {
        if (!isfinite(state->position[i])) {
            state->position[i] = world->spawn_point_count > 0 ? world->spawn_points[0].position[i] : 0;
        }
    }
    float squared = state->velocity[0] * state->velocity[0] + state->velocity[1] * state->velocity[1];
    if (!(squared <= AVATAR_RUN_SPEED * AVATAR_RUN_SPEED * 1.01f)) {
        state->velocity[0] = 0;
        state->velocity[1] = 0;
    }
}

void avatar_step(AvatarState *state, const AvatarInput *input, const World *world)
{
    repair(state, world);
    state->yaw = input->yaw;
    state->pitch = (int16_t)(input->pitch < -PITCH_MAX  ? -PITCH_MAX
                             : input->pitch > PITCH_MAX ? PITCH_MAX
                                                        : input->pitch);
    float wish[2];
    wished_velocity(input, wish);
    accelerate(state->velocity, wish);

    /* At most 7 cm a step, less than the radius: no box, however thin, can be stepped over. */
    float before[2] = { state->position[0], state->position[2] };
    float position[2] = { before[0] + state->velocity[0] * STEP_SECONDS,
                          before[1] + state->velocity[1] * STEP_SECONDS };
    bool stuck = true;
    for (int round = 0; round < SLIDE_ROUNDS && stuck; round++) {
        stuck = push_out(world, position, state->velocity);
        keep_in_bounds(world, position, state->velocity);
    }
    if (stuck) { /* wedged between boxes: stay rather than be squeezed through one of them */
        float rest[2] = { before[0], before[1] };
        state->velocity[0] = 0;
        state->velocity[1] = 0;
        if (!push_out(world, rest, state->velocity)) {
            position[0] = before[0];
            position[1] = before[1];
        }
    }
    state->position[0] = position[0];
    state->position[2] = position[1];
}
