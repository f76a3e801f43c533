/* Sessions that lose their connection and come back: over the simulated network, sealed, with real server and
 * client sessions. Ada (0) is lost; Bob (1) looks on and must never see her leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/sim/session_rig.h"

#include <math.h>

#define KEPT (30 * TIME_SECOND)

/* Source time between samples of the trace. With the busy one every packet tells all that there is, and a
 * lost one is not missed; with the quiet one most tell nothing. */
#define BUSY_STEP  (31 * TIME_MS)
#define QUIET_STEP (3100 * TIME_MS)
#define LOSS_LATE  TIME_SECOND /* that a value may be shown for, while its packet is lost and told again */
#define BACK_MOST  5.0         /* seconds from a loss to the next snapshot, however many went before */

static const SimLink clean = { 0 };
static const SimLink rough = {
    .latency = 75 * TIME_MS, .jitter = 20 * TIME_MS, .loss = 0.05, .duplication = 0.02, .reorder = 0.02
};

/* What must not change. */
typedef struct Before {
    uint16_t number;
    EntityHandle handle;
    char name[NAME_SIZE];
    int32_t x_mm, z_mm;
    uint64_t rotation;
} Before;

static Rig *rig;
static uint32_t unseen; /* frames of Bob's in which he did not see Ada, or not by her name */
static uint32_t wrong;  /* values shown that the trace never had at that time or before */
static TimeNs late;     /* the longest that one was shown after the trace had another, in server time */
static TimeNs every = BUSY_STEP;
static uint32_t seeds = 40, first_seed = 1;

static RigClient *ada(void)
{
    return &rig->clients[0];
}

static Session *session(void)
{
    return ada()->session;
}

static const MetaverseCounters *counters(void)
{
    return metaverse_counters(server_parts(rig->server)->metaverse);
}

/* When the trace got another value in the place of `shown`: TIME_NONE where it never had that one. */
static TimeNs replaced_at(uint32_t thing, uint32_t property, const Reported *shown)
{
    const RigTrace *trace = &rig->trace;
    uint32_t next = 0;
    if (shown->quality != QUALITY_NONE) {
        TimeNs since = shown->source_time - RIG_EPOCH;
        const TraceSample *had = &trace->samples[since >= 0 ? since / every % trace->count : 0];
        if (had->thing != thing || had->property != property || had->code != shown->code ||
            had->source_time != shown->source_time) {
            return TIME_NONE;
        }
        next = (uint32_t)(had - trace->samples) + 1;
    }
    while (next < trace->count &&
           (trace->samples[next].thing != thing || trace->samples[next].property != property)) {
        next++;
    }
    return next < trace->count ? trace->samples[next].source_time : TIME_FOREVER;
}

static void check_value(RigClient *client, uint32_t thing, uint32_t property, const Reported *truth)
{
    const Reported *shown = world_value(&client->values, thing, property);
    bool none = truth->quality == QUALITY_NONE, shows_none = shown->quality == QUALITY_NONE;
    bool same = none || shows_none ? none && shows_none
                                   : shown->code == truth->code && shown->source_time == truth->source_time;
    TimeNs source_time = client->view.source_time;
    TimeNs replaced = same ? source_time : replaced_at(thing, property, shown);
    if (replaced == TIME_NONE || replaced > source_time) {
        wrong++;
        return;
    }
    TimeNs since = (source_time - replaced) / RIG_SPEED;
    late = since > late ? since : late;
    if (property == SMALL_NOTE && !shows_none) {
        const char *text = text_get(session_texts(client->session), (uint32_t)shown->code);
        wrong += strcmp(text, text_get(&rig->small.texts, (uint32_t)shown->code)) != 0;
    }
}

static void check_values(RigClient *client)
{
    static Reported truth[RIG_THINGS][SMALL_PROPERTIES];
    if (!client->view.valid || client->view.source_time == TIME_NONE) {
        return;
    }
    rig_truth(rig, client->view.source_time, truth);
    world_values_fill(&client->values, client->view.snapshot);
    for (uint32_t t = 0; t < RIG_THINGS; t++) {
        for (uint32_t p = 0; p < SMALL_PROPERTIES; p++) {
            check_value(client, t, p, &truth[t][p]);
        }
    }
}

