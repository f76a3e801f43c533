/* app_state.h - what an App is made of, shared by app.c and overlay.c. Not for anyone else. */
#ifndef CLIENT_APP_STATE_H
#define CLIENT_APP_STATE_H
#include "client/app.h"
#include "client/frame_stats.h"
#include "client/loading.h"
#include "client/operate.h"
#include "client/session/session.h"
#include "client/session/values.h"
#include "client/ui/ui.h"

typedef struct SourceSpeed {         /* source seconds a second, from two moments at least a second apart */
    TimeNs server_time, source_time; /* of the earlier one; TIME_NONE: not yet */
    double speed;
} SourceSpeed;

struct App {
    AppConfig config;
    AppPhase phase;
    char failure[800];
    int exit_code;
    bool stop;

    Platform *platform;
    Renderer renderer;
    Ui *ui;
    Session *session;
    Loading loading;
    bool loading_begun;
    WorldValues values;
    Operate operate;

    PlatformInput input;
    View view;
    Walk walk;
    bool walks;
    bool show_hud, show_labels, show_help;

    TimeNs live_since, next_step, last_frame, last_waiting, started; /* TIME_NONE before */
    TimeNs ended_at;             /* when the server was lost; TIME_NONE before */
    AvatarState own_before, own; /* after the last two steps */
    bool own_known;
    uint64_t live_frames;
    FrameStats stats;
    double stats_renewed; /* seconds since start when p50 and p99 were */
    SourceSpeed source_speed;

    SessionView shown; /* of the frame being drawn */
    AvatarState shown_own;
    RenderCamera camera;
    SessionAvatar *people; /* shown.avatars and the own one */
    uint32_t people_capacity, people_count;
    UiLabel *labels;
    uint32_t label_capacity;

    uint8_t *picture, *screenshot;
    uint32_t picture_width, picture_height, screenshot_width, screenshot_height;
    char *dump;
    size_t dump_size;
};

/* Describes panels, labels and notices of this frame to the UI. */
void overlay_describe(App *app);

#endif
