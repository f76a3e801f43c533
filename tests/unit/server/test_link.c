/* The send-rate controller over simulated bottlenecks, and against clients that lie. */
#include "server/metaverse/link.h"

#include "shared/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FLOWS_MAX  2u
#define ON_WAY_MAX 512u /* packets, or words, of one flow */
#define TICK       (TIME_SECOND / 60)
#define FRAME      (TIME_SECOND / 60)
#define SLIP       (90 * TIME_US) /* no two clocks agree, so that ticks and frames drift through all phases */
#define LEAST      100u           /* bytes: less is not worth a packet */
#define DELAYS_MAX 400000u
#define SEEDS      5

typedef struct Flying { /* a packet or a word under way */
    TimeNs arrives;
    uint32_t number, mask;
} Flying;

typedef struct Flow {
    Link link;
    TimeNs next_tick, next_frame, frame, starts;
    double demand; /* bytes a second; 0: as much as may be sent */
    double wished; /* bytes of demand not sent yet */
    uint32_t ticks, number;
    Flying packets[ON_WAY_MAX], words[ON_WAY_MAX];
    uint32_t packet_count, word_count;
    uint32_t newest, mask; /* what its client has */
    bool any, deaf;        /* deaf: the client neither takes in nor says anything */
    uint64_t sent, passed; /* bytes since counting began: offered, through the bottleneck */
} Flow;

typedef struct Path {
    double rate; /* bytes a second of the bottleneck */
    TimeNs round_trip, jitter;
    double loss;       /* behind the bottleneck */
    double word_loss;  /* of acknowledgements, beyond `loss` */
    TimeNs depth;      /* queue in front of the bottleneck; what is beyond is dropped */
    TimeNs tick;       /* of the server; 0: TICK */
    uint32_t datagram; /* what is sent at once is cut into packets of this many bytes; 0: it is not */
} Path;

typedef struct Scene {
    Path path;
    Random random;
    TimeNs now, free_at; /* free_at: when the bottleneck has sent what is queued */
    Flow flows[FLOWS_MAX];
    uint32_t flow_count;
    TimeNs *delays; /* of packets in the queue, since counting began */
    uint32_t delay_count;
    TimeNs counted_from;
} Scene;

static Scene *make_scene(Path path, uint32_t flows, uint32_t ceiling, uint64_t seed)
{
    Scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->delays = malloc(DELAYS_MAX * sizeof *scene->delays);
    assert_non_null(scene->delays);
    scene->path = path;
    scene->path.tick = path.tick > 0 ? path.tick : TICK;
    scene->random = random_seeded(seed);
    scene->now = scene->free_at = scene->counted_from = 77 * TIME_SECOND;
    scene->flow_count = flows;
    for (uint32_t i = 0; i < flows; i++) {
        Flow *flow = &scene->flows[i];
        link_init(&flow->link, &(LinkConfig){ .ceiling = ceiling }, scene->now);
        flow->number = UINT32_MAX - 40; /* wraps soon */
        flow->frame = FRAME + SLIP - 2 * SLIP * i + SLIP * i / 3;
        flow->next_tick = scene->now + (TimeNs)random_below(&scene->random, (uint64_t)TICK);
        flow->next_frame = scene->now + (TimeNs)random_below(&scene->random, (uint64_t)FRAME);
    }
    return scene;
}

static void drop_scene(Scene *scene)
{
    free(scene->delays);
    free(scene);
}

static TimeNs one_way(Scene *scene)
{
    TimeNs jitter = scene->path.jitter;
    return scene->path.round_trip / 2 +
           (jitter > 0 ? (TimeNs)random_below(&scene->random, (uint64_t)jitter) : 0);
}

static void send_packet(Scene *scene, Flow *flow, uint32_t bytes)
{
    TimeNs starts = scene->free_at > scene->now ? scene->free_at : scene->now;
    TimeNs waits = starts - scene->now;
    link_sent(&flow->link, ++flow->number, bytes, scene->now);
    flow->sent += bytes;
    if (waits > scene->path.depth) {
        return;
    }
    scene->free_at = starts + time_from_seconds(bytes / scene->path.rate);
    flow->passed += bytes;
    if (scene->delay_count < DELAYS_MAX) {
        scene->delays[scene->delay_count++] = waits;
    }
    if (random_unit(&scene->random) >= scene->path.loss && flow->packet_count < ON_WAY_MAX) {
        flow->packets[flow->packet_count++] =
            (Flying){ .arrives = scene->free_at + one_way(scene), .number = flow->number };
    }
}