static void watch(Rig *unused, uint32_t index, void *context)
{
    (void)unused, (void)context;
    RigClient *client = &rig->clients[index];
    check_values(client);
    if (index != 1) {
        return;
    }
    bool seen = false;
    for (uint32_t i = 0; client->view.valid && i < client->view.avatar_count; i++) {
        const SessionAvatar *avatar = &client->view.avatars[i];
        seen |= avatar->session == session_number(session()) && strcmp(avatar->name, "Ada") == 0;
    }
    unseen += !seen;
}

static void run_for(double seconds)
{
    rig_run(rig, rig->now + time_from_seconds(seconds), watch, NULL);
}

/* Ada's avatar in the newest snapshot that Bob has. */
static const EntityState *ada_seen(void)
{
    return replica_find(rig->clients[1].session->replica, ENTITY_AVATAR, session_number(session()));
}

static Before look(void)
{
    const EntityState *entity = ada_seen();
    assert_non_null(entity);
    Before before = { .number = session_number(session()),
                      .handle = entity->handle,
                      .x_mm = entity->x_mm,
                      .z_mm = entity->z_mm,
                      .rotation = entity->rotation };
    snprintf(before.name, sizeof before.name, "%s", session_own_name(session()));
    return before;
}

static AvatarInput walk_west(uint32_t step, const AvatarState *own)
{
    (void)own;
    return (AvatarInput){ .forward = step > 30 && step < 75 ? 127 : 0, .yaw = 16384 };
}

static void begin(SimLink link, uint32_t sessions, uint64_t seed, TimeNs kept)
{
    rig = malloc(sizeof *rig);
    assert_non_null(rig);
    rig_init_with(rig, link, sessions, seed, 0, false, kept);
    for (uint32_t i = 0; i < rig->trace.count; i++) {
        rig->trace.samples[i].source_time = RIG_EPOCH + i * every;
    }
    rig_connect(rig, 0, "Ada", NULL);
    rig_connect(rig, 1, "Bob", NULL);
    ada()->steer = walk_west;
    rig_run(rig, rig->now + 4 * TIME_SECOND, NULL, NULL);
    assert_int_equal(session_state(session()), SESSION_LIVE);
    assert_true(session()->resume.possible);
    unseen = wrong = 0;
    late = 0;
    watch(rig, 1, NULL);
    assert_int_equal(unseen, 0);
}

static void end(void)
{
    rig_finish(rig);
    free(rig);
    rig = NULL;
}

/* Runs until Ada is LIVE again and has decoded a snapshot; how long that took. */
static double until_back(double limit)
{
    TimeNs start = rig->now;
    uint32_t times = session_stats(session()).reconnects;
    while (rig->now - start < time_from_seconds(limit) &&
           (session_stats(session()).reconnects == times || session()->newest == 0)) {
        run_for(0.005);
    }
    double seconds = time_to_seconds(rig->now - start);
    print_message("back after %.2f s\n", seconds);
    assert_int_equal(session_stats(session()).reconnects, times + 1);
    return seconds;
}

static void expect_same(const Before *before)
{
    run_for(1);
    assert_int_equal(session_state(session()), SESSION_LIVE);
    Before after = look();
    assert_int_equal(after.number, before->number);
    assert_true(after.handle.value == before->handle.value);
    assert_string_equal(after.name, before->name);
    assert_int_equal(after.rotation, before->rotation);
    assert_true(hypot(after.x_mm - before->x_mm, after.z_mm - before->z_mm) < 100); /* a step is 25 mm */
    assert_int_equal(unseen, 0);
    assert_int_equal(wrong, 0);
    assert_true(late <= (every == BUSY_STEP ? 0 : LOSS_LATE));
    assert_int_equal(counters()->left, 0);
    assert_int_equal(counters()->joined, 2);
    assert_int_equal(counters()->away, 0);
    /* What it shows goes on, and so does its own avatar. */
    AvatarState own;
    assert_true(session_own_avatar(session(), &own));
    assert_true(fabs((double)own.position[0] * 1000 - after.x_mm) < 20);
    assert_int_equal(session_stats(session()).refused, 0);
    assert_int_equal(session_stats(session()).rejoins, 0);
    assert_int_equal(ada()->view.avatar_count, 1);
    assert_string_equal(ada()->view.avatars[0].name, "Bob");
}

static AvatarInput walk_east(uint32_t step, const AvatarState *own)
{
    (void)step, (void)own;
    return (AvatarInput){ .forward = 127, .yaw = 49152 };
}

