/* Convergence, proven by trying: a server with 1,000 things that change at random and people who walk,
 * clients behind a network that loses 30 %, doubles and reorders, and who stall for seconds or join late.
 * Whatever happens, a client never shows a value, or a place, that did not exist, never goes back to an older
 * value, and once everything rests shows what the server has. Half of the seeds see everything, half only as
 * far as 25 m.
 *
 *     server_test_convergence [SEEDS [FIRST]]      40 seeds unless told; 10,000 take about ten minutes */
#include "server/metaverse/state.h"
#include "tests/unit/server/script_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define THINGS        1000u
#define PEOPLE        3u
#define CHANGING      120u /* ticks */
#define QUIET         (14 * 60u)
#define EPOCH         (7777 * TIME_SECOND)
#define VIEW_DISTANCE 25
#define PLACES_MAX    8192u

static uint64_t seed_count = 40, first_seed;

/* What is true of one seed: a function of thing, property and tick, so that nothing has to be remembered. */
typedef struct Truth {
    uint64_t seed;
    uint32_t rarity;                       /* a value changes at one tick of so many */
    uint32_t last[THINGS][SMALL_NOTE];     /* tick of the newest change, or 0 */
    int32_t places[PEOPLE][PLACES_MAX][2]; /* where each person has been, in mm */
    uint32_t place_count[PEOPLE];
    uint16_t numbers[PEOPLE]; /* session numbers, in the order of joining; 0: not there yet */
} Truth;

/* What a client has shown so far. */
typedef struct Shown {
    uint32_t ticks[THINGS][SMALL_NOTE]; /* of the value shown last */
    uint64_t values;
} Shown;

static Stage stage;
static Truth truth;
static Shown shown[PEOPLE];

static uint64_t mix(uint32_t thing, uint32_t property, uint32_t tick)
{
    Random random = random_seeded(truth.seed ^ (uint64_t)thing << 40 ^ (uint64_t)property << 32 ^ tick);
    return random_u64(&random);
}

static bool changes_at(uint32_t thing, uint32_t property, uint32_t tick)
{
    return tick > 0 && tick <= CHANGING && mix(thing, property, tick) % truth.rarity == 0;
}

static int64_t code_at(uint32_t thing, uint32_t property, uint32_t tick)
{
    uint64_t value = mix(thing, property, tick) >> 20;
    return property == SMALL_STATE ? (int64_t)(value % 3) : (int64_t)(value % 4001) - 2000;
}

static void change_things(uint32_t tick)
{
    static SyncSample samples[THINGS * SMALL_NOTE];
    stage.batch = (SyncBatch){ .samples = samples, .source_clock = EPOCH + tick * TICK };
    for (uint32_t thing = 0; thing < THINGS; thing++) {
        for (uint32_t property = 0; property < SMALL_NOTE; property++) {
            if (changes_at(thing, property, tick)) {
                truth.last[thing][property] = tick;
                samples[stage.batch.count++] = (SyncSample){ .thing = (uint16_t)thing,
                                                             .property = (uint8_t)property,
                                                             .quality = QUALITY_GOOD,
                                                             .code = code_at(thing, property, tick),
                                                             .source_time = EPOCH + tick * TICK };
            }
        }
    }
}

static void note_places(void)
{
    for (uint16_t i = 0; i < stage.metaverse->live_count; i++) {
        const Session *session = &stage.metaverse->sessions[stage.metaverse->live[i]];
        uint32_t person = 0;
        while (truth.numbers[person] != 0 && truth.numbers[person] != session->number) {
            person++;
        }
        assert_true(person < PEOPLE && truth.place_count[person] < PLACES_MAX);
        truth.numbers[person] = session->number;
        int32_t *place = truth.places[person][truth.place_count[person]++];
        place[0] = (int32_t)lroundf(session->body.position[0] * 1000);
        place[1] = (int32_t)lroundf(session->body.position[2] * 1000);
    }
}

static bool has_been(uint16_t number, int32_t x_mm, int32_t z_mm)
{
    for (uint32_t person = 0; person < PEOPLE; person++) {
        for (uint32_t i = truth.place_count[person]; truth.numbers[person] == number && i-- > 0;) {
            if (abs(truth.places[person][i][0] - x_mm) <= 1 && abs(truth.places[person][i][1] - z_mm) <= 1) {
                return true;
            }
        }
    }
    return false;
}