static void tick(Scene *scene, Flow *flow)
{
    uint32_t divide = link_divide(&flow->link, scene->path.tick, true);
    flow->wished += flow->demand * time_to_seconds(scene->path.tick);
    if (flow->ticks++ % divide != 0) {
        return;
    }
    uint32_t budget = link_budget(&flow->link, scene->now, scene->path.tick * divide);
    if (flow->demand > 0 && budget > flow->wished) {
        budget = (uint32_t)flow->wished;
    }
    if (budget >= LEAST) {
        uint32_t piece = scene->path.datagram > 0 ? scene->path.datagram : budget;
        for (uint32_t left = budget; left > 0; left -= left < piece ? left : piece) {
            send_packet(scene, flow, left < piece ? left : piece);
        }
        flow->wished -= budget;
        flow->wished = flow->wished < 0 ? 0 : flow->wished;
    }
}

static void client_takes(Flow *flow, uint32_t number)
{
    uint32_t ahead = number - flow->newest;
    if (!flow->any || ahead - 1 < INT32_MAX) {
        flow->mask = !flow->any || ahead > 32 ? 0
                     : ahead == 32            ? 1u << 31
                                              : flow->mask << ahead | 1u << (ahead - 1);
        flow->newest = number;
        flow->any = true;
    } else if (flow->newest - number - 1 < 32) {
        flow->mask |= 1u << (flow->newest - number - 1);
    }
}

static void client_frame(Scene *scene, Flow *flow)
{
    for (uint32_t i = 0; i < flow->packet_count;) {
        if (flow->packets[i].arrives > scene->now) {
            i++;
            continue;
        }
        client_takes(flow, flow->packets[i].number);
        flow->packets[i] = flow->packets[--flow->packet_count];
    }
    bool lost = random_unit(&scene->random) < scene->path.loss + scene->path.word_loss;
    if (flow->any && !lost && flow->word_count < ON_WAY_MAX) {
        flow->words[flow->word_count++] =
            (Flying){ .arrives = scene->now + one_way(scene), .number = flow->newest, .mask = flow->mask };
    }
}

static void server_hears(Scene *scene, Flow *flow)
{
    for (uint32_t i = 0; i < flow->word_count;) {
        if (flow->words[i].arrives > scene->now) {
            i++;
            continue;
        }
        Flying word = flow->words[i];
        flow->words[i] = flow->words[--flow->word_count];
        assert_int_equal(link_acknowledged(&flow->link, word.number, word.mask, scene->now), STATUS_OK);
    }
}

static void run(Scene *scene, double seconds)
{
    TimeNs end = scene->now + time_from_seconds(seconds);
    for (; scene->now < end; scene->now += TIME_MS / 2) {
        for (uint32_t i = 0; i < scene->flow_count; i++) {
            Flow *flow = &scene->flows[i];
            if (scene->now < flow->starts) {
                continue;
            }
            server_hears(scene, flow);
            if (scene->now >= flow->next_frame) {
                flow->next_frame += flow->frame;
                if (flow->deaf) {
                    flow->packet_count = 0;
                } else {
                    client_frame(scene, flow);
                }
            }
            if (scene->now >= flow->next_tick) {
                flow->next_tick += scene->path.tick;
                tick(scene, flow);
            }
        }
    }
}

static void count_from_now(Scene *scene)
{
    scene->delay_count = 0;
    scene->counted_from = scene->now;
    for (uint32_t i = 0; i < scene->flow_count; i++) {
        scene->flows[i].sent = scene->flows[i].passed = 0;
    }
}

static double used(const Scene *scene, uint32_t flow)
{
    double seconds = time_to_seconds(scene->now - scene->counted_from);
    return (double)scene->flows[flow].passed / seconds / scene->path.rate;
}

