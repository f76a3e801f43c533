#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/sim/session_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const SimLink clean = { 0 };
static const SimLink rough = {
    .latency = 75 * TIME_MS, .jitter = 20 * TIME_MS, .loss = 0.05, .duplication = 0.02, .reorder = 0.02
};

static Rig *make_rig_with(SimLink link, uint32_t sessions, uint64_t seed, bool tickless)
{
    Rig *rig = malloc(sizeof *rig);
    assert_non_null(rig);
    rig_init_with(rig, link, sessions, seed, 0, tickless, 0);
    return rig;
}

static Rig *make_rig(SimLink link, uint32_t sessions, uint64_t seed)
{
    return make_rig_with(link, sessions, seed, false);
}

static void drop_rig(Rig *rig)
{
    rig_finish(rig);
    free(rig);
}

static TimeNs seconds_from_start(double seconds)
{
    return RIG_SERVER_START + time_from_seconds(seconds);
}

/* ---- values ---- */

static void compare_values(Rig *rig, uint32_t index, void *context)
{
    RigClient *client = &rig->clients[index];
    (void)context;
    if (!client->view.valid || client->view.source_time == TIME_NONE) {
        return;
    }
    static Reported truth[RIG_THINGS][SMALL_PROPERTIES];
    rig_truth(rig, client->view.source_time, truth);
    world_values_fill(&client->values, client->view.snapshot);
    for (uint32_t t = 0; t < RIG_THINGS; t++) {
        for (uint32_t p = 0; p < SMALL_PROPERTIES; p++) {
            const Reported *shown = world_value(&client->values, t, p);
            if (truth[t][p].quality == QUALITY_NONE) {
                assert_int_equal(shown->quality, QUALITY_NONE);
                continue;
            }
            assert_true(shown->quality == QUALITY_GOOD || shown->quality == QUALITY_STALE);
            assert_true(shown->code == truth[t][p].code);
            assert_true(shown->source_time == truth[t][p].source_time);
            if (p == SMALL_NOTE) { /* the text must be there, and be the right one */
                assert_string_equal(text_get(session_texts(client->session), (uint32_t)shown->code),
                                    text_get(&rig->small.texts, (uint32_t)shown->code));
            }
            client->checked++;
        }
    }
}

static void values_over(SimLink link, uint64_t seed, bool tickless, uint64_t snapshots)
{
    Rig *rig = make_rig_with(link, 8, seed, tickless);
    rig_connect(rig, 0, "Ada", NULL);
    rig_connect(rig, 1, "Bob", NULL);
    rig_run(rig, seconds_from_start(8), compare_values, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        RigClient *client = &rig->clients[i];
        SessionStats stats = session_stats(client->session);
        print_message("client %u: %u values compared, %llu snapshots, %llu lost, delay %.1f ms\n", i,
                      client->checked, (unsigned long long)stats.snapshots, (unsigned long long)stats.lost,
                      stats.delay_ms);
        assert_int_equal(session_state(client->session), SESSION_LIVE);
        assert_true(client->checked > 10000);
        assert_true(stats.snapshots >= snapshots); /* of 240 */
        assert_int_equal(stats.refused, 0);
        assert_true(client->view.source_time > RIG_EPOCH + 60 * TIME_SECOND);
    }
    drop_rig(rig);
}

static void test_values_clean(void **state)
{
    (void)state;
    values_over(clean, 1, false, 230);
}

static void test_values_rough(void **state)
{
    (void)state;
    values_over(rough, 2, false, 160);
}

static void test_values_very_rough(void **state)
{
    (void)state;
    SimLink link = rough;
    link.loss = 0.2;
    values_over(link, 3, false, 120);
}

/* Between ticks a packet says only what is new; what a lost one said comes again soon. Until then a value may
 * be older than the time shown, but it is one that was. */
