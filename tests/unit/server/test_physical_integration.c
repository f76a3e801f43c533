/* A metaverse system and a scripted integration enabler: from registration to values, and what happens when
 * something is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/metaverse/state.h"
#include "tests/unit/server/script_client.h"
#include "tests/unit/server/script_enabler.h"

#define THINGS 4u

static Stage stage;
static ScriptEnabler enabler;
static Bus endpoint;
static MetaverseConfig config;

static void begin(void)
{
    script_init(&enabler, "metaverse", &endpoint);
    config = (MetaverseConfig){ .sessions = 4, .endpoint = endpoint };
    enabler.systems[0] = (ScriptSystem){ .name = "plant",
                                         .domain = "energy",
                                         .model = script_model("", "degC"),
                                         .kind = SYSTEM_TWIN,
                                         .up = true,
                                         .count = THINGS };
    enabler.system_count = 1;
}

static void start(void)
{
    assert_true(stage_init_sized(&stage, THINGS, &config, (SimLink){ 0 }, 100));
}

static void finish(void)
{
    stage_finish(&stage);
    bus_destroy(enabler.hub);
}

static void tick(void)
{
    stage.now += TICK;
    enabler.wall += TICK;
    script_poll(&enabler, stage.now);
    metaverse_receive(stage.metaverse, stage.now);
    metaverse_systems(stage.metaverse, stage.now, enabler.wall);
    script_poll(&enabler, stage.now);
    metaverse_step(stage.metaverse, stage.now);
    metaverse_replicate(stage.metaverse, stage.now);
    for (uint32_t i = 0; i < stage.client_count; i++) {
        client_tick(&stage.clients[i], stage.now);
    }
}

static void run(double seconds)
{
    for (int ticks = (int)(seconds * 60 + 0.5); ticks > 0; ticks--) {
        tick();
    }
}

static const ChannelState *channel(uint32_t thing, uint8_t property)
{
    const Replication *replication = &stage.metaverse->replication;
    return &replication->channels[replication->first_channel[thing] + property];
}

static void sync_with(const char *system, const SyncSample *samples, size_t count, bool snapshot,
                      TimeNs clock)
{
    static SyncBatch batch;
    batch = (SyncBatch){ .samples = samples, .count = count, .source_clock = clock, .snapshot = snapshot };
    script_sync(&enabler, system, &batch);
    tick();
}

static SyncSample sample(uint32_t thing, uint8_t property, int64_t code, TimeNs time)
{
    return (SyncSample){
        .thing = thing, .property = property, .quality = QUALITY_GOOD, .code = code, .source_time = time
    };
}

static uint32_t bound(void)
{
    return metaverse_counters(stage.metaverse)->things_bound;
}

static void test_the_steps_follow_each_other(void **state)
{
    (void)state;
    begin();
    start();
    run(0.5);
    assert_int_equal(enabler.registrations, 1);
    assert_string_equal(enabler.steps, "diams"); /* in the order of the procedure */
    assert_int_equal(enabler.discoveries, 1);
    assert_int_equal(enabler.inspections, 1);
    assert_int_equal(enabler.describes, 1);
    assert_int_equal(enabler.reads, 1);
    assert_int_equal(integration_link(stage.metaverse, "plant")->entry.models, 1);
    assert_int_equal(enabler.actuates, 0);
    assert_int_equal(enabler.subscribes, 1);
    assert_int_equal(bound(), THINGS);
    const SyncSample news = sample(1, SMALL_TEMPERATURE, 215, 10 * TIME_SECOND);
    sync_with("plant", &news, 1, false, 10 * TIME_SECOND); /* before the snapshot: part of nothing */
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_NONE);
    const SyncSample all[] = { sample(0, SMALL_STATE, 2, 9 * TIME_SECOND), news };
    sync_with("plant", all, 2, true, 11 * TIME_SECOND);
    assert_int_equal(channel(0, SMALL_STATE)->code, 2);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->code, 215);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    assert_int_equal(stage.metaverse->replication.source_time, 11 * TIME_SECOND);
    const SyncSample later = sample(3, SMALL_TEMPERATURE, -5, 12 * TIME_SECOND);
    sync_with("plant", &later, 1, false, 12 * TIME_SECOND);
    assert_int_equal(channel(3, SMALL_TEMPERATURE)->code, -5);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->code, 215);
    sync_with("plant", &later, 1, true, 13 * TIME_SECOND); /* what is not in a snapshot has no value */
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_NONE);
    assert_int_equal(channel(3, SMALL_TEMPERATURE)->code, -5);
    finish();
}