static int compare_times(const void *a, const void *b)
{
    TimeNs x = *(const TimeNs *)a, y = *(const TimeNs *)b;
    return (x > y) - (x < y);
}

static double delay_ms(Scene *scene, double quantile)
{
    assert_true(scene->delay_count > 20);
    qsort(scene->delays, scene->delay_count, sizeof *scene->delays, compare_times);
    return (double)scene->delays[(size_t)(scene->delay_count * quantile)] / 1e6;
}

static const double rates[] = { 64e3 / 8, 1e6 / 8, 20e6 / 8 };
static const TimeNs round_trips[] = { 5 * TIME_MS, 50 * TIME_MS, 150 * TIME_MS };
static const double losses[] = { 0, 0.05, 0.2 };

static void test_bottlenecks(void **state)
{
    (void)state;
    unsigned bad = 0;
    for (size_t r = 0; r < 3; r++) {
        for (size_t t = 0; t < 3; t++) {
            for (size_t l = 0; l < 3; l++) {
                double least = 1, most_delay = 0, sum = 0;
                for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                    Path path = { .rate = rates[r],
                                  .round_trip = round_trips[t],
                                  .loss = losses[l],
                                  .depth = 500 * TIME_MS };
                    Scene *scene = make_scene(path, 1, 4000000, seed);
                    run(scene, 10);
                    count_from_now(scene);
                    run(scene, 30);
                    double share = used(scene, 0), delay = delay_ms(scene, 0.95);
                    least = share < least ? share : least;
                    most_delay = delay > most_delay ? delay : most_delay;
                    sum += share;
                    drop_scene(scene);
                }
                double packet = 400 / rates[r] * 1e3;
                packet = packet > 1000.0 / 60 ? packet : 1000.0 / 60;
                bool good = sum / SEEDS >= 0.7 && least >= 0.6 && most_delay < 100 + packet;
                print_message(
                    "%6.0f kbit/s, %3.0f ms, loss %2.0f %%: used %.0f %% at least, %.0f %% on average; "
                    "queue p95 %.0f ms%s\n",
                    rates[r] * 8e-3, (double)round_trips[t] / 1e6, losses[l] * 100, least * 100,
                    sum / SEEDS * 100, most_delay, good ? "" : "   <-----");
                bad += !good;
            }
        }
    }
    assert_int_equal(bad, 0);
}

static void test_two_share(void **state)
{
    (void)state;
    for (size_t r = 1; r < 3; r++) {
        for (size_t t = 0; t < 3; t++) {
            double worst = 1, delay = 0, least = 2;
            for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                Path path = { .rate = rates[r], .round_trip = round_trips[t], .depth = 500 * TIME_MS };
                Scene *scene = make_scene(path, 2, 4000000, seed);
                scene->flows[1].starts = scene->now + 5 * TIME_SECOND; /* comes to a full link */
                run(scene, 40);
                count_from_now(scene);
                run(scene, 60);
                double a = used(scene, 0), b = used(scene, 1), p95 = delay_ms(scene, 0.95);
                double ratio = a > b ? a / b : b / a;
                worst = ratio > worst ? ratio : worst;
                least = a + b < least ? a + b : least;
                delay = p95 > delay ? p95 : delay;
                drop_scene(scene);
            }
            print_message("%6.0f kbit/s, %3.0f ms, two: %.2f : 1 at most, used %.0f %%, queue p95 %.0f ms\n",
                          rates[r] * 8e-3, (double)round_trips[t] / 1e6, worst, least * 100, delay);
            assert_true(worst <= 2 && least >= 0.7 && delay < 100 + 1000.0 / 60);
        }
    }
}

/* A queue too short to be measured: there losses tell, and only there. */
static void test_short_queue(void **state)
{
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        Path path = { .rate = rates[1], .round_trip = round_trips[t], .depth = 20 * TIME_MS };
        Scene *scene = make_scene(path, 1, 0, 3);
        run(scene, 5);
        count_from_now(scene);
        run(scene, 30);
        double lost = 1 - (double)scene->flows[0].passed / (double)scene->flows[0].sent;
        print_message("queue of 20 ms, %3.0f ms: used %.0f %%, %.1f %% lost\n", (double)round_trips[t] / 1e6,
                      used(scene, 0) * 100, lost * 100);
        assert_true(used(scene, 0) >= 0.7 && lost < 0.2);
        drop_scene(scene);
    }
}