static void compare_with_what_was(Rig *rig, uint32_t index, void *context)
{
    uint32_t *late = context;
    RigClient *client = &rig->clients[index];
    if (!client->view.valid || client->view.source_time == TIME_NONE) {
        return;
    }
    static Reported truth[RIG_THINGS][SMALL_PROPERTIES], was[RIG_THINGS][SMALL_PROPERTIES];
    rig_truth(rig, client->view.source_time, truth);
    world_values_fill(&client->values, client->view.snapshot);
    for (uint32_t t = 0; t < RIG_THINGS; t++) {
        for (uint32_t p = 0; p < SMALL_PROPERTIES; p++) {
            const Reported *shown = world_value(&client->values, t, p);
            client->checked++;
            if (shown->code == truth[t][p].code && shown->source_time == truth[t][p].source_time) {
                continue;
            }
            (*late)++;
            assert_true(truth[t][p].quality != QUALITY_NONE);
            if (shown->quality != QUALITY_NONE) {
                rig_truth(rig, shown->source_time, was);
                assert_true(shown->code == was[t][p].code && shown->source_time < truth[t][p].source_time);
            }
        }
    }
}

static void test_values_tickless(void **state)
{
    (void)state;
    values_over(clean, 4, true, 1200);
    Rig *rig = make_rig_with(rough, 8, 5, true);
    RigClient *client = rig_connect(rig, 0, "Ada", NULL);
    uint32_t late = 0;
    rig_run(rig, seconds_from_start(8), compare_with_what_was, &late);
    print_message("tickless, 150 ms, 5 %% loss: %.2f %% of %u values were older than the time shown, %llu "
                  "snapshots\n",
                  100.0 * late / client->checked, client->checked,
                  (unsigned long long)session_stats(client->session).snapshots);
    assert_true(client->checked > 10000 && late < client->checked / 100);
    rig->trace.next = rig->trace.count; /* no more samples: soon everything is as it is */
    rig_run(rig, seconds_from_start(9.5), NULL, NULL);
    world_values_fill(&client->values, client->view.snapshot);
    for (uint32_t t = 0; t < RIG_THINGS; t++) {
        for (uint32_t p = 0; p < SMALL_PROPERTIES; p++) {
            const Reported *reported =
                twin_reported(server_parts(rig->server)->twin, (uint16_t)t, (uint8_t)p);
            assert_true(world_value(&client->values, t, p)->code == reported->code);
            assert_true(world_value(&client->values, t, p)->source_time == reported->source_time ||
                        reported->quality == QUALITY_NONE);
        }
    }
    drop_rig(rig);
}

/* ---- motion ---- */

#define TRACK_MAX 4000u

typedef struct Track { /* what Bob is shown of Ada, and what the server said of her */
    TimeNs time[TRACK_MAX];
    float place[TRACK_MAX][3];
    uint32_t count;
} Track;

typedef struct Motion {
    Track shown, told, own;
    float correction_max;
} Motion;

static AvatarInput stroll(uint32_t step, const AvatarState *own)
{
    (void)own;
    uint32_t phase = step % 360; /* walk, walk in a curve, stand, turn, run */
    AvatarInput input = { .yaw = (uint16_t)(step / 360 * 20000), .forward = phase < 240 ? 127 : 0 };
    if (phase >= 100 && phase < 200) {
        input.yaw = (uint16_t)(input.yaw + (phase - 100) * 120);
        input.right = 40;
    }
    input.run = step % 720 > 540;
    return input;
}

static void track_add(Track *track, TimeNs time, const float place[3])
{
    if (track->count < TRACK_MAX && (track->count == 0 || time > track->time[track->count - 1])) {
        track->time[track->count] = time;
        memcpy(track->place[track->count++], place, sizeof track->place[0]);
    }
}