static void test_other_numbers_are_translated(void **state)
{
    (void)state;
    begin();
    enabler.systems[0].backwards = true;
    enabler.systems[0].model = script_model(SCRIPT_EXTRA, "degC"); /* one property more, before the others */
    start();
    run(0.5);
    assert_int_equal(bound(), THINGS);
    assert_false(stage.metaverse->integration.links[0].identity);
    const SyncSample all[] = { sample(0, 1 + SMALL_TEMPERATURE, 300, 5), sample(1, 0, 1, 6),
                               sample(3, 1 + SMALL_STATE, 1, 7) };
    sync_with("plant", all, 3, true, 8);
    assert_int_equal(channel(3, SMALL_TEMPERATURE)->code, 300);
    assert_int_equal(channel(0, SMALL_STATE)->code, 1);
    for (uint8_t p = 0; p < SMALL_PROPERTIES; p++) {
        assert_int_equal(channel(2, p)->quality, QUALITY_NONE);
    }
    finish();
}

static void test_another_order_is_translated(void **state)
{
    (void)state;
    begin();
    enabler.systems[0].backwards = true;
    start();
    run(0.5);
    assert_int_equal(bound(), THINGS);
    const SyncSample all = sample(0, SMALL_TEMPERATURE, 300, 5);
    sync_with("plant", &all, 1, true, 8);
    assert_int_equal(channel(3, SMALL_TEMPERATURE)->code, 300);
    assert_int_equal(channel(0, SMALL_TEMPERATURE)->quality, QUALITY_NONE);
    finish();
}

static void test_what_does_not_agree_stays_unbound(void **state)
{
    (void)state;
    begin();
    enabler.systems[0].model = script_model("", "degF");
    enabler.systems[0].count = 2;
    enabler.systems[1] = enabler.systems[0];
    enabler.systems[1].name = "annex";
    enabler.systems[1].model = script_model("", "degC");
    enabler.systems[1].first = 2;
    enabler.systems[1].count = 5; /* three of which are not of this world */
    enabler.system_count = 2;
    start();
    ScriptClient *ada = stage_add(&stage, GOAL_LIVE, "Ada");
    run(0.6);
    assert_int_equal(bound(), 2);
    const SyncSample all[] = { sample(1, SMALL_TEMPERATURE, 7, 5), sample(4, SMALL_TEMPERATURE, 8, 5) };
    sync_with("annex", all, 2, true, 6);
    sync_with("plant", all, 1, true, 6);
    assert_int_equal(channel(3, SMALL_TEMPERATURE)->code, 7);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_NONE);
    const Message ask = { .id = MESSAGE_SYSTEMS };
    for (int i = 0; i < 5; i++) { /* answered once a second */
        assert_int_equal(client_send(ada, &ask), STATUS_OK);
        run(0.1);
    }
    assert_int_equal(ada->lists, 1);
    run(1);
    assert_int_equal(ada->lists, 2);
    assert_int_equal(ada->system_count, 3);
    assert_int_equal(ada->systems[0].kind, WIRE_SYSTEM_METAVERSE);
    assert_int_equal(ada->systems[0].things, THINGS);
    assert_int_equal(ada->systems[0].bound, 2);
    assert_string_equal(ada->systems[2].name, "annex");
    assert_int_equal(ada->systems[2].bound, 2);
    assert_int_equal(ada->systems[2].things, 5);
    assert_int_equal(ada->systems[2].rights, WIRE_RIGHT_READ);
    assert_int_equal(ada->unbound_count, 2);
    assert_int_equal(ada->unbound[1].thing, 1);
    assert_non_null(strstr(ada->unbound[1].reason, "unit"));
    finish();
}