/* What leaves at once queues behind itself: several packets a tick are no congestion. */
static void test_several_packets_at_once(void **state)
{
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        for (size_t l = 0; l < 3; l++) {
            Path path = { .rate = 2e6 / 8,
                          .round_trip = round_trips[t],
                          .loss = losses[l],
                          .depth = 500 * TIME_MS,
                          .datagram = 1200,
                          .tick = TIME_SECOND / 20 };
            Scene *scene = make_scene(path, 1, 0, 3);
            run(scene, 5);
            count_from_now(scene);
            run(scene, 30);
            print_message(
                "2 Mbit/s in packets of 1200 bytes, %3.0f ms, loss %2.0f %%: used %.0f %%, queue p95 "
                "%.0f ms\n",
                (double)round_trips[t] / 1e6, losses[l] * 100, used(scene, 0) * 100, delay_ms(scene, 0.95));
            assert_true(used(scene, 0) >= 0.7);
            assert_true(delay_ms(scene, 0.95) < 100 + 1000.0 / 20);
            drop_scene(scene);
        }
    }
}

/* Small packets have shown how quick the link is; the many that follow at once take longer, and are not late.
 */
static void test_bursts_after_little(void **state)
{
    (void)state;
    Path path = { .rate = rates[1],
                  .round_trip = 20 * TIME_MS,
                  .depth = 500 * TIME_MS,
                  .datagram = 1200,
                  .tick = TIME_SECOND / 10 };
    Scene *scene = make_scene(path, 1, 0, 3);
    scene->flows[0].demand = 3000;
    run(scene, 8);
    scene->flows[0].demand = 0;
    run(scene, 3);
    count_from_now(scene);
    run(scene, 5);
    print_message("bursts after little: used %.0f %%\n", used(scene, 0) * 100);
    assert_true(used(scene, 0) >= 0.7);
    drop_scene(scene);
}

/* Words of the client get lost as well; the mask of the next one says the same. */
static void test_half_of_the_words_lost(void **state)
{
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        Path path = {
            .rate = rates[1], .round_trip = round_trips[t], .word_loss = 0.5, .depth = 500 * TIME_MS
        };
        Scene *scene = make_scene(path, 1, 0, 3);
        run(scene, 5);
        count_from_now(scene);
        run(scene, 30);
        assert_true(used(scene, 0) >= 0.7);
        assert_true(delay_ms(scene, 0.95) < 100 + 1000.0 / 60);
        assert_true(scene->flows[0].link.loss < 655); /* 1 %: nothing was lost on the way there */
        drop_scene(scene);
    }
}

/* Delay that jumps about is not a queue. */
static void test_jitter(void **state)
{
    (void)state;
    Path path = { .rate = rates[1],
                  .round_trip = 100 * TIME_MS,
                  .jitter = 30 * TIME_MS,
                  .loss = 0.05,
                  .depth = 500 * TIME_MS };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Scene *scene = make_scene(path, 1, 0, seed);
        run(scene, 5);
        count_from_now(scene);
        run(scene, 30);
        assert_true(used(scene, 0) >= 0.7);
        assert_true(delay_ms(scene, 0.95) < 100 + 1000.0 / 60);
        drop_scene(scene);
    }
}

/* Who asks for less than the link takes gets it, whatever the network is like. */
static void test_small_demand_is_met(void **state)
{
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        for (size_t l = 0; l < 3; l++) {
            Path path = { .rate = rates[1],
                          .round_trip = round_trips[t],
                          .jitter = 20 * TIME_MS,
                          .loss = losses[l],
                          .depth = 500 * TIME_MS };
            Scene *scene = make_scene(path, 1, 0, 9);
            scene->flows[0].demand = 30000;
            run(scene, 5);
            count_from_now(scene);
            run(scene, 30);
            double got = (double)scene->flows[0].sent / 30;
            assert_true(got > 29400 && got < 30600);
            assert_int_equal(link_divide(&scene->flows[0].link, TICK, true), 1);
            drop_scene(scene);
        }
    }
}

