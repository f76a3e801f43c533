#include "client/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RADIANS(degrees) ((degrees)*0.017453293f)
#define PITCH_MAX        RADIANS(89.0f)
#define LOOK_RATE        0.0028f         /* radians a pixel of mouse motion */
#define TURN_RATE        RADIANS(110.0f) /* a second, by keys */
#define ZOOM_STEP        0.88f           /* of the distance, a wheel step */
#define DISTANCE_START   6.0f
#define DISTANCE_MIN     1.5f
#define DISTANCE_MAX     150.0f
#define ORBIT_PITCH      RADIANS(-11.0f)
#define FOCUS_HEIGHT     1.2f /* metres over the feet */
#define FOLLOW_TIME      0.10f
#define ZOOM_TIME        0.08f
#define GROUND_CLEARANCE 0.25f

const char *view_mode_text(ViewMode mode)
{
    static const char *const texts[VIEW_MODE_COUNT] = { "First person", "Orbit", "Fixed camera" };
    return texts[mode];
}

Status view_parse_camera(const char *text, ViewFixed *out_fixed, Diag *diag)
{
    double n[5];
    int used = 0;
    if (sscanf(text, "%32lf ,%32lf ,%32lf ,%32lf ,%32lf %n", &n[0], &n[1], &n[2], &n[3], &n[4], &used) != 5 ||
        text[used] != '\0') {
        return diag_set(diag, STATUS_MALFORMED, "", 0,
                        "--camera: \"%s\" is not \"x,y,z,yaw,pitch\" (metres and degrees)", text);
    }
    for (int i = 0; i < 5; i++) {
        if (!(fabs(n[i]) <= 1e6)) {
            return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0, "--camera: number %d is out of range", i + 1);
        }
    }
    *out_fixed = (ViewFixed){ .position = { (float)n[0], (float)n[1], (float)n[2] },
                              .yaw = RADIANS((float)n[3]),
                              .pitch = fminf(fmaxf(RADIANS((float)n[4]), -PITCH_MAX), PITCH_MAX) };
    return STATUS_OK;
}

void view_init(View *view, const ViewFixed *fixed)
{
    *view = (View){ .mode = fixed != NULL ? VIEW_FIXED : VIEW_FIRST_PERSON,
                    .has_fixed = fixed != NULL,
                    .distance = DISTANCE_START,
                    .wished_distance = DISTANCE_START };
    if (fixed != NULL) {
        view->fixed = *fixed;
    }
}

static float pitch_radians(int16_t pitch)
{
    return (float)pitch * (6.2831853f / 65536.0f);
}

/* From behind one wants to see the ground that is walked on. */
static void look_down_in_orbit(View *view)
{
    if (view->mode == VIEW_ORBIT && fabsf(view->pitch) < RADIANS(3.0f)) {
        view->pitch = ORBIT_PITCH;
    }
}

static void next_mode(View *view)
{
    view->mode = (ViewMode)((view->mode + 1) % VIEW_MODE_COUNT);
    look_down_in_orbit(view);
    if (view->mode == VIEW_FIXED && !view->has_fixed) {
        view->mode = VIEW_FIRST_PERSON;
    }
}

static void look(View *view, const PlatformInput *input, float seconds)
{
    float turn = (float)input->held[CONTROL_TURN_LEFT] - (float)input->held[CONTROL_TURN_RIGHT];
    float lift = (float)input->held[CONTROL_LOOK_UP] - (float)input->held[CONTROL_LOOK_DOWN];
    view->yaw = remainderf(view->yaw - input->look_x * LOOK_RATE + turn * TURN_RATE * seconds, 6.2831853f);
    view->pitch += -input->look_y * LOOK_RATE + lift * TURN_RATE * 0.6f * seconds;
    view->pitch = fminf(fmaxf(view->pitch, -PITCH_MAX), PITCH_MAX);
}