static void check_twin(Shown *seen, const Snapshot *world, const EntityState *entity)
{
    uint32_t thing = entity_thing(entity);
    assert_true(thing < THINGS && entity->channel_count == SMALL_PROPERTIES);
    for (uint32_t property = 0; property < SMALL_NOTE; property++) {
        const ChannelState *channel = &world->channels[entity->first_channel + property];
        uint32_t tick = 0;
        if (channel->quality != QUALITY_NONE) {
            TimeNs since = channel->source_time - EPOCH;
            assert_int_equal(since % TICK, 0);
            tick = (uint32_t)(since / TICK);
            assert_true(changes_at(thing, property, tick));
            assert_int_equal(channel->code, code_at(thing, property, tick));
        }
        assert_true(tick >= seen->ticks[thing][property]); /* never older than what was shown */
        seen->ticks[thing][property] = tick;
        seen->values++;
    }
}

static void check_world(uint32_t index)
{
    const Snapshot *world = stage.clients[index].newest;
    for (uint32_t i = 0; world != NULL && i < world->entity_count; i++) {
        const EntityState *entity = &world->entities[i];
        assert_true(i == 0 || entity_index(world->entities[i - 1].handle) < entity_index(entity->handle));
        if (entity->kind == ENTITY_TWIN) {
            check_twin(&shown[index], world, entity);
        } else {
            assert_true(has_been(entity->subject, entity->x_mm, entity->z_mm));
        }
    }
}

/* A client far away from a thing may have forgotten it, and be told of it anew: of an older value, too, when
 * that is the newest there is. What is compared with is then gone. */
static void forget_unseen(uint32_t index)
{
    const Snapshot *world = stage.clients[index].newest;
    uint32_t at = 0;
    for (uint32_t thing = 0; world != NULL && thing < THINGS; thing++) {
        while (at < world->entity_count && entity_index(world->entities[at].handle) < thing) {
            at++;
        }
        if (at == world->entity_count || entity_index(world->entities[at].handle) != thing) {
            memset(shown[index].ticks[thing], 0, sizeof shown[index].ticks[thing]);
        }
    }
}

/* Metres from where a client's avatar stands. */
static double distance_of(const ScriptClient *client, double x, double z)
{
    const EntityState *own = client_avatar(client, client->welcome.session);
    assert_non_null(own);
    return hypot(x - own->x_mm / 1e3, z - own->z_mm / 1e3);
}

static void check_rest(uint32_t index, bool everything)
{
    const ScriptClient *client = &stage.clients[index];
    const Snapshot *world = client->newest;
    assert_non_null(world);
    assert_true(client->complete);
    for (uint32_t thing = 0; thing < THINGS; thing++) {
        const EntityState *entity = snapshot_entity(world, stage.metaverse->replication.twins[thing].handle);
        double distance = everything ? 0 : distance_of(client, thing * 2.0, -10);
        if (distance <= VIEW_DISTANCE) {
            assert_non_null(entity);
        } else if (distance > VIEW_DISTANCE * 2) { /* the margin, and the corner of a square */
            assert_null(entity);
        }
        for (uint32_t property = 0; entity != NULL && property < SMALL_NOTE; property++) {
            assert_int_equal(shown[index].ticks[thing][property], truth.last[thing][property]);
        }
    }
    for (uint32_t other = 0; other < PEOPLE; other++) {
        const EntityState *avatar = client_avatar(client, truth.numbers[other]);
        const int32_t *place = truth.places[other][truth.place_count[other] - 1];
        if (avatar == NULL) {
            assert_true(!everything && distance_of(client, place[0] / 1e3, place[1] / 1e3) > VIEW_DISTANCE);
            continue;
        }
        assert_true(abs(avatar->x_mm - place[0]) <= 1 && abs(avatar->z_mm - place[1]) <= 1);
    }
}

/* Now and then somebody is somewhere else, which changes what there is to be seen. */
static void displace(Random *random)
{
    for (uint16_t i = 0; i < stage.metaverse->live_count; i++) {
        if (random_below(random, 40) == 0) {
            float *position = stage.metaverse->sessions[stage.metaverse->live[i]].body.position;
            position[0] = (float)random_between(random, -45, 45);
        }
    }
}