/* A bottleneck that grows narrow, and wide again. */
static void test_change(void **state)
{
    (void)state;
    Path path = { .rate = rates[1], .round_trip = 50 * TIME_MS, .depth = 500 * TIME_MS };
    Scene *scene = make_scene(path, 1, 0, 4);
    run(scene, 10);
    scene->path.rate = rates[1] / 4;
    run(scene, 3);
    count_from_now(scene);
    run(scene, 10);
    assert_true(used(scene, 0) >= 0.7);
    assert_true(delay_ms(scene, 0.95) < 100 + 1000.0 / 60);
    scene->path.rate = rates[1];
    run(scene, 5);
    count_from_now(scene);
    run(scene, 10);
    assert_true(used(scene, 0) >= 0.7);
    drop_scene(scene);
}

/* Ten seconds of silence cost no more than the floor, and two seconds after them all is as before. */
static void test_stall(void **state)
{
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        Path path = { .rate = rates[1], .round_trip = round_trips[t], .depth = 500 * TIME_MS };
        Scene *scene = make_scene(path, 1, 0, 5);
        Flow *flow = &scene->flows[0];
        run(scene, 10);
        flow->deaf = true;
        run(scene, 2);
        assert_true(link_stalled(&flow->link, scene->now));
        count_from_now(scene);
        run(scene, 8);
        assert_true(flow->sent > 20000 && flow->sent <= 8 * 4000 + 1000);
        flow->deaf = false;
        run(scene, 2);
        assert_false(link_stalled(&flow->link, scene->now));
        count_from_now(scene);
        run(scene, 5);
        assert_true(used(scene, 0) >= 0.6);
        drop_scene(scene);
    }
}

static void test_limits(void **state)
{
    (void)state;
    Path wide = { .rate = 1e8, .round_trip = 20 * TIME_MS, .depth = 500 * TIME_MS };
    Scene *scene = make_scene(wide, 1, 50000, 6);
    run(scene, 5);
    count_from_now(scene);
    run(scene, 10);
    double rate = (double)scene->flows[0].sent / 10;
    assert_true(rate > 48000 && rate < 51000); /* the ceiling */
    drop_scene(scene);

    Path dead = { .rate = 1000, .round_trip = 20 * TIME_MS, .depth = 500 * TIME_MS };
    scene = make_scene(dead, 1, 0, 6);
    run(scene, 10);
    count_from_now(scene);
    run(scene, 10);
    rate = (double)scene->flows[0].sent / 10;
    assert_true(rate > 3800 && rate < 4300); /* the floor */
    assert_int_equal(link_divide(&scene->flows[0].link, TICK, true), 8);
    drop_scene(scene);
}

/* A first packet much larger than the budget delays what comes after it for a second at most. */
static void test_large_packet(void **state)
{
    (void)state;
    Link link;
    TimeNs now = TIME_SECOND;
    link_init(&link, &(LinkConfig){ 0 }, now);
    assert_int_equal(link_budget(&link, now, TICK), 32000 / 60);
    link_sent(&link, 1, 300000, now);
    assert_int_equal(link_acknowledged(&link, 1, 0, now + 50 * TIME_MS), STATUS_OK);
    assert_int_equal(link_budget(&link, now + 50 * TIME_MS, TICK), 0);
    assert_true(link_budget(&link, now + 1100 * TIME_MS, TICK) > 0);
    assert_true(link_budget(&link, now + 60 * TIME_SECOND, TICK) <= 2 * 32000 / 60); /* nothing is saved up */
}