static void follow_focus(View *view, const AvatarState *own, float seconds)
{
    float keep = view->focused ? expf(-seconds / FOLLOW_TIME) : 0.0f;
    float zoom_keep = expf(-seconds / ZOOM_TIME);
    for (int i = 0; i < 3; i++) {
        float wanted = own->position[i] + (i == 1 ? FOCUS_HEIGHT : 0.0f);
        view->focus[i] = wanted + (view->focus[i] - wanted) * keep;
    }
    view->focused = true;
    view->distance = view->wished_distance + (view->distance - view->wished_distance) * zoom_keep;
}

void view_update(View *view, const PlatformInput *input, const AvatarState *own, float seconds)
{
    if (input->pressed[CONTROL_CAMERA]) {
        next_mode(view);
    }
    if (own != NULL && !view->placed) {
        view->yaw = avatar_yaw_radians(own->yaw);
        view->pitch = pitch_radians(own->pitch);
        view->placed = true;
        look_down_in_orbit(view);
    }
    look(view, input, seconds);
    view->wished_distance *= powf(ZOOM_STEP, input->zoom);
    view->wished_distance = fminf(fmaxf(view->wished_distance, DISTANCE_MIN), DISTANCE_MAX);
    if (own != NULL) {
        follow_focus(view, own, seconds);
    }
}

void view_follow(View *view, const AvatarState *own)
{
    if (view->mode == VIEW_FIRST_PERSON) {
        view->yaw = avatar_yaw_radians(own->yaw);
    }
}

void view_avatar_input(const View *view, const PlatformInput *input, AvatarInput *out_input)
{
    int forward = input->held[CONTROL_FORWARD] - input->held[CONTROL_BACK];
    int right = input->held[CONTROL_RIGHT] - input->held[CONTROL_LEFT];
    float pitch = view->mode == VIEW_ORBIT ? 0.0f : view->pitch;
    *out_input = (AvatarInput){ .forward = (int8_t)(forward * 127),
                                .right = (int8_t)(right * 127),
                                .run = input->held[CONTROL_RUN],
                                .yaw = avatar_yaw_from_radians(view->yaw),
                                .pitch = (int16_t)lroundf(pitch * (65536.0f / 6.2831853f)) };
}

static void overview(const World *world, RenderCamera *out_camera)
{
    float x = (world->bounds_min[0] + world->bounds_max[0]) * 0.5f;
    float z = (world->bounds_min[1] + world->bounds_max[1]) * 0.5f;
    float half =
        fmaxf(world->bounds_max[0] - world->bounds_min[0], world->bounds_max[1] - world->bounds_min[1]) *
        0.5f;
    out_camera->position[0] = x;
    out_camera->position[1] = fmaxf(half, 3.0f);
    out_camera->position[2] = z + fmaxf(half, 3.0f);
    out_camera->pitch = RADIANS(-45.0f);
}

static void orbit(const View *view, RenderCamera *out_camera)
{
    float flat = cosf(view->pitch) * view->distance;
    out_camera->yaw = view->yaw;
    out_camera->pitch = view->pitch;
    out_camera->position[0] = view->focus[0] + sinf(view->yaw) * flat;
    out_camera->position[1] = fmaxf(view->focus[1] - sinf(view->pitch) * view->distance, GROUND_CLEARANCE);
    out_camera->position[2] = view->focus[2] + cosf(view->yaw) * flat;
}

void view_camera(const View *view, const AvatarState *own, const World *world, RenderCamera *out_camera)
{
    *out_camera = (RenderCamera){ 0 };
    if (view->mode == VIEW_FIXED) {
        memcpy(out_camera->position, view->fixed.position, sizeof view->fixed.position);
        out_camera->yaw = view->fixed.yaw;
        out_camera->pitch = view->fixed.pitch;
    } else if (own == NULL) {
        overview(world, out_camera);
    } else if (view->mode == VIEW_ORBIT) {
        orbit(view, out_camera);
    } else {
        out_camera->position[0] = own->position[0];
        out_camera->position[1] = own->position[1] + AVATAR_EYE_HEIGHT;
        out_camera->position[2] = own->position[2];
        out_camera->yaw = view->yaw;
        out_camera->pitch = view->pitch;
    }
}