static void record(Rig *rig, uint32_t index, void *context)
{
    Motion *motion = context;
    RigClient *client = &rig->clients[index];
    AvatarState own;
    if (index == 0 && session_own_avatar(client->session, &own)) {
        track_add(&motion->own, rig->now, own.position);
        if (client->steps > 60) {
            motion->correction_max = fmaxf(motion->correction_max, client->session->prediction.correction);
        }
    }
    if (index != 1 || !client->view.valid || client->view.avatar_count != 1) {
        return;
    }
    track_add(&motion->shown, client->view.server_time, client->view.avatars[0].position);
    const Playout *playout = &client->session->playout;
    for (uint32_t i = 0; i < playout->entry_count; i++) {
        if (rig->tickless && !playout->entries[i].moved) {
            continue; /* nobody moved, or the packet that said so was lost */
        }
        const Snapshot *snapshot = replica_compose(client->session->replica, playout->entries[i].sequence);
        for (uint32_t k = 0; snapshot != NULL && k < snapshot->entity_count; k++) {
            const EntityState *entity = &snapshot->entities[k];
            if (entity->kind == ENTITY_AVATAR && entity->subject == session_number(rig->clients[0].session)) {
                const float place[3] = { (float)entity->x_mm * 1e-3f, (float)entity->y_mm * 1e-3f,
                                         (float)entity->z_mm * 1e-3f };
                track_add(&motion->told, snapshot->server_time, place);
            }
        }
    }
}

