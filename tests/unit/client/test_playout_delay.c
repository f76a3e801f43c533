/* The picture's delay over streams of every kind, in virtual time: a server, a network, frames. */
#include "client/session/playout.h"

#include "shared/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define TICK       (TIME_SECOND / 60)
#define FRAME      (TIME_SECOND / 60)
#define LATENCY    (40 * TIME_MS)
#define ON_WAY_MAX 1024u

typedef struct OnWay {
    SnapshotFrame frame;
    TimeNs arrives;
    bool moved;
} OnWay;

typedef struct Stream {
    Random random;
    Playout playout;
    TimeNs now, next_tick, next_snapshot, next_frame;
    TimeNs interval; /* between snapshots; 0: at random, 2 to 34 ms */
    TimeNs jitter;
    double loss;
    bool motion;
    uint32_t sequence;
    TimeNs last_time; /* server time of the newest snapshot sent */
    OnWay packets[ON_WAY_MAX];
    uint32_t packet_count;
    TimeNs shown, newest; /* render time of the last frame; newest snapshot that has come */
    /* since counting began */
    uint32_t frames, dry; /* dry: frames for which nothing newer was at hand */
    TimeNs dry_most;
    double slowest, fastest; /* how fast shown time passed, of frames */
} Stream;

static Stream *make_stream(TimeNs interval, uint64_t seed)
{
    Stream *stream = calloc(1, sizeof *stream);
    assert_non_null(stream);
    stream->random = random_seeded(seed);
    stream->now = stream->next_tick = stream->next_snapshot = stream->next_frame = 1000 * TIME_SECOND;
    stream->interval = interval;
    stream->motion = true;
    stream->shown = TIME_NONE;
    playout_init(&stream->playout, TIME_SECOND / 30);
    return stream;
}

static void count_from_now(Stream *stream)
{
    stream->frames = stream->dry = 0;
    stream->dry_most = 0;
    stream->slowest = 10;
    stream->fastest = 0;
}

static void send(Stream *stream)
{
    TimeNs gap = stream->interval > 0 ? stream->interval
                                      : (TimeNs)random_below(&stream->random, 32 * TIME_MS) + 2 * TIME_MS;
    stream->next_snapshot += gap;
    /* As a server between ticks does: the time of the last step, and a little more each time. */
    TimeNs stood = stream->now - (stream->now - 1000 * TIME_SECOND) % TICK;
    stream->last_time = stood > stream->last_time ? stood : stream->last_time + TIME_US;
    stream->sequence++;
    if (random_unit(&stream->random) < stream->loss) {
        return;
    }
    TimeNs late = stream->jitter > 0 ? (TimeNs)random_below(&stream->random, (uint64_t)stream->jitter) : 0;
    assert_true(stream->packet_count < ON_WAY_MAX);
    stream->packets[stream->packet_count++] =
        (OnWay){ .frame = { .sequence = stream->sequence, .server_time = stream->last_time },
                 .arrives = stream->now + LATENCY + late,
                 .moved = stream->motion };
}

static void frame(Stream *stream)
{
    for (uint32_t i = 0; i < stream->packet_count;) {
        OnWay *packet = &stream->packets[i];
        if (packet->arrives > stream->now) {
            i++;
            continue;
        }
        assert_true(playout_arrival(&stream->playout, &packet->frame, packet->moved, packet->arrives));
        TimeNs time = packet->frame.server_time;
        stream->newest = time > stream->newest ? time : stream->newest;
        memmove(packet, packet + 1, (--stream->packet_count - i) * sizeof *packet); /* in the order sent */
    }
    TimeNs shown = playout_advance(&stream->playout, stream->now);
    if (shown == TIME_NONE) {
        return;
    }
    if (stream->shown != TIME_NONE) {
        assert_true(shown >= stream->shown); /* never back */
        double speed = (double)(shown - stream->shown) / (double)FRAME;
        stream->slowest = speed < stream->slowest ? speed : stream->slowest;
        stream->fastest = speed > stream->fastest ? speed : stream->fastest;
    }
    stream->shown = shown;
    stream->frames++;
    if (shown > stream->newest) {
        stream->dry++;
        stream->dry_most =
            shown - stream->newest > stream->dry_most ? shown - stream->newest : stream->dry_most;
    }
}

static void run(Stream *stream, double seconds)
{
    TimeNs end = stream->now + time_from_seconds(seconds);
    for (; stream->now < end; stream->now += TIME_MS / 4) {
        if (stream->now >= stream->next_snapshot) {
            send(stream);
        }
        if (stream->now >= stream->next_frame) {
            stream->next_frame += FRAME;
            frame(stream);
        }
    }
}

