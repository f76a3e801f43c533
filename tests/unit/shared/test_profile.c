/* Scopes: nothing while off, the newest in a ring, a trace-event file that parses and nests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/bytes.h"
#include "shared/base/profile_file.h"

static TimeNs time_now;
static int clock_reads;

static TimeNs step_clock(void)
{
    clock_reads++;
    return time_now += 10 * TIME_US;
}

/* One tick with an inner scope that has two of its own. */
static void tick(void)
{
    ProfileScope outer = profile_begin("tick");
    ProfileScope inner = profile_begin("replicate");
    for (int i = 0; i < 2; i++) {
        ProfileScope innermost = profile_begin("encode");
        profile_end(innermost);
    }
    profile_end(inner);
    profile_end(outer);
}

static void off_it_records_nothing_and_reads_no_clock(void **state)
{
    (void)state;
    ProfileEvent events[8];
    clock_reads = 0;
    tick();
    assert_int_equal(profile_count(), 0);
    profile_start(step_clock, events, ARRAY_COUNT(events));
    ProfileScope open = profile_begin("open");
    profile_stop();
    profile_end(open); /* stopped meanwhile */
    clock_reads = 0;
    tick();
    assert_int_equal(profile_count(), 0);
    assert_int_equal(clock_reads, 0);
    ProfileScope early = profile_begin("early");
    profile_start(step_clock, events, ARRAY_COUNT(events));
    profile_end(early); /* began while off */
    assert_int_equal(profile_count(), 0);
    profile_forget();
}

static void inner_scopes_end_first(void **state)
{
    (void)state;
    ProfileEvent events[8];
    profile_start(step_clock, events, ARRAY_COUNT(events));
    tick();
    profile_stop();
    assert_int_equal(profile_count(), 4);
    static const char *const names[] = { "encode", "encode", "replicate", "tick" };
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(profile_event(i).name, names[i]);
        assert_true(profile_event(i).began < profile_event(i).ended);
        assert_true(profile_event(3).began <= profile_event(i).began);
        assert_true(profile_event(3).ended >= profile_event(i).ended);
    }
    profile_forget();
    assert_int_equal(profile_count(), 0);
}

static void the_ring_keeps_the_newest(void **state)
{
    (void)state;
    ProfileEvent events[5];
    profile_start(step_clock, events, ARRAY_COUNT(events));
    for (int i = 0; i < 3; i++) {
        tick();
    }
    profile_stop();
    assert_int_equal(profile_count(), 5);
    assert_int_equal(profile_overwritten(), 7);
    assert_string_equal(profile_event(0).name, "tick");
    assert_string_equal(profile_event(4).name, "tick");
    for (size_t i = 1; i < 5; i++) {
        assert_true(profile_event(i - 1).ended < profile_event(i).ended);
    }
    profile_forget();
}

/* Each event lies inside the open one around it, as the viewers demand of one thread. */
static void check_nesting(json_t *events, size_t count)
{
    double open[16];
    size_t depth = 0, index;
    double last = -1;
    json_t *event;
    json_array_foreach(events, index, event)
    {
        if (strcmp(json_string_value(json_object_get(event, "ph")), "X") != 0) {
            continue;
        }
        double began = json_number_value(json_object_get(event, "ts"));
        double ended = began + json_number_value(json_object_get(event, "dur"));
        assert_true(began >= last && ended >= began);
        last = began;
        while (depth > 0 && began >= open[depth - 1] - 1e-6) {
            depth--;
        }
        assert_true(depth < ARRAY_COUNT(open));
        assert_true(depth == 0 || ended <= open[depth - 1] + 1e-6);
        open[depth++] = ended;
        count--;
    }
    assert_int_equal(count, 0);
}

static void the_file_is_trace_event_json(void **state)
{
    (void)state;
    char path[] = "/tmp/dtmv-profile-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    ProfileEvent events[40];
    Diag diag = { 0 };
    profile_start(step_clock, events, ARRAY_COUNT(events));
    for (int i = 0; i < 6; i++) {
        tick();
    }
    profile_stop();
    assert_int_equal(profile_file_write(path, "a \"program\"", &diag), STATUS_OK);
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(root);
    json_t *trace = json_object_get(root, "traceEvents");
    assert_true(json_is_array(trace));
    check_nesting(trace, 24);
    json_t *first = json_array_get(trace, 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(first, "args"), "name")),
                        "a \"program\"");
    json_t *second = json_array_get(trace, 1);
    assert_string_equal(json_string_value(json_object_get(second, "name")), "tick");
    assert_true(json_number_value(json_object_get(second, "dur")) == 70.0);
    json_decref(root);
    remove(path);
    profile_forget();
}

static void a_file_of_nothing_and_a_file_nowhere(void **state)
{
    (void)state;
    char path[] = "/tmp/dtmv-profile-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    Diag diag = { 0 };
    assert_int_equal(profile_file_start(NULL, &diag), STATUS_OK);
    assert_null(profile_active);
    assert_int_equal(profile_file_finish(NULL, "test", &diag), STATUS_OK);
    assert_int_equal(profile_file_start("/nowhere/at/all.json", &diag), STATUS_IO_ERROR);
    assert_null(profile_active);
    assert_int_equal(profile_file_start(path, &diag), STATUS_OK);
    assert_non_null(profile_active);
    assert_int_equal(profile_file_finish(path, "test", &diag), STATUS_OK);
    assert_null(profile_active);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_array_size(json_object_get(root, "traceEvents")), 1);
    json_decref(root);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_it_records_nothing_and_reads_no_clock),
        cmocka_unit_test(inner_scopes_end_first),
        cmocka_unit_test(the_ring_keeps_the_newest),
        cmocka_unit_test(the_file_is_trace_event_json),
        cmocka_unit_test(a_file_of_nothing_and_a_file_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