static float distance(const float a[3], const float b[3])
{
    return sqrtf((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                 (a[2] - b[2]) * (a[2] - b[2]));
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Metres between what was shown and what the server had at that time (straight between its snapshots). */
static void position_errors(const Motion *motion, float *out_p99, float *out_max)
{
    static float errors[TRACK_MAX];
    uint32_t count = 0, k = 0;
    const Track *told = &motion->told, *shown = &motion->shown;
    for (uint32_t i = 0; i < shown->count; i++) {
        while (k + 2 < told->count && told->time[k + 1] < shown->time[i]) {
            k++;
        }
        if (shown->time[i] < told->time[k] || shown->time[i] > told->time[k + 1]) {
            continue;
        }
        float t =
            (float)((double)(shown->time[i] - told->time[k]) / (double)(told->time[k + 1] - told->time[k]));
        float truth[3];
        for (int c = 0; c < 3; c++) {
            truth[c] = told->place[k][c] + (told->place[k + 1][c] - told->place[k][c]) * t;
        }
        errors[count++] = distance(truth, shown->place[i]);
    }
    assert_true(count > 300);
    qsort(errors, count, sizeof errors[0], compare_floats);
    *out_p99 = errors[count * 99 / 100];
    *out_max = errors[count - 1];
}

/* The largest step between two frames, metres, and the root mean square of the third difference, m/s³. */
static void smoothness(const Track *track, float *out_step, float *out_jerk)
{
    double squares = 0.0;
    uint32_t count = 0;
    *out_step = 0.0f;
    for (uint32_t i = 3; i < track->count; i++) {
        *out_step = fmaxf(*out_step, distance(track->place[i], track->place[i - 1]));
        double dt = time_to_seconds(track->time[i] - track->time[i - 3]) / 3.0;
        for (int c = 0; c < 3; c++) {
            double third = (double)track->place[i][c] - 3.0 * (double)track->place[i - 1][c] +
                           3.0 * (double)track->place[i - 2][c] - (double)track->place[i - 3][c];
            squares += third * third / (dt * dt * dt * dt * dt * dt);
        }
        count++;
    }
    *out_jerk = (float)sqrt(squares / (double)count);
}

static void motion_over(const char *name, SimLink link, uint64_t seed, bool tickless, float error_p99,
                        float error_max, float correction_max)
{
    Rig *rig = make_rig_with(link, 8, seed, tickless);
    Motion *motion = calloc(1, sizeof *motion);
    float p99, max, step, jerk, own_step, own_jerk;
    assert_non_null(motion);
    rig_connect(rig, 0, "Ada", NULL)->steer = stroll;
    rig_connect(rig, 1, "Bob", NULL);
    rig_run(rig, seconds_from_start(16), record, motion);
    position_errors(motion, &p99, &max);
    smoothness(&motion->shown, &step, &jerk);
    smoothness(&motion->own, &own_step, &own_jerk);
    print_message("%s: others: error p99 %.1f mm, max %.1f mm, largest step %.1f mm, jerk %.0f m/s3 rms; "
                  "own: correction max %.1f mm, largest step %.1f mm, jerk %.0f m/s3 rms; delay %.1f ms\n",
                  name, (double)p99 * 1e3, (double)max * 1e3, (double)step * 1e3, (double)jerk,
                  (double)motion->correction_max * 1e3, (double)own_step * 1e3, (double)own_jerk,
                  session_stats(rig->clients[1].session).delay_ms);
    assert_true(p99 <= error_p99);
    assert_true(max <= error_max);
    /* A frame at a run is 67 mm; the clock may run a quarter faster while the delay shrinks. */
    assert_true(step <= (tickless ? 0.15f : 0.1f));
    assert_true(own_step <= 0.1f);
    assert_true(motion->correction_max <= correction_max);
    free(motion);
    drop_rig(rig);
}

static void test_motion_clean(void **state)
{
    (void)state;
    motion_over("0 ms, no loss", clean, 11, false, 0.012f, 0.03f, 0.0f);
}

static void test_motion_rough(void **state)
{
    (void)state;
    motion_over("75 ms one way, 5 % loss, jitter, reorder, duplication", rough, 12, false, 0.03f, 0.1f,
                0.25f);
}

/* Values every 3 ms make snapshots at any time; people are shown as they walk all the same. */
static void test_motion_tickless(void **state)
{
    (void)state;
    motion_over("tickless, 0 ms, no loss", clean, 14, true, 0.012f, 0.03f, 0.0f);
    motion_over("tickless, 75 ms one way, 5 % loss, jitter, reorder, duplication", rough, 15, true, 0.03f,
                0.1f, 0.25f);
}

/* Once everybody stands, everybody agrees where. */
static AvatarInput walk_then_stand(uint32_t step, const AvatarState *own)
{
    (void)own;
    return (AvatarInput){ .forward = step < 240 ? 127 : 0,
                          .yaw = (uint16_t)(step < 240 ? step * 60 : 14400) };
}

static void test_standing_avatars_agree(void **state)
{
    (void)state;
    Rig *rig = make_rig(rough, 8, 13);
    rig_connect(rig, 0, "Ada", NULL)->steer = walk_then_stand;
    rig_connect(rig, 1, "Bob", NULL)->steer = walk_then_stand;
    rig_run(rig, seconds_from_start(8), NULL, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        AvatarState own;
        const SessionView *other = &rig->clients[1 - i].view;
        assert_true(session_own_avatar(rig->clients[i].session, &own));
        assert_int_equal(other->avatar_count, 1);
        assert_string_equal(other->avatars[0].name, i == 0 ? "Ada" : "Bob");
        assert_true(distance(own.position, other->avatars[0].position) < 0.003f);
        assert_true(fabsf(remainderf(avatar_yaw_radians(own.yaw) - other->avatars[0].yaw, 6.2831853f)) <
                    0.01f);
    }
    drop_rig(rig);
}

/* ---- coming and going ---- */

static void late_joiner(SimLink link, double limit_s)
{
    Rig *rig = make_rig(link, 8, 21);
    rig_connect(rig, 0, "Ada", NULL);
    rig_run(rig, seconds_from_start(3), NULL, NULL);
    RigClient *late = rig_connect(rig, 1, "Bob", NULL);
    rig_run(rig, seconds_from_start(7), compare_values, NULL);
    double seconds = time_to_seconds(late->live - late->connected);
    print_message("late joiner: sees everything after %.3f s (world of 200 kB included)\n", seconds);
    assert_true(late->live != TIME_NONE);
    assert_true(seconds <= limit_s);
    assert_true(late->checked > 1000);
    drop_rig(rig);
}

static AvatarInput stand_and_walk_on(uint32_t step, const AvatarState *own)
{
    (void)own;
    return (AvatarInput){ .forward = step < 120 || step >= 540 ? 127 : 0, .yaw = 14400 };
}

/* Who stands still sends nothing but acknowledgements, half as often as packets come, and walks on as if it
 * had been sending all the time. */
static void standing_still(SimLink link, float correction_max)
{
    Rig *rig = make_rig(link, 8, 14);
    const MetaverseCounters *counters = metaverse_counters(server_parts(rig->server)->metaverse);
    RigClient *client = rig_connect(rig, 0, "Ada", NULL);
    TransportStats before = { 0 }, after = { 0 };
    client->steer = stand_and_walk_on;
    while (client->steps < 240) {
        rig_run(rig, rig->now + TIME_MS, NULL, NULL);
    }
    uint64_t inputs = counters->inputs, snapshots = session_stats(client->session).snapshots;
    assert_int_equal(transport_stats(client->inner, client->session->peer, &before), STATUS_OK);
    rig_run(rig, rig->now + 4 * TIME_SECOND, NULL, NULL);
    assert_int_equal(transport_stats(client->inner, client->session->peer, &after), STATUS_OK);
    assert_int_equal(counters->inputs, inputs);
    snapshots = session_stats(client->session).snapshots - snapshots;
    print_message("%u snapshots, %u packets up\n", (unsigned)snapshots,
                  (unsigned)(after.packets_sent - before.packets_sent));
    assert_true(after.packets_sent - before.packets_sent < snapshots * 3 / 4 + 8); /* and clock requests */
    client->session->prediction.correction = 0;
    AvatarState stood, walked;
    assert_true(session_own_avatar(client->session, &stood));
    rig_run(rig, rig->now + 2 * TIME_SECOND, NULL, NULL);
    assert_true(session_own_avatar(client->session, &walked));
    assert_true(fabsf(walked.position[0] - stood.position[0]) > 0.8f);
    assert_true(client->session->prediction.correction <= correction_max);
    const EntityState *told =
        replica_find(client->session->replica, ENTITY_AVATAR, session_number(client->session));
    assert_non_null(told);
    assert_true(fabsf(walked.position[0] * 1000 - (float)told->x_mm) < 700); /* so far ahead at most */
    drop_rig(rig);
}

static void test_standing_still(void **state)
{
    (void)state;
    standing_still(clean, 0);
    standing_still(rough, 0.1f);
}

static void test_late_joiner(void **state)
{
    (void)state;
    late_joiner(clean, 1.0);
    late_joiner(rough, 2.5); /* four round trips of 150 to 230 ms, and what was lost comes again */
}

static void test_cable_pulled(void **state)
{
    (void)state;
    Rig *rig = make_rig(rough, 8, 31);
    rig_connect(rig, 0, "Ada", NULL);
    rig_run(rig, seconds_from_start(3), NULL, NULL);
    assert_int_equal(session_state(rig->clients[0].session), SESSION_LIVE);
    sim_network_cut(rig->network, true);
    rig_run(rig, seconds_from_start(7.5), NULL, NULL);
    assert_int_equal(session_state(rig->clients[0].session), SESSION_LIVE);
    assert_true(rig->clients[0].view.valid); /* the last picture stays */
    rig_run(rig, seconds_from_start(9), NULL, NULL);
    assert_int_equal(session_state(rig->clients[0].session), SESSION_ENDED);
    assert_string_equal(session_reason(rig->clients[0].session),
                        "the server at sim:4000 has not been heard for 5 s");
    drop_rig(rig);
}

static void test_cable_pulled_and_put_back(void **state)
{
    (void)state;
    Rig *rig = make_rig(rough, 8, 32);
    RigClient *client = rig_connect(rig, 0, "Ada", NULL);
    rig_run(rig, seconds_from_start(3), NULL, NULL);
    sim_network_cut(rig->network, true);
    rig_run(rig, seconds_from_start(6), NULL, NULL);
    sim_network_cut(rig->network, false);
    rig_run(rig, seconds_from_start(7.5), NULL, NULL);
    assert_int_equal(session_state(client->session), SESSION_LIVE);
    client->checked = 0;
    rig_run(rig, seconds_from_start(9), compare_values, NULL);
    assert_true(client->checked > 1000);
    assert_true(client->view.source_time > RIG_EPOCH + 80 * TIME_SECOND);
    drop_rig(rig);
}

static void test_own_silence_limit(void **state)
{
    (void)state;
    Rig *rig = make_rig(clean, 8, 33);
    RigClient *client = rig_connect(rig, 0, "Ada", NULL);
    client->session->lost_timeout = 2 * TIME_SECOND;
    rig_run(rig, seconds_from_start(3), NULL, NULL);
    sim_network_cut(rig->network, true);
    rig_run(rig, seconds_from_start(5.2), NULL, NULL);
    assert_int_equal(session_state(client->session), SESSION_ENDED);
    assert_string_equal(session_reason(client->session), "the server at sim:4000 has not been heard for 2 s");
    drop_rig(rig);
}

/* A client that has lost what the server takes it to have asks for the whole world again. */
static void test_lost_baselines(void **state)
{
    (void)state;
    Rig *rig = make_rig(clean, 8, 34);
    RigClient *client = rig_connect(rig, 0, "Ada", NULL);
    const ReplicaLimits limits = { .entities = 64, .channels = 256, .cells = 512, .history = 64 };
    rig_run(rig, seconds_from_start(2), NULL, NULL);
    uint64_t before = session_stats(client->session).snapshots;
    assert_int_equal(replica_create(limits, (size_t)64 << 20, &rig->arena, &client->session->replica),
                     STATUS_OK);
    rig_run(rig, seconds_from_start(3.5), NULL, NULL);
    assert_true(session_stats(client->session).snapshots > before + 15);
    client->checked = 0;
    rig_run(rig, seconds_from_start(4.5), compare_values, NULL);
    assert_true(client->checked > 1000);
    drop_rig(rig);
}

static void test_wrong_world(void **state)
{
    (void)state;
    Rig *rig = make_rig(clean, 8, 41);
    const uint8_t other[HASH_SIZE] = { 9, 9, 9 };
    rig_connect(rig, 0, "Ada", other);
    rig_run(rig, seconds_from_start(1), NULL, NULL);
    assert_int_equal(session_state(rig->clients[0].session), SESSION_ENDED);
    assert_non_null(strstr(session_reason(rig->clients[0].session), "'small'"));
    drop_rig(rig);
}

static void test_world_that_is_not_what_was_announced(void **state)
{
    (void)state;
    Rig *rig = make_rig(clean, 8, 42);
    RigClient *client = rig_connect(rig, 0, "Ada", NULL);
    while (session_assets(client->session) == NULL) {
        rig->now += TIME_MS;
        session_update(client->session, rig->now);
        server_tick(rig->server, rig->now);
    }
    World changed = rig->small.world;
    changed.hash[0] ^= 1;
    session_ready(client->session, &changed);
    assert_int_equal(session_state(client->session), SESSION_ENDED);
    assert_non_null(strstr(session_reason(client->session), "not the one it announced"));
    drop_rig(rig);
}

static void test_server_full(void **state)
{
    (void)state;
    Rig *rig = make_rig(clean, 1, 43);
    rig_connect(rig, 0, "Ada", NULL);
    rig_run(rig, seconds_from_start(1), NULL, NULL);
    rig_connect(rig, 1, "Bob", NULL);
    rig_run(rig, seconds_from_start(2), NULL, NULL);
    assert_int_equal(session_state(rig->clients[0].session), SESSION_LIVE);
    assert_int_equal(session_state(rig->clients[1].session), SESSION_ENDED);
    assert_non_null(strstr(session_reason(rig->clients[1].session), "full"));
    drop_rig(rig);
}

static void test_nobody_there(void **state)
{
    (void)state;
    Rig *rig = make_rig(clean, 1, 44);
    Session *session = NULL;
    SessionConfig config = { .host = "sim", .port = RIG_PORT, .name = "Ada" };
    Transport transport;
    Diag diag = { 0 };
    sim_network_cut(rig->network, true);
    assert_int_equal(transport_sim_create(rig->network, 0, &transport), STATUS_OK);
    assert_int_equal(session_create(&config, transport, rig->now, &session, &diag), STATUS_OK);
    for (int i = 0; i < 5100; i++) {
        rig->now += TIME_MS;
        session_update(session, rig->now);
    }
    assert_int_equal(session_state(session), SESSION_ENDED);
    assert_non_null(strstr(session_reason(session), "cannot reach sim:4000"));
    session_destroy(session);
    drop_rig(rig);
}

static void test_server_stops(void **state)
{
    (void)state;
    Rig *rig = make_rig(clean, 8, 45);
    rig_connect(rig, 0, "Ada", NULL);
    rig_run(rig, seconds_from_start(1), NULL, NULL);
    server_shutdown(rig->server, rig->now);
    for (int i = 0; i < 200; i++) {
        rig->now += TIME_MS;
        server_receive(rig->server, rig->now);
        session_update(rig->clients[0].session, rig->now);
    }
    assert_int_equal(session_state(rig->clients[0].session), SESSION_ENDED);
    assert_non_null(strstr(session_reason(rig->clients[0].session), "stopping"));
    drop_rig(rig);
}

/* A name comes from a command line: it may hold anything, and be cut in the middle of a character. */
static void test_odd_names(void **state)
{
    (void)state;
    Rig *rig = make_rig(clean, 8, 47);
    char cut[80] = "x";
    for (int i = 0; i < 35; i++) {
        memcpy(cut + 1 + 2 * i, "\xC3\xA9", 3);
    }
    rig_connect(rig, 0, "two\nlines \xFF", NULL);
    rig_connect(rig, 1, cut, NULL);
    rig_run(rig, seconds_from_start(1), NULL, NULL);
    assert_int_equal(session_state(rig->clients[0].session), SESSION_LIVE);
    assert_string_equal(session_own_name(rig->clients[0].session), "two?lines ?");
    assert_int_equal(session_state(rig->clients[1].session), SESSION_LIVE);
    assert_int_equal(strlen(session_own_name(rig->clients[1].session)), 63);
    drop_rig(rig);
}

static void test_leaving(void **state)
{
    (void)state;
    Rig *rig = make_rig(rough, 8, 46);
    rig_connect(rig, 0, "Ada", NULL);
    rig_connect(rig, 1, "Bob", NULL);
    rig_run(rig, seconds_from_start(3), NULL, NULL);
    assert_int_equal(rig->clients[0].view.avatar_count, 1);
    session_leave(rig->clients[1].session, rig->now);
    assert_string_equal(session_reason(rig->clients[1].session), "left");
    rig_run(rig, seconds_from_start(5), NULL, NULL);
    assert_int_equal(rig->clients[0].view.avatar_count, 0);
    drop_rig(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_tickless),   cmocka_unit_test(test_motion_tickless),
        cmocka_unit_test(test_values_clean),      cmocka_unit_test(test_values_rough),
        cmocka_unit_test(test_values_very_rough), cmocka_unit_test(test_motion_clean),
        cmocka_unit_test(test_motion_rough),      cmocka_unit_test(test_standing_avatars_agree),
        cmocka_unit_test(test_standing_still),    cmocka_unit_test(test_late_joiner),
        cmocka_unit_test(test_cable_pulled),      cmocka_unit_test(test_cable_pulled_and_put_back),
        cmocka_unit_test(test_own_silence_limit), cmocka_unit_test(test_lost_baselines),
        cmocka_unit_test(test_wrong_world),       cmocka_unit_test(test_world_that_is_not_what_was_announced),
        cmocka_unit_test(test_server_full),       cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_server_stops),      cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_odd_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
