/* view.h - where the person looks from and what that makes the avatar do: eyes of the avatar, an orbit around
 * it, or a fixed camera. Pure: input in, camera and avatar input out. */
#ifndef CLIENT_VIEW_H
#define CLIENT_VIEW_H
#include "client/platform/platform.h"
#include "client/render/renderer.h"
#include "shared/model/avatar.h"

typedef enum ViewMode { VIEW_FIRST_PERSON, VIEW_ORBIT, VIEW_FIXED, VIEW_MODE_COUNT } ViewMode;

typedef struct ViewFixed { /* --camera */
    float position[3];     /* metres */
    float yaw, pitch;      /* radians */
} ViewFixed;

typedef struct View {
    ViewMode mode;
    bool has_fixed;
    ViewFixed fixed;
    bool placed;      /* knows where the avatar looks */
    float yaw, pitch; /* radians: where the person looks */
    float distance;   /* metres from the avatar in orbit, as shown */
    float wished_distance;
    float focus[3]; /* what the orbit turns around, following smoothly */
    bool focused;
} View;

/* Reads "x,y,z,yaw,pitch": metres and degrees. STATUS_MALFORMED, STATUS_OUT_OF_RANGE with `diag`. */
NODISCARD Status view_parse_camera(const char *text, ViewFixed *out_fixed, Diag *diag);

/* `fixed` NULL: begins in first person. */
void view_init(View *view, const ViewFixed *fixed);

/* Takes the frame's look, zoom and mode keys. `own` NULL: not known yet. */
void view_update(View *view, const PlatformInput *input, const AvatarState *own, float seconds);

/* What the keys held now ask the avatar to do in one step. In orbit it walks to where the camera looks. */
void view_avatar_input(const View *view, const PlatformInput *input, AvatarInput *out_input);

/* Follows an avatar that something else steers (--walk). */
void view_follow(View *view, const AvatarState *own);

/* The camera for an avatar standing at `own` (NULL: not known; a place over the world's middle). */
void view_camera(const View *view, const AvatarState *own, const World *world, RenderCamera *out_camera);

const char *view_mode_text(ViewMode mode); /* "First person" */

#endif