static double dry_share(const Stream *stream)
{
    return (double)stream->dry / (double)stream->frames;
}

static double delay_ms(const Stream *stream)
{
    return (double)stream->playout.delay / 1e6;
}

/* Jitter that appears is covered within a second; once gone, the delay comes down again, slowly. */
static void test_jitter_comes_and_goes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Stream *stream = make_stream(2 * TICK, seed);
        run(stream, 10);
        double calm = delay_ms(stream);
        assert_true(calm < 40 + 60);
        stream->jitter = 60 * TIME_MS;
        run(stream, 1);
        double soon = delay_ms(stream);
        count_from_now(stream);
        run(stream, 10);
        double late = delay_ms(stream);
        assert_true(soon >= late - 20);         /* most of it within that second */
        assert_true(dry_share(stream) <= 0.05); /* and from then on it is enough */
        assert_true(late > calm + 25 && late < calm + 75);
        stream->jitter = 0;
        count_from_now(stream);
        run(stream, 1);
        assert_true(delay_ms(stream) > late - 12); /* it waits whether the jitter is gone for good */
        run(stream, 9);
        assert_true(delay_ms(stream) < calm + 5);
        assert_true(stream->slowest >= 0.74 && stream->fastest <= 1.11);
        free(stream);
    }
}

/* A tickless server tells values at any time; people it moves at the usual rate. */
static void test_irregular_spacing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Stream *stream = make_stream(0, seed);
        stream->jitter = 5 * TIME_MS;
        run(stream, 5);
        count_from_now(stream);
        run(stream, 20);
        assert_true(dry_share(stream) <= 0.03);
        assert_true(stream->dry_most < 25 * TIME_MS);
        assert_true(delay_ms(stream) < 40 + 5 + 34 + 17 + 8); /* no longer than the longest gap needs */
        assert_true(stream->slowest >= 0.74 && stream->fastest <= 1.11);
        free(stream);
    }
}

/* The nominal rate says 30 a second; the link takes 7.5, or the server sends 500. */
static void test_the_real_interval_counts(void **state)
{
    (void)state;
    Stream *stream = make_stream(2 * TICK, 1);
    run(stream, 5);
    stream->interval = 8 * TICK;
    run(stream, 2.5);
    count_from_now(stream);
    run(stream, 20);
    assert_int_equal(stream->dry, 0);
    assert_true(delay_ms(stream) > 40 + 133 && delay_ms(stream) < 40 + 133 * 2);
    stream->loss = 0.05;
    run(stream, 10);
    count_from_now(stream);
    run(stream, 30);
    assert_true(dry_share(stream) <= 0.05);
    stream->loss = 0;
    stream->interval = 2 * TICK;
    run(stream, 20);
    assert_true(delay_ms(stream) < 40 + 60);
    stream->interval = 2 * TIME_MS;
    run(stream, 10);
    count_from_now(stream);
    run(stream, 10);
    assert_true(dry_share(stream) <= 0.03);
    assert_true(delay_ms(stream) < 40 + 17 * 2);
    free(stream);
}

/* When nothing changes a word comes twice a second: no reason to show things later, before or after. */
static void test_quiet_is_not_lateness(void **state)
{
    (void)state;
    Stream *stream = make_stream(2 * TICK, 1);
    run(stream, 10);
    double before = delay_ms(stream);
    for (int i = 0; i < 5; i++) {
        stream->motion = false;
        stream->interval = TIME_SECOND / 2;
        run(stream, 60);
        assert_true(delay_ms(stream) < before + 1 && delay_ms(stream) > before - 1);
        stream->motion = true;
        stream->interval = 2 * TICK;
        run(stream, 0.5); /* what was under way when it began */
        count_from_now(stream);
        run(stream, 5);
        assert_int_equal(stream->dry, 0);
        assert_true(delay_ms(stream) < before + 1);
    }
    free(stream);
}

/* However bad it is, the delay has an end; and a stream that stops is shown on for no more than a moment (the
 * pose stops after 100 ms: test_playout.c). */
static void test_bounds(void **state)
{
    (void)state;
    Stream *stream = make_stream(2 * TICK, 1);
    stream->jitter = 3 * TIME_SECOND;
    stream->loss = 0.3;
    run(stream, 30);
    assert_true(stream->playout.delay <= LATENCY + 1200 * TIME_MS);
    free(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jitter_comes_and_goes),
        cmocka_unit_test(test_irregular_spacing),
        cmocka_unit_test(test_the_real_interval_counts),
        cmocka_unit_test(test_quiet_is_not_lateness),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