static void run_tick(uint32_t tick, Random *random, const TimeNs stalled[PEOPLE])
{
    stage.now += TICK;
    metaverse_receive(stage.metaverse, stage.now);
    change_things(tick);
    metaverse_integrate(stage.metaverse, &stage.batch);
    stage.batch.count = 0;
    metaverse_step(stage.metaverse, stage.now);
    if (tick > 0 && tick <= CHANGING) {
        displace(random);
    }
    note_places();
    metaverse_replicate(stage.metaverse, stage.now);
    for (uint32_t i = 0; i < stage.client_count; i++) {
        ScriptClient *client = &stage.clients[i];
        if (stalled[i] > stage.now) {
            continue;
        }
        if (tick > 0 && tick <= CHANGING && random_below(random, 20) == 0) {
            client->input = (InputSample){ .forward = (int8_t)((int)random_below(random, 255) - 127),
                                           .yaw = (uint16_t)random_u64(random) };
        } else if (tick > CHANGING) {
            client->input.forward = 0;
        }
        client_tick(client, stage.now);
        forget_unseen(i);
        check_world(i);
    }
}

static void converge(uint64_t seed)
{
    Random random = random_seeded(seed * 1000 + 1);
    bool everything = seed % 2 == 0;
    const SimLink link = { .latency = (TimeNs)random_below(&random, 80) * TIME_MS,
                           .jitter = (TimeNs)random_below(&random, 60) * TIME_MS,
                           .loss = 0.3,
                           .duplication = 0.1,
                           .reorder = 0.1 };
    const MetaverseConfig config = { .sessions = 8,
                                     .session_timeout = TIME_MINUTE,
                                     .hello_timeout = TIME_MINUTE,
                                     .client_kbps = seed % 3 == 0 ? 400 : 0,
                                     .view_distance_m = everything ? 0 : VIEW_DISTANCE };
    assert_true(stage_init_sized(&stage, THINGS, &config, link, 1000));
    sim_network_set_patience(stage.network, TIME_MINUTE);
    stage.metaverse->replication.frame.sequence = UINT32_MAX - 60 - (uint32_t)random_below(&random, 60);
    truth = (Truth){ .seed = seed, .rarity = 5 + (uint32_t)random_below(&random, 200) };
    memset(shown, 0, sizeof shown);
    TimeNs stalled[PEOPLE] = { 0 };
    assert_non_null(stage_add(&stage, GOAL_LIVE, "Ada"));
    assert_non_null(stage_add(&stage, GOAL_LIVE, "Bob"));
    for (int i = 0; i < 3600 && stage.metaverse->live_count < 2; i++) {
        run_tick(0, &random, stalled);
    }
    for (uint32_t tick = 1; tick <= CHANGING; tick++) {
        if (tick == CHANGING / 3) {
            assert_non_null(stage_add(&stage, GOAL_LIVE, "Late"));
        }
        uint32_t who = (uint32_t)random_below(&random, PEOPLE * 60);
        if (who < stage.client_count) {
            stalled[who] = stage.now + (TimeNs)random_below(&random, 10000) * TIME_MS;
        }
        run_tick(tick, &random, stalled);
    }
    for (int i = 0; i < 3600 && stage.metaverse->live_count < PEOPLE;
         i++) { /* who joined late may stall, too */
        run_tick(CHANGING + 1, &random, stalled);
    }
    for (uint32_t i = 0; i < QUIET; i++) {
        run_tick(CHANGING + 1, &random, stalled);
    }
    uint64_t values = 0;
    for (uint32_t i = 0; i < PEOPLE; i++) {
        assert_false(stage.clients[i].rejected || stage.clients[i].disconnected);
        values += shown[i].values;
        check_rest(i, everything);
    }
    assert_true(values > 1000);
    stage_finish(&stage);
}

static void clients_converge_and_never_show_what_was_not(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        if (seed_count > 100 && (seed - first_seed) % (seed_count / 20) == 0) {
            print_message("seed %llu\n", (unsigned long long)seed);
        }
        converge(seed);
    }
}

int main(int argc, char **argv)
{
    seed_count = argc > 1 ? strtoull(argv[1], NULL, 10) : seed_count;
    first_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const struct CMUnitTest tests[] = { cmocka_unit_test(clients_converge_and_never_show_what_was_not) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