static void test_lies(void **state)
{
    (void)state;
    Link link;
    TimeNs now = 5 * TIME_SECOND;
    link_init(&link, &(LinkConfig){ 0 }, now);
    assert_int_equal(link_acknowledged(&link, 0, 0, now), STATUS_OUT_OF_RANGE); /* before anything was sent */
    assert_int_equal(link_acknowledged(&link, UINT32_MAX, ~0u, now), STATUS_OUT_OF_RANGE);
    for (uint32_t number = UINT32_MAX - 4; number != 6; number++, now += TICK) {
        link_sent(&link, number, 500, now);
    }
    Link before = link;
    assert_int_equal(link_acknowledged(&link, 6, 0, now), STATUS_OUT_OF_RANGE);               /* the future */
    assert_int_equal(link_acknowledged(&link, 6 + 0x7FFFFFFFu, 0, now), STATUS_OUT_OF_RANGE); /* far */
    assert_int_equal(link_acknowledged(&link, UINT32_MAX - 5, 0, now),
                     STATUS_OUT_OF_RANGE);                                             /* before the first */
    assert_int_equal(link_acknowledged(&link, 5, 1u << 10, now), STATUS_OUT_OF_RANGE); /* so does a bit */
    assert_int_equal(link_acknowledged(&link, UINT32_MAX - 4, 1, now), STATUS_OUT_OF_RANGE);
    assert_memory_equal(&before, &link, sizeof link);
    assert_int_equal(link_acknowledged(&link, 5, (1u << 10) - 1, now), STATUS_OK);
    before = link;
    assert_int_equal(link_acknowledged(&link, 5, (1u << 10) - 1, now + TIME_SECOND), STATUS_OK); /* doubled */
    assert_int_equal(link_acknowledged(&link, 2, 1, now + TIME_SECOND), STATUS_OK);              /* old */
    assert_memory_equal(&before, &link, sizeof link);
    for (uint32_t number = 6; number < 200; number++, now += TICK) {
        link_sent(&link, number, 500, now);
    }
    assert_int_equal(link_acknowledged(&link, 1, 0, now), STATUS_OK); /* very old, but true once */
    before = link;
    assert_int_equal(link_acknowledged(&link, 200, 0, now), STATUS_OUT_OF_RANGE);
    assert_memory_equal(&before, &link, sizeof link);
}

/* Whatever comes in whatever order, at whatever time: no undefined behaviour, and the limits hold. */
static void test_anything(void **state)
{
    (void)state;
    Random random = random_seeded(8);
    Link link;
    TimeNs now = 0;
    link_init(&link, &(LinkConfig){ .floor = 5000, .ceiling = 300000 }, now);
    uint32_t number = (uint32_t)random_u64(&random), good = 0;
    for (uint32_t i = 0; i < 400000; i++) {
        now += (TimeNs)(random_u64(&random) >> (34 + random_below(&random, 29)));
        uint32_t bytes = (uint32_t)(random_u64(&random) >> (32 + random_below(&random, 32)));
        uint32_t mask = (uint32_t)(random_u64(&random) >> (32 + random_below(&random, 32)));
        switch (random_below(&random, 3)) {
        case 0:
            number += random_below(&random, 50) == 0 ? 2 : 1; /* 0 left out, say */
            link_sent(&link, number, bytes, now);
            break;
        case 1:
            good += link_acknowledged(&link, number - (uint32_t)random_below(&random, 40) + 1, mask, now) ==
                    STATUS_OK;
            break;
        default:
            assert_true(link_budget(&link, now, (TimeNs)bytes) <= 2 * 300000);
            break;
        }
        assert_true(link.rate >= 5000 && link.rate <= 300000);
        assert_true(link_divide(&link, (TimeNs)bytes, true) <= LINK_DIVIDE_MAX);
    }
    assert_true(good > 1000);
}

/* Packets on the way stay within what an acknowledgement can name. */
static void test_divide(void **state)
{
    (void)state;
    const TimeNs step = 2 * TIME_MS; /* a tickless server's */
    Path path = { .rate = rates[2], .round_trip = 150 * TIME_MS, .depth = 500 * TIME_MS };
    Scene *scene = make_scene(path, 1, 0, 7);
    run(scene, 5);
    uint32_t divide = link_divide(&scene->flows[0].link, step, true);
    assert_true((TimeNs)divide * step * 32 >= 150 * TIME_MS);
    assert_int_equal(link_divide(&scene->flows[0].link, TICK, true), 1);
    drop_scene(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bottlenecks),
        cmocka_unit_test(test_two_share),
        cmocka_unit_test(test_short_queue),
        cmocka_unit_test(test_several_packets_at_once),
        cmocka_unit_test(test_bursts_after_little),
        cmocka_unit_test(test_half_of_the_words_lost),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_small_demand_is_met),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_large_packet),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_anything),
        cmocka_unit_test(test_divide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