/* She walks as before, for herself and for others. */
static void walk_on(void)
{
    AvatarState own;
    int32_t x_mm = ada_seen()->x_mm;
    ada()->steer = walk_east;
    run_for(1);
    ada()->steer = NULL;
    run_for(1);
    assert_true(session_own_avatar(session(), &own));
    assert_true(ada_seen()->x_mm > x_mm + 1000);
    assert_true(fabs((double)own.position[0] * 1000 - ada_seen()->x_mm) < 20);
}

static void test_forged_disconnect_at_the_client(void **state)
{
    (void)state;
    begin(clean, 8, 1, KEPT);
    Before before = look();
    sim_transport_forge_disconnect(ada()->inner, session()->peer, REJECT_SHUTDOWN);
    run_for(0.02);
    assert_int_equal(session_state(session()), SESSION_AWAY);
    assert_true(ada()->view.valid); /* the picture stays */
    assert_true(until_back(2) < 0.5);
    expect_same(&before);
    end();
}

static PeerId servers_name_of_ada(void)
{
    for (PeerId peer = 1; peer < 1u << 20; peer++) {
        char address[64], wanted[64];
        snprintf(wanted, sizeof wanted, "sim:%u", 49152 + 1); /* the first host after the server */
        if (transport_address(rig->server_inner, peer, address, sizeof address) == STATUS_OK &&
            strcmp(address, wanted) == 0) {
            return peer;
        }
    }
    return 0;
}

static void test_forged_disconnect_at_the_server(void **state)
{
    (void)state;
    begin(rough, 8, 2, KEPT);
    Before before = look();
    PeerId peer = servers_name_of_ada();
    assert_true(peer != 0);
    sim_transport_forge_disconnect(rig->server_inner, peer, 0);
    run_for(0.05);
    assert_int_equal(counters()->away, 1);
    assert_int_equal(counters()->sessions, 2);
    assert_true(until_back(3) < 2.5);
    expect_same(&before);
    end();
}

/* The old connection is still alive for the server when the new one comes. */
static void test_another_address(void **state)
{
    (void)state;
    begin(rough, 8, 3, KEPT);
    Before before = look();
    sim_transport_sever(ada()->inner);
    assert_true(until_back(4) < 2.5);
    assert_int_equal(counters()->away, 0);
    expect_same(&before);
    run_for(8); /* what is left of the old connection times out, and that is of no consequence */
    expect_same(&before);
    walk_on();
    end();
}

static void test_outage(void **state)
{
    (void)state;
    begin(rough, 8, 4, KEPT);
    Before before = look();
    sim_network_cut(rig->network, true);
    TimeNs start = rig->now;
    while (rig->now - start < 5 * TIME_SECOND) {
        rig_run(rig, rig->now + TIME_MS, NULL, NULL);
    }
    assert_int_equal(session_state(session()), SESSION_AWAY);
    assert_true(ada()->view.valid);
    sim_network_cut(rig->network, false);
    for (start = rig->now; session_state(session()) != SESSION_LIVE && rig->now - start < 5 * TIME_SECOND;) {
        run_for(0.01);
    }
    print_message("live again %.2f s after the outage\n", time_to_seconds(rig->now - start));
    run_for(2);
    expect_same(&before);
    end();
}

/* What it shows is of now. */
static void expect_fresh(void)
{
    TimeNs clock = RIG_EPOCH + (rig->now - rig->trace.start) * RIG_SPEED;
    assert_true(ada()->view.valid && clock - ada()->view.source_time < TIME_SECOND * RIG_SPEED);
}

/* Over and over, under loss, in every phase of coming back. */
static void test_again_and_again(void **state)
{
    (void)state;
    double longest = 0;
    TimeNs latest = 0;
    uint64_t resumed = 0;
    every = QUIET_STEP;
    for (uint32_t seed = first_seed; seed < first_seed + seeds; seed++) {
        begin(rough, 8, seed, 4 * KEPT); /* for luck may leave it no second in which to come back */
        Before before = look();
        for (uint32_t i = 0; i < 20 + seed % 20; i++) {
            sim_transport_sever(ada()->inner);
            run_for(0.3 + i * 0.07);
        }
        sim_transport_sever(ada()->inner);
        double seconds = until_back(2 * BACK_MOST);
        longest = seconds > longest ? seconds : longest;
        expect_same(&before);
        expect_fresh();
        resumed += session_stats(session()).reconnects;
        assert_int_equal(counters()->tickets_refused, 0);
        latest = late > latest ? late : latest;
        end();
    }
    every = BUSY_STEP;
    print_message("%u seeds: back %llu times, the last one after %.2f s at most, a value shown for %.3f s "
                  "too long at most\n",
                  seeds, (unsigned long long)resumed, longest, time_to_seconds(latest));
    assert_true(longest < BACK_MOST);
    assert_true(resumed >= (uint64_t)seeds * 4);
}