static void test_models_agree_or_not(void **state)
{
    (void)state;
    SmallWorld *small = &stage.small;
    begin();
    start();
    uint8_t map[THING_PROPERTIES_MAX];
    char reason[REASON_SHORT];
    ThingModel other = small->model;
    Property properties[SMALL_PROPERTIES];
    memcpy(properties, small->model.properties, sizeof properties);
    other.properties = properties;
    assert_true(thing_models_agree(&small->model, &other, map, reason, sizeof reason));
    assert_int_equal(map[SMALL_NOTE], SMALL_NOTE);
    assert_int_equal(map[SMALL_PROPERTIES], NO_PROPERTY);
    static const char *const names[] = { "off", "on", "broken" };
    const Property wrong[] = {
        { .name = "temperature", .unit = "degC", .encoding = CHANNEL_STEPS, .resolution = 0.5 },
        { .name = "temperature", .unit = "degC", .encoding = CHANNEL_EXACT },
        { .name = "temp", .unit = "degC", .encoding = CHANNEL_STEPS, .resolution = 0.1 },
        { .name = "state",
          .unit = "",
          .type = PROPERTY_TEXT,
          .encoding = CHANNEL_ENUM,
          .enum_names = names,
          .enum_count = 3 },
        { .name = "state",
          .unit = "",
          .type = PROPERTY_TEXT,
          .encoding = CHANNEL_ENUM,
          .enum_names = small->model.properties[SMALL_STATE].enum_names,
          .enum_count = 2 },
    };
    static const char *const words[] = { "resolution", "type", "no property", "names", "names" };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        memcpy(properties, small->model.properties, sizeof properties);
        properties[i < 3 ? SMALL_TEMPERATURE : SMALL_STATE] = wrong[i];
        assert_false(thing_models_agree(&small->model, &other, map, reason, sizeof reason));
        assert_non_null(strstr(reason, words[i]));
    }
    finish();
}

static void test_a_system_that_goes_is_stale_at_once_and_comes_back(void **state)
{
    (void)state;
    begin();
    start();
    run(0.5);
    const SyncSample all[] = { sample(0, SMALL_STATE, 2, 9), sample(1, SMALL_TEMPERATURE, 215, 9) };
    sync_with("plant", all, 2, true, 10);
    script_system_state(&enabler, "plant", false);
    tick();
    assert_int_equal(channel(0, SMALL_STATE)->quality, QUALITY_STALE);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->code, 215);
    assert_int_equal(channel(2, SMALL_TEMPERATURE)->quality, QUALITY_NONE);
    script_system_state(&enabler, "plant", true);
    run(0.2);
    assert_int_equal(enabler.describes, 2);
    assert_int_equal(enabler.subscribes, 2);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->code, 215); /* nothing blinks meanwhile */
    sync_with("plant", all, 1, true, 20);
    assert_int_equal(channel(0, SMALL_STATE)->quality, QUALITY_GOOD);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_NONE);
    finish();
}