/* The answer is lost, and with it the new ticket: the one before still serves. */
static void test_lost_answer(void **state)
{
    (void)state;
    begin(rough, 8, 6, KEPT);
    Before before = look();
    sim_transport_sever(ada()->inner);
    while (counters()->resumed == 0) {
        run_for(0.001);
    }
    assert_int_equal(session_state(session()), SESSION_AWAY);
    sim_transport_sever(ada()->inner);
    until_back(5);
    assert_int_equal(counters()->resumed, 2);
    assert_int_equal(counters()->tickets_refused, 0);
    expect_same(&before);
    end();
}

/* Too late: it joins as someone new, without fetching the world again. */
static void test_expired_ticket(void **state)
{
    (void)state;
    begin(clean, 8, 7, 3 * TIME_SECOND);
    uint16_t number = session_number(session());
    const AssetSource *assets = session_assets(session());
    sim_transport_forge_disconnect(rig->server_inner, servers_name_of_ada(), 0);
    sim_transport_sever(ada()->inner);
    ada()->next_frame = rig->now + 4 * TIME_SECOND; /* the machine sleeps */
    rig_run(rig, ada()->next_frame, NULL, NULL);
    assert_int_equal(counters()->left, 1);
    uint64_t snapshots = session_stats(session()).snapshots;
    rig_run(rig, rig->now + 4 * TIME_SECOND, NULL, NULL);
    assert_int_equal(session_state(session()), SESSION_LIVE);
    assert_int_equal(session_stats(session()).rejoins, 1);
    assert_int_equal(session_stats(session()).reconnects, 0);
    assert_true(session_stats(session()).snapshots > snapshots + 30);
    assert_int_not_equal(session_number(session()), number);
    assert_ptr_equal(session_assets(session()), assets);
    assert_int_equal(counters()->tickets_refused, 1);
    assert_int_equal(counters()->joined, 3);
    assert_true(ada()->view.valid);
    wrong = 0;
    run_for(1);
    assert_int_equal(wrong, 0);
    assert_int_equal(unseen, 0);
    assert_true(session()->resume.possible); /* and may be lost once more */
    sim_transport_sever(ada()->inner);
    until_back(3);
    end();
}

/* Somebody at place 2, with the key of `who`, comes with `number` and `ticket`. */
static RigClient *come_with(uint8_t who, uint16_t number, const uint8_t ticket[TICKET_SIZE])
{
    Transport inner = { 0 }, transport = { 0 };
    assert_int_equal(rig_transport(rig, 0, who, &inner, &transport), STATUS_OK);
    RigClient *client = rig_connect_over(rig, 2, "Mallory", NULL, transport);
    client->inner = inner;
    client->session->number = number;
    client->session->resume.possible = true;
    memcpy(client->session->resume.ticket, ticket, TICKET_SIZE);
    return client;
}

static void expect_refused(RigClient *thief)
{
    Before before = look();
    uint64_t refused = counters()->tickets_refused;
    run_for(2);
    assert_int_equal(counters()->tickets_refused, refused + 1);
    assert_int_equal(counters()->joined, 3);
    assert_int_equal(session_state(thief->session), SESSION_LIVE); /* as anyone who comes */
    assert_int_not_equal(session_number(thief->session), before.number);
    assert_string_equal(session_own_name(thief->session), "Mallory");
    assert_int_equal(session_state(session()), SESSION_LIVE);
    assert_true(session()->heard >= rig->now - 100 * TIME_MS);
    assert_int_equal(look().number, before.number);
    assert_int_equal(unseen, 0);
}

static void test_stolen_ticket(void **state)
{
    (void)state;
    begin(clean, 8, 8, KEPT);
    RigClient *thief = come_with(99, session_number(session()), session()->resume.ticket);
    expect_refused(thief);
    assert_int_equal(counters()->resumed, 0);
    assert_int_equal(session_stats(session()).reconnects, 0);
    end();
}

static void test_wrong_ticket(void **state)
{
    (void)state;
    begin(clean, 8, 9, KEPT);
    uint8_t ticket[TICKET_SIZE];
    memcpy(ticket, session()->resume.ticket, sizeof ticket);
    ticket[TICKET_SIZE - 1] ^= 1;
    expect_refused(come_with(0, session_number(session()), ticket)); /* even by the right key */
    end();
}

static void test_no_such_session(void **state)
{
    (void)state;
    begin(clean, 8, 10, KEPT);
    expect_refused(come_with(0, 4000, session()->resume.ticket));
    end();
}

static void test_replayed_ticket(void **state)
{
    (void)state;
    begin(clean, 8, 11, KEPT);
    uint8_t first[TICKET_SIZE];
    memcpy(first, session()->resume.ticket, sizeof first);
    sim_transport_sever(ada()->inner);
    until_back(3);
    run_for(0.5);
    assert_memory_not_equal(first, session()->resume.ticket, sizeof first);
    expect_refused(come_with(0, session_number(session()), first));
    assert_int_equal(counters()->resumed, 1);
    end();
}

/* The only place is one's own. */
static void test_full_server(void **state)
{
    (void)state;
    begin(clean, 2, 13, KEPT);
    Before before = look();
    rig_connect(rig, 2, "Eve", NULL);
    run_for(1);
    assert_int_equal(session_state(rig->clients[2].session), SESSION_ENDED);
    assert_non_null(strstr(session_reason(rig->clients[2].session), "full"));
    sim_transport_sever(ada()->inner);
    until_back(3);
    expect_same(&before);
    end();
}

static void test_gone_for_good(void **state)
{
    (void)state;
    begin(clean, 8, 14, 6 * TIME_SECOND);
    sim_network_cut(rig->network, true);
    rig_run(rig, rig->now + time_from_seconds(5.9), NULL, NULL);
    assert_int_equal(session_state(session()), SESSION_AWAY);
    rig_run(rig, rig->now + time_from_seconds(0.3), NULL, NULL);
    assert_int_equal(session_state(session()), SESSION_ENDED);
    assert_string_equal(session_reason(session()), "the server at sim:4000 has not been heard for 6 s");
    assert_int_equal(counters()->left, 2);
    assert_int_equal(counters()->away, 0);
    end();
}

/* A handshake that had to give way to others is begun again, for as long as connecting may take. */
static void test_no_room_for_a_handshake(void **state)
{
    (void)state;
    begin(clean, 8, 16, KEPT);
    RigClient *eve = rig_connect(rig, 2, "Eve", NULL);
    for (int i = 0; i < 3; i++) {
        run_for(0.003);
        sim_transport_forge_disconnect(eve->inner, eve->session->peer, REJECT_FULL);
        run_for(0.25);
        assert_int_not_equal(session_state(eve->session), SESSION_ENDED);
    }
    run_for(1.5);
    assert_int_equal(session_state(eve->session), SESSION_LIVE);
    rig_connect(rig, 3, "Zoe", NULL);
    for (int i = 0; i < 6000 && session_state(rig->clients[3].session) != SESSION_ENDED; i++) {
        sim_transport_forge_disconnect(rig->clients[3].inner, rig->clients[3].session->peer, REJECT_FULL);
        run_for(0.001);
    }
    assert_non_null(strstr(session_reason(rig->clients[3].session), "cannot reach"));
    end();
}

/* ---- joining ---- */

/* Eve comes while Ada and Bob are there. */
static Session *come(void)
{
    rig_connect(rig, 2, "Eve", NULL);
    return rig->clients[2].session;
}

static void forge_to(const RigClient *client, uint32_t reason)
{
    sim_transport_forge_disconnect(client->inner, client->session->peer, reason);
}

/* Whatever has come of the world is not fetched again, and what the server did not say is not believed. */
static void test_forged_disconnect_while_loading(void **state)
{
    (void)state;
    begin(rough, 8, 17, KEPT);
    Session *eve = come();
    while (session_state(eve) != SESSION_LOADING || eve->join.received == 0) {
        run_for(0.001);
    }
    uint64_t received = eve->join.received;
    assert_true(received < eve->join.total);
    forge_to(&rig->clients[2], REJECT_SHUTDOWN);
    run_for(0.02);
    assert_int_equal(session_state(eve), SESSION_AWAY);
    while (session_state(eve) != SESSION_LOADING) {
        assert_int_not_equal(session_state(eve), SESSION_ENDED);
        run_for(0.001);
    }
    assert_true(eve->join.received >= received);
    run_for(4);
    assert_int_equal(session_state(eve), SESSION_LIVE);
    assert_true(eve->resume.possible);
    assert_true(rig->clients[2].view.valid);
    assert_int_equal(wrong, 0);
    end();
}