static void test_without_the_enabler_values_age_after_a_grace(void **state)
{
    (void)state;
    begin();
    start();
    run(0.5);
    const TimeNs source = INT64_C(1000) * TIME_SECOND;
    const SyncSample all[] = { sample(0, SMALL_STATE, 2, source), /* has no period */
                               sample(1, SMALL_TEMPERATURE, 1, source),
                               sample(2, SMALL_TEMPERATURE, 2, source - 20 * TIME_SECOND), /* period 10 s */
                               sample(3, SMALL_TEMPERATURE, 2, source - 60 * TIME_SECOND) };
    sync_with("plant", all, 4, true, source);
    bus_local_cut(endpoint, true);
    run(4.9);
    assert_int_equal(channel(3, SMALL_TEMPERATURE)->quality, QUALITY_GOOD); /* it may be back in a moment */
    assert_int_equal(channel(2, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    run(5.3); /* 10.2 s: thing 2 is 30.2 s old */
    assert_int_equal(channel(2, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    assert_int_equal(channel(0, SMALL_STATE)->quality, QUALITY_GOOD);
    run(20);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    assert_int_equal(channel(0, SMALL_STATE)->quality, QUALITY_STALE);
    bus_local_cut(endpoint, false);
    run(1);
    assert_int_equal(enabler.registrations, 2);
    assert_int_equal(enabler.subscribes, 2);
    sync_with("plant", all, 3, true, source + 40 * TIME_SECOND);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    finish();
}

static void test_refusals_are_tried_again_and_domains_kept(void **state)
{
    (void)state;
    begin();
    config.domain = "water";
    start();
    run(0.5);
    assert_int_equal(enabler.describes, 0); /* "energy" is none of its business */
    enabler.systems[0].domain = "water";
    enabler.systems[0].up = false;
    run(10.5);
    assert_int_equal(enabler.describes, 0);
    enabler.systems[0].up = true;
    script_system_state(&enabler, "plant", true);
    run(0.3);
    assert_int_equal(bound(), THINGS);
    finish();
}

static void test_a_grant_is_renewed_and_a_revoked_one_asked_for_again(void **state)
{
    (void)state;
    begin();
    enabler.grant_s = 4;
    start();
    run(0.5);
    const SyncSample all = sample(1, SMALL_TEMPERATURE, 1, 5);
    sync_with("plant", &all, 1, true, 5);
    run(2);
    assert_int_equal(enabler.reads, 2);
    assert_int_equal(enabler.subscribes, 2);
    sync_with("plant", &all, 1, true, 6);
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    BodyWriter writer = body_begin(MII_REVOKED);
    body_text(&writer, "grant", enabler.last_grant);
    body_text(&writer, "reason", "not any more");
    script_send(&enabler, &writer, NULL, 0);
    tick();
    assert_int_equal(channel(1, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    run(2.5);
    assert_int_equal(enabler.describes, 2);
    finish();
}

/* An answer about one system that is not waited for any more is no list of all that there are. */
static void test_a_late_answer_about_one_system_takes_no_other_down(void **state)
{
    (void)state;
    begin();
    enabler.systems[0].count = 2;
    enabler.systems[1] = enabler.systems[0];
    enabler.systems[1].name = "annex";
    enabler.systems[1].first = 2;
    enabler.system_count = 2;
    start();
    run(0.6);
    assert_int_equal(bound(), THINGS);
    const SyncSample all = sample(1, SMALL_TEMPERATURE, 7, 5);
    sync_with("annex", &all, 1, true, 6);
    assert_int_equal(channel(3, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    script_system_state(&enabler, "plant", true);
    script_system_state(&enabler, "plant", true); /* each begins anew: two questions, one is waited for */
    run(0.2);
    assert_int_equal(enabler.inspections, 4);
    assert_int_equal(channel(3, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    assert_int_equal(integration_link(stage.metaverse, "annex")->stage, LINK_LIVE);
    assert_int_equal(integration_link(stage.metaverse, "plant")->stage, LINK_SUBSCRIBING);
    finish();
}

static void test_a_grant_that_is_revoked_before_the_models_came(void **state)
{
    (void)state;
    begin();
    enabler.holds_models = true;
    start();
    run(0.5);
    assert_int_equal(integration_link(stage.metaverse, "plant")->stage, LINK_DESCRIBING);
    BodyWriter writer = body_begin(MII_REVOKED);
    body_text(&writer, "grant", enabler.last_grant);
    body_text(&writer, "reason", "not any more");
    script_send(&enabler, &writer, NULL, 0);
    tick();
    assert_int_equal(integration_link(stage.metaverse, "plant")->stage, LINK_IDLE);
    enabler.holds_models = false;
    run(2.5); /* everything is asked for anew, long before an answer would be given up */
    assert_int_equal(enabler.reads, 2);
    assert_int_equal(enabler.subscribes, 1);
    assert_int_equal(bound(), THINGS);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_steps_follow_each_other),
        cmocka_unit_test(test_other_numbers_are_translated),
        cmocka_unit_test(test_another_order_is_translated),
        cmocka_unit_test(test_what_does_not_agree_stays_unbound),
        cmocka_unit_test(test_models_agree_or_not),
        cmocka_unit_test(test_a_system_that_goes_is_stale_at_once_and_comes_back),
        cmocka_unit_test(test_without_the_enabler_values_age_after_a_grace),
        cmocka_unit_test(test_refusals_are_tried_again_and_domains_kept),
        cmocka_unit_test(test_a_grant_is_renewed_and_a_revoked_one_asked_for_again),
        cmocka_unit_test(test_a_late_answer_about_one_system_takes_no_other_down),
        cmocka_unit_test(test_a_grant_that_is_revoked_before_the_models_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