/* At any moment between the handshake and the ticket. */
static void test_forged_disconnect_at_any_moment(void **state)
{
    (void)state;
    uint32_t seen[SESSION_ENDED + 1] = { 0 };
    for (uint32_t ms = 0; ms < 2600; ms += 41) {
        begin(rough, 8, 18, KEPT);
        Session *eve = come();
        run_for(ms * 0.001);
        if (eve->resume.possible || !eve->secured) {
            end();
            continue;
        }
        seen[session_state(eve)]++;
        forge_to(&rig->clients[2], 0);
        run_for(5);
        assert_int_equal(session_state(eve), SESSION_LIVE);
        assert_true(eve->resume.possible);
        assert_true(rig->clients[2].view.valid);
        assert_int_equal(unseen + wrong, 0);
        end();
    }
    assert_true(seen[SESSION_CONNECTING] > 0 && seen[SESSION_LOADING] > 0 && seen[SESSION_LIVE] > 0);
}

/* A server that answers with a place in a session there never was, and so nothing to go on with. */
static void test_ticket_instead_of_a_welcome(void **state)
{
    (void)state;
    begin(clean, 8, 20, KEPT);
    Session *eve = come();
    while (session_state(eve) != SESSION_LOADING) {
        run_for(0.001);
    }
    forge_to(&rig->clients[2], 0);
    run_for(0.02);
    assert_int_equal(session_state(eve), SESSION_AWAY);
    reconnect_ticket(eve, &(TicketMessage){ .session = 3, .seconds = 30 });
    assert_int_equal(session_state(eve), SESSION_ENDED);
    assert_non_null(strstr(session_reason(eve), "never had"));
    end();
}

/* Over and over: some time it is over. */
static void test_joining_that_never_succeeds(void **state)
{
    (void)state;
    begin(clean, 8, 19, KEPT);
    Session *eve = come();
    uint32_t forged = 0;
    for (int i = 0; i < 60000 && session_state(eve) != SESSION_ENDED; i++) {
        run_for(0.001);
        if (session_state(eve) == SESSION_LOADING) {
            forge_to(&rig->clients[2], 0);
            forged++;
            run_for(0.02);
        }
    }
    assert_int_equal(session_state(eve), SESSION_ENDED);
    assert_non_null(strstr(session_reason(eve), "closed the connection"));
    assert_true(forged > 3 && forged < 20);
    end();
}

/* Whoever says good-bye is not waited for, nor anybody by a server that stops. */
static void test_leaving_and_stopping(void **state)
{
    (void)state;
    begin(clean, 8, 15, KEPT);
    session_leave(session(), rig->now);
    rig_run(rig, rig->now + TIME_SECOND / 5, NULL, NULL);
    assert_int_equal(counters()->left, 1);
    assert_int_equal(counters()->sessions, 1);
    server_shutdown(rig->server, rig->now);
    rig_run(rig, rig->now + TIME_SECOND / 5, NULL, NULL);
    assert_int_equal(session_state(rig->clients[1].session), SESSION_ENDED);
    assert_non_null(strstr(session_reason(rig->clients[1].session), "stopping"));
    end();
}

/* Arguments, for long runs of test_again_and_again: SEEDS FIRST. */
int main(int argc, char **argv)
{
    seeds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : seeds;
    first_seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : first_seed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_disconnect_at_the_client),
        cmocka_unit_test(test_forged_disconnect_at_the_server),
        cmocka_unit_test(test_another_address),
        cmocka_unit_test(test_outage),
        cmocka_unit_test(test_again_and_again),
        cmocka_unit_test(test_lost_answer),
        cmocka_unit_test(test_expired_ticket),
        cmocka_unit_test(test_stolen_ticket),
        cmocka_unit_test(test_wrong_ticket),
        cmocka_unit_test(test_no_such_session),
        cmocka_unit_test(test_replayed_ticket),
        cmocka_unit_test(test_full_server),
        cmocka_unit_test(test_gone_for_good),
        cmocka_unit_test(test_no_room_for_a_handshake),
        cmocka_unit_test(test_forged_disconnect_while_loading),
        cmocka_unit_test(test_forged_disconnect_at_any_moment),
        cmocka_unit_test(test_ticket_instead_of_a_welcome),
        cmocka_unit_test(test_joining_that_never_succeeds),
        cmocka_unit_test(test_leaving_and_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
