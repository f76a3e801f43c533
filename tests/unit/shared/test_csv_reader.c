/* CSV as samples: quoting, line ends, encodings, limits, values, unmapped and missing fields, and what a flaw
 * does to the counters. Time stamps are in test_csv_times.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/shared/trace_fixture.h"

static void expect_code(Reading *reading, uint8_t property, int64_t code)
{
    TraceSample sample = reading_next(reading);
    assert_int_equal(sample.property, property);
    assert_int_equal(sample.quality, QUALITY_GOOD);
    assert_true(sample.code == code);
}

static void expect_bad(Reading *reading, uint8_t property)
{
    TraceSample sample = reading_next(reading);
    assert_int_equal(sample.property, property);
    assert_int_equal(sample.quality, QUALITY_BAD);
    assert_true(sample.code == 0);
}

static void test_long_form(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, LONG,
                 "10,P1,speed,1500\n"
                 "10,P2,running,TRUE\n"
                 "11,P2,state,fault\n"
                 "12,P1,note,h\xc3\xa9llo\n"
                 "13,T-7,temp,212\n"
                 "14,P1,steps,2.5\n");
    expect_number(&reading, 10, THING_PUMP_1, PUMP_SPEED, 1500);
    expect_code(&reading, PUMP_RUNNING, 1);
    expect_code(&reading, PUMP_STATE, 2);
    TraceSample note = reading_next(&reading);
    assert_string_equal(text_get(&reading.texts, (uint32_t)note.code), "h\xc3\xa9llo");
    TraceSample warm = reading_next(&reading);
    assert_int_equal(warm.thing, THING_TANK);
    assert_true(fabs(exact_number(warm.code) - 100) < 1e-12);
    expect_code(&reading, PUMP_STEPS, 5);
    reading_expect_end(&reading);
    reading_expect_end(&reading); /* the end stays the end */
    const TraceCounters *counters = reading_counters(&reading);
    assert_int_equal(counters->rows, 6);
    assert_int_equal(counters->samples, 6);
    assert_int_equal(counters->equal_times, 1);
    assert_int_equal(counters->refused, 0);
    assert_int_equal(counters->bytes, reading.memory.bytes.size);
    assert_null(csv_reader_first_error(reading.reader));
    reading_close(&reading);
}

static void test_wide_form(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, WIDE, "P,other,time,T\n1500,x,1,20\n,y,2,21\n2500,z,3,\n");
    expect_number(&reading, 1, THING_TANK, 1, 1.5);
    expect_number(&reading, 1, THING_TANK, 0, 20);
    expect_number(&reading, 2, THING_TANK, 0, 21);
    expect_number(&reading, 3, THING_TANK, 1, 2.5);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->unmapped, 1); /* a column, once */
    assert_int_equal(reading_counters(&reading)->missing, 2);
    assert_int_equal(reading_counters(&reading)->rows, 3);
    reading_close(&reading);
}

static void test_columns_by_pattern(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading,
                 WIDE_HEAD "\"columns\": [{\"column\": \"P{n}.{q}\", \"thing\": \"pump-{n}\", \"property\": "
                           "\"{q}\"}]}",
                 "time,P1.speed,P2.speed,P2.state,P9.speed,P1.colour\n5,1,2,on,4,5\n");
    expect_number(&reading, 5, THING_PUMP_1, PUMP_SPEED, 1);
    expect_number(&reading, 5, THING_PUMP_2, PUMP_SPEED, 2);
    expect_code(&reading, PUMP_STATE, 1);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->unmapped, 2);
    reading_close(&reading);
}

/* The same rows however the bytes arrive and whatever ends the lines. */
static void test_quoting_and_line_ends(void **state)
{
    (void)state;
    static const char *const tables[] = {
        "\"10\",\"P1\",\"note\",\"a,b\"\n11,P1,note,\"say \"\"so\"\"\"\n12,P1,speed,\"7\"\n",
        "\"10\",\"P1\",\"note\",\"a,b\"\r\n11,P1,note,\"say \"\"so\"\"\"\r\n12,P1,speed,\"7\"\r\n",
        "\xef\xbb\xbf\"10\",P1,note,\"a,b\"\n\n\n11,P1,note,\"say \"\"so\"\"\"\n\r\n12,P1,speed,7",
        "\xef\xbb\xbf\"10\",P1,note,\"a,b\"\r\n11,P1,note,say \"so\"\r\n12,P1,speed,\"7\"",
        "10,P1,note,\"a,b\"\r\n11,P1,note,say \"so\"\n12,P1,speed,7\r",
        " 10 ,P1,note,\"a,b\"\n11\t,P1,note,\"say \"\"so\"\"\"\n12,P1,speed,\" 7 \"\r",
    };
    const size_t chunks[] = { 0, 1, 2, 3, 7, 64 };
    for (size_t i = 0; i < ARRAY_COUNT(tables) * ARRAY_COUNT(chunks); i++) {
        Reading reading;
        Bytes table = text_bytes(tables[i / ARRAY_COUNT(chunks)]);
        assert_int_equal(reading_open_bytes(&reading, LONG, table, chunks[i % ARRAY_COUNT(chunks)]),
                         STATUS_OK);
        TraceSample sample = reading_next(&reading);
        assert_string_equal(text_get(&reading.texts, (uint32_t)sample.code), "a,b");
        sample = reading_next(&reading);
        assert_string_equal(text_get(&reading.texts, (uint32_t)sample.code), "say \"so\"");
        expect_number(&reading, 12, THING_PUMP_1, PUMP_SPEED, 7);
        reading_expect_end(&reading);
        assert_int_equal(reading_counters(&reading)->rows, 3);
        assert_int_equal(reading_counters(&reading)->refused, 0);
        assert_int_equal(reading_counters(&reading)->bytes, table.size);
        reading_close(&reading);
    }
}

static void test_newline_in_quotes(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, WIDE, "time,T,\"P\"\"\r\n\nx\",P\n1,2,\"a\nb\r\n\"\"c\",3\n\n4,x,,6\n");
    expect_number(&reading, 1, THING_TANK, 0, 2);
    expect_number(&reading, 1, THING_TANK, 1, 0.003);
    expect_bad(&reading, 0);
    expect_number(&reading, 4, THING_TANK, 1, 0.006);
    reading_expect_end(&reading);
    expect_first_error(&reading, 8, "'x' is not a decimal number"); /* lines inside quotes count */
    reading_close(&reading);
}

static void test_wrong_quoting(void **state)
{
    (void)state;
    static const char *const rows[] = { "10,P1,speed,\"1\"2\n", "10,P1,speed,\"1\n", "10,\"P1\" ,speed,1\n",
                                        "\"10,P1,speed,1\n" };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char table[128];
        snprintf(table, sizeof table, "9,P1,speed,1\n%s11,P1,speed,3\n12,P1,speed,4", rows[i]);
        Reading reading;
        reading_open(&reading, LONG, table);
        expect_number(&reading, 9, THING_PUMP_1, PUMP_SPEED, 1);
        expect_number(&reading, 11, THING_PUMP_1, PUMP_SPEED, 3); /* the damage ends with the line */
        expect_number(&reading, 12, THING_PUMP_1, PUMP_SPEED, 4);
        reading_expect_end(&reading);
        assert_int_equal(reading_counters(&reading)->refused, 1);
        assert_int_equal(reading_counters(&reading)->rows, 4);
        expect_first_error(&reading, 2, "quoted field");
        reading_close(&reading);
    }
}

static void test_row_structure(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, LONG,
                 "1,P1,speed\n2,P1,speed,1,x\nnow,P1,speed,1\n,P1,speed,1\n3,P1,speed,5\n4\n5,P1,speed,6\n");
    expect_number(&reading, 3, THING_PUMP_1, PUMP_SPEED, 5);
    expect_number(&reading, 5, THING_PUMP_1, PUMP_SPEED, 6);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->refused, 5);
    assert_int_equal(reading_counters(&reading)->samples, 2);
    expect_first_error(&reading, 1, "fields");
    reading_close(&reading);
    reading_open(&reading, LONG, "1,P1,speed,1\nsoon\x1b,P1,speed,1\n");
    expect_number(&reading, 1, THING_PUMP_1, PUMP_SPEED, 1);
    reading_expect_end(&reading);
    expect_first_error(&reading, 2, "'soon\\u001b' is not a time");
    reading_close(&reading);
}

static void test_bad_values(void **state)
{
    (void)state;
    static const struct {
        const char *property, *value;
        uint8_t index;
    } values[] = {
        { "speed", "nan", PUMP_SPEED },
        { "speed", "NaN", PUMP_SPEED },
        { "speed", "inf", PUMP_SPEED },
        { "speed", "-Infinity", PUMP_SPEED },
        { "speed", "1e999", PUMP_SPEED },
        { "speed", "0x10", PUMP_SPEED },
        { "speed", "1,5", PUMP_SPEED },
        { "speed", "12 rpm", PUMP_SPEED },
        { "speed", "1000001", PUMP_SPEED },
        { "speed", "-1001", PUMP_SPEED },
        { "running", "yes", PUMP_RUNNING },
        { "running", "2", PUMP_RUNNING },
        { "state", "ON", PUMP_STATE },
        { "state", "", PUMP_STATE },
        { "note", "\xff", PUMP_NOTE },
        { "note", "\xc3", PUMP_NOTE },
        { "note", "\xed\xa0\x80", PUMP_NOTE },
        { "note", "\xc0\xaf", PUMP_NOTE },
        { "note", "\xf4\x90\x80\x80", PUMP_NOTE },
        { "note", "a\nb", PUMP_NOTE },
        { "steps", "1e300", PUMP_STEPS },
    };
    Reading reading;
    char table[2048];
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        used += (size_t)snprintf(table + used, sizeof table - used, "%zu,P1,%s,\"%s\"\n", i,
                                 values[i].property, values[i].value);
    }
    reading_open(&reading,
                 LONG_HEAD "\"missing\": [], \"rows\": [{\"where\": {\"e\": \"P{n}\", \"p\": \"{q}\"}, "
                           "\"thing\": \"pump-{n}\", \"property\": \"{q}\"}]}",
                 table);
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        expect_bad(&reading, values[i].index);
    }
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->refused, ARRAY_COUNT(values));
    assert_int_equal(reading_counters(&reading)->bad, ARRAY_COUNT(values));
    expect_first_error(&reading, 1, "'nan' is not a decimal number");
    assert_int_equal(csv_reader_series(reading.reader, THING_PUMP_1, PUMP_SPEED)->bad, 10);
    reading_close(&reading);
}

static void test_text_table_full(void **state)
{
    (void)state;
    Reading reading;
    char table[512];
    size_t used = 0;
    for (int i = 0; i < 10; i++) {
        used += (size_t)snprintf(table + used, sizeof table - used, "%d,P1,note,text %d\n", i, i);
    }
    reading_open(&reading, LONG, table);
    for (int i = 0; i < 8; i++) { /* the fixture's table holds 8 */
        expect_code(&reading, PUMP_NOTE, i);
    }
    expect_bad(&reading, PUMP_NOTE);
    expect_bad(&reading, PUMP_NOTE);
    reading_expect_end(&reading);
    expect_first_error(&reading, 9, "table of texts");
    reading_close(&reading);
}

static void test_values_scale_and_missing(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading,
                 LONG_HEAD "\"missing\": [\"\", \"NA\", \"nan\"], \"rows\": ["
                           "{\"where\": {\"p\": \"s\"}, \"thing\": \"pump-1\", \"property\": \"speed\", "
                           "\"scale\": 60, \"offset\": -1, \"values\": {\"stopped\": 0}},"
                           "{\"where\": {\"p\": \"r\"}, \"thing\": \"pump-1\", \"property\": \"running\", "
                           "\"values\": {\"J\": true, \"N\": false}},"
                           "{\"where\": {\"p\": \"z\"}, \"thing\": \"pump-1\", \"property\": \"state\", "
                           "\"values\": {\"0\": \"off\", \"1\": \"on\"}}]}",
                 "1,x,s,2\n1,x,s,stopped\n2,x,s,NA\n3,x,s, nan \n4,x,s,\n5,x,r,J\n5,x,r,N\n5,x,r,0\n"
                 "6,x,z,1\n6,x,z,fault\n");
    expect_number(&reading, 1, THING_PUMP_1, PUMP_SPEED, 119);
    expect_number(&reading, 1, THING_PUMP_1, PUMP_SPEED, 0); /* listed values are not scaled */
    expect_code(&reading, PUMP_RUNNING, 1);
    expect_code(&reading, PUMP_RUNNING, 0);
    expect_code(&reading, PUMP_RUNNING, 0);
    expect_code(&reading, PUMP_STATE, 1);
    expect_code(&reading, PUMP_STATE, 2); /* what is not listed is read as usual */
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->missing, 3);
    assert_int_equal(reading_counters(&reading)->refused, 0);
    reading_close(&reading);
}

static void test_delimiter_and_decimal_comma(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, WIDE_HEAD "\"delimiter\": \";\", \"decimal_mark\": \",\", " WIDE_COLUMNS,
                 "time;T;P\n1;20,5;1000\n");
    expect_number(&reading, 1, THING_TANK, 0, 20.5);
    expect_number(&reading, 1, THING_TANK, 1, 1);
    reading_close(&reading);
    reading_open(&reading, WIDE_HEAD "\"delimiter\": \"tab\", \"skip_lines\": 2, " WIDE_COLUMNS,
                 "made by \"x\nwhen\ntime\tT\tP\n1\t2\t3\n");
    expect_number(&reading, 1, THING_TANK, 0, 2);
    reading_close(&reading);
}

static void test_unmapped_and_strict(void **state)
{
    (void)state;
    const char *const table = "1,X9,speed,1\n2,P7,speed,1\n3,P1,colour,1\n4,P1,speed,8\n";
    Reading reading;
    reading_open(&reading, LONG, table);
    expect_number(&reading, 4, THING_PUMP_1, PUMP_SPEED, 8);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->unmapped, 3);
    assert_int_equal(reading_counters(&reading)->refused, 0);
    reading_close(&reading);
    reading_open(&reading,
                 LONG_HEAD "\"strict\": true, \"rows\": [{\"where\": {\"e\": \"P{n}\", \"p\": "
                           "\"{q}\"}, \"thing\": \"pump-{n}\", \"property\": \"{q}\"}]}",
                 table);
    expect_number(&reading, 4, THING_PUMP_1, PUMP_SPEED, 8);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->refused, 3);
    expect_first_error(&reading, 1, "no rule");
    reading_close(&reading);
}

static void expect_malformed(const char *mapping, Bytes table, const char *part)
{
    for (size_t chunk = 0; chunk < 2; chunk++) {
        Reading reading;
        Status status;
        assert_int_equal(reading_open_bytes(&reading, mapping, table, chunk), STATUS_OK);
        reading_drain(&reading, &status);
        if (status != STATUS_MALFORMED || !strstr(reading.diag.text, part)) {
            fail_msg("%s: '%s', not '%s'", status_name(status), reading.diag.text, part);
        }
        assert_string_equal(reading.diag.path, "t.csv");
        TraceSample sample;
        assert_int_equal(csv_reader_next(reading.reader, &sample, NULL), STATUS_MALFORMED); /* for good */
        reading_close(&reading);
    }
}

static void test_headers_that_do_not_fit(void **state)
{
    (void)state;
    expect_malformed(WIDE, text_bytes(""), "before its header");
    expect_malformed(WIDE, text_bytes("\n\n"), "before its header");
    expect_malformed(WIDE, text_bytes("zeit,T,P\n1,2,3\n"), "no column called time");
    expect_malformed(WIDE, text_bytes("time,T\n1,2\n"), "columns[1]");
    expect_malformed(WIDE, text_bytes("time,time,T,P\n"), "two columns called time");
    expect_malformed(WIDE, text_bytes("time,T,P,T\n"), "the property has two columns");
    expect_malformed(WIDE, text_bytes("time;T;P\n"), "no column called time");
    expect_malformed(WIDE, text_bytes("\"time,T,P\n"), "the header has a quoted field");
    expect_malformed(WIDE_HEAD "\"strict\": true, " WIDE_COLUMNS, text_bytes("time,T,P,Q\n1,2,3,4\n"),
                     "nothing of column Q");
    expect_malformed("{\"dtmv_mapping\": 1, \"form\": \"long\", \"header\": true, \"time\": {\"column\": "
                     "\"t\", \"format\": \"epoch_s\"}, \"value\": {\"column\": \"v\"}, \"rows\": "
                     "[{\"where\": {\"e\": \"x\"}, \"thing\": \"tank\", \"property\": \"power\"}]}",
                     text_bytes("t,v,f\n1,2,3\n"), "no column called e");
}

static void test_index_column_and_given_names(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, WIDE_HEAD "\"index_column\": true, " WIDE_COLUMNS,
                 "\"time\",\"T\",\"P\"\n\"1\",10,20,30\n\"2\",11,21,31\n3,12,22\n");
    expect_number(&reading, 10, THING_TANK, 0, 20);
    expect_number(&reading, 10, THING_TANK, 1, 0.030);
    expect_number(&reading, 11, THING_TANK, 0, 21);
    expect_number(&reading, 11, THING_TANK, 1, 0.031);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->refused, 1);
    reading_close(&reading);
    reading_open(&reading, WIDE_HEAD "\"column_names\": [\"T\", \"time\", \"P\"], " WIDE_COLUMNS,
                 "what,ever,it says,at all\n5,6,7\n");
    expect_number(&reading, 6, THING_TANK, 0, 5);
    reading_close(&reading);
}

static void test_other_encodings(void **state)
{
    (void)state;
    const char *const text = "time,T,P\n1,2,3\n";
    uint8_t wide[256], wider[256] = { 0 };
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        wide[2 * i] = (uint8_t)text[i];
        wide[2 * i + 1] = 0;
        wider[4 * i + 3] = (uint8_t)text[i];
    }
    expect_malformed(WIDE, bytes_of(wide, 2 * size), "UTF-16");
    expect_malformed(WIDE, bytes_of(wide + 1, 2 * size - 1), "UTF-16");
    expect_malformed(WIDE, bytes_of(wider, 4 * size), "UTF-16");
    expect_malformed(WIDE, bytes_of("\xff\xfet\0i\0", 6), "UTF-16");
    expect_malformed(WIDE, bytes_of("\xfe\xff\0t\0i", 6), "UTF-16");
    expect_malformed(WIDE, bytes_of("\0\0\xfe\xff\0\0\0t", 8), "UTF-16");
}

static void test_nul_byte(void **state)
{
    (void)state;
    static const char table[] = "1,P1,speed,1\n2,P1,spe\0ed,1\n3,P1,speed,3\n";
    Reading reading;
    assert_int_equal(reading_open_bytes(&reading, LONG, bytes_of(table, sizeof table - 1), 0), STATUS_OK);
    expect_number(&reading, 1, THING_PUMP_1, PUMP_SPEED, 1);
    expect_number(&reading, 3, THING_PUMP_1, PUMP_SPEED, 3);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->refused, 1);
    expect_first_error(&reading, 2, "NUL");
    reading_close(&reading);
}

/* A table whose second row is a line of `size` bytes, newline not counted. */
static Bytes long_line_table(size_t size, bool quoted)
{
    static const char first[] = "1,P1,speed,1\n", last[] = "3,P1,speed,3\n";
    size_t total = strlen(first) + size + 1 + strlen(last);
    char *table = malloc(total);
    assert_non_null(table);
    char *at = table;
    memcpy(at, first, strlen(first));
    at += strlen(first);
    memset(at, 'x', size);
    memcpy(at, quoted ? "2,P1,note,\"" : "2,P1,note,", quoted ? 11 : 10);
    if (quoted) {
        at[size - 1] = '"';
    }
    at[size] = '\n';
    memcpy(at + size + 1, last, strlen(last));
    return bytes_of(table, total);
}

static void test_long_lines(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        bool quoted, refused;
    } lines[] = { { CSV_LINE_MAX - 1, false, false }, { CSV_LINE_MAX, false, false },
                  { CSV_LINE_MAX + 1, false, true },  { CSV_LINE_MAX, true, false },
                  { CSV_LINE_MAX + 1, true, true },   { (size_t)10 << 20, false, true },
                  { (size_t)10 << 20, true, true } };
    for (size_t i = 0; i < ARRAY_COUNT(lines) * 2; i++) {
        size_t line = i / 2;
        Bytes table = long_line_table(lines[line].size, lines[line].quoted);
        Reading reading;
        assert_int_equal(reading_open_bytes(&reading, LONG, table, i % 2 ? 4099 : 0), STATUS_OK);
        size_t reserved = reading.arena.reserved;
        expect_number(&reading, 1, THING_PUMP_1, PUMP_SPEED, 1);
        if (!lines[line].refused) {
            expect_code(&reading, PUMP_NOTE, 0);
        }
        expect_number(&reading, 3, THING_PUMP_1, PUMP_SPEED, 3);
        reading_expect_end(&reading);
        assert_int_equal(reading_counters(&reading)->refused, lines[line].refused);
        assert_int_equal(reading_counters(&reading)->bytes, table.size);
        assert_int_equal(reading.arena.reserved, reserved); /* whatever the file, no more memory */
        reading_close(&reading);
        free((void *)table.data);
    }
}

static void test_many_fields(void **state)
{
    (void)state;
    static char table[CSV_COLUMNS_MAX + 64];
    memset(table, ',', CSV_COLUMNS_MAX);
    memcpy(table + CSV_COLUMNS_MAX, "\n3,P1,speed,3\n", 15);
    Reading reading;
    reading_open(&reading, LONG, table);
    expect_number(&reading, 3, THING_PUMP_1, PUMP_SPEED, 3);
    expect_first_error(&reading, 1, "8,192 fields");
    reading_close(&reading);
}

static void test_giving_up(void **state)
{
    (void)state;
    static char table[8192];
    size_t used = 0;
    for (int i = 0; i < 300; i++) {
        used += (size_t)snprintf(table + used, sizeof table - used, "row %d\n", i);
    }
    expect_malformed(LONG, text_bytes(table), "not one of the first 100 rows was understood");
    /* One good row among the first hundred, and reading goes on. */
    memcpy(table + 340, "1,P1,speed,1\n", 13); /* over rows 50 and 51 */
    Reading reading;
    Status status;
    reading_open(&reading, LONG, table);
    assert_int_equal(reading_drain(&reading, &status), 1);
    assert_int_equal(status, STATUS_END);
    assert_true(reading_counters(&reading)->refused > 250);
    reading_close(&reading);
}

static void test_no_rows(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, LONG, "");
    reading_expect_end(&reading);
    assert_true(reading_counters(&reading)->first_time == TIME_NONE);
    reading_close(&reading);
    reading_open(&reading, WIDE, "time,T,P\n");
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->rows, 0);
    reading_close(&reading);
}

typedef struct FailingInput {
    TraceInput inner;
    unsigned reads_left;
} FailingInput;

static Status failing_read(void *context, uint8_t *data, size_t size, size_t *out_count)
{
    FailingInput *input = context;
    if (input->reads_left == 0) {
        return STATUS_IO_ERROR;
    }
    input->reads_left--;
    return input->inner.ops->read(input->inner.context, data, size, out_count);
}

static Status failing_rewind(void *context)
{
    (void)context;
    return STATUS_UNSUPPORTED;
}

static void test_input_errors(void **state)
{
    (void)state;
    static const TraceInputOps ops = { .read = failing_read, .rewind = failing_rewind };
    Reading reading;
    reading_open(&reading, LONG, "");
    TraceMemory memory = { .bytes = text_bytes("1,P1,speed,1\n2,P1,speed,2\n"), .chunk = 13 };
    FailingInput input = { .inner = trace_input_memory(&memory), .reads_left = 1 };
    CsvReader *reader = NULL;
    assert_int_equal(csv_reader_create((TraceInput){ &ops, &input }, "pipe", reading.mapping, &reading.texts,
                                       &reading.arena, &reader),
                     STATUS_OK);
    TraceSample sample;
    assert_int_equal(csv_reader_next(reader, &sample, &reading.diag), STATUS_IO_ERROR);
    assert_string_equal(reading.diag.path, "pipe");
    input.reads_left = 9; /* it comes back: nothing was lost */
    assert_int_equal(csv_reader_next(reader, &sample, &reading.diag), STATUS_OK);
    assert_true(sample.source_time == TIME_SECOND);
    assert_int_equal(csv_reader_next(reader, &sample, &reading.diag), STATUS_OK);
    assert_int_equal(csv_reader_next(reader, &sample, &reading.diag), STATUS_END);
    assert_int_equal(csv_reader_rewind(reader), STATUS_UNSUPPORTED);
    reading_close(&reading);
}

static void test_input_files(void **state)
{
    (void)state;
    TraceInput input = { 0 };
    Diag diag = { 0 };
    assert_int_equal(trace_input_open(DTMV_SOURCE_DIR "/no such file", &input, &diag), STATUS_NOT_FOUND);
    assert_null(input.ops);
    assert_int_equal(trace_input_open(DTMV_SOURCE_DIR, &input, &diag), STATUS_IO_ERROR); /* a folder */
    assert_non_null(strstr(diag.text, "read"));
    trace_input_close(&input);
    assert_int_equal(trace_input_open(DTMV_SOURCE_DIR "/CMakeLists.txt", &input, &diag), STATUS_OK);
    uint8_t first[8], again[8];
    size_t count = 0;
    assert_int_equal(input.ops->read(input.context, first, sizeof first, &count), STATUS_OK);
    assert_int_equal(count, sizeof first);
    assert_int_equal(input.ops->rewind(input.context), STATUS_OK);
    assert_int_equal(input.ops->read(input.context, again, sizeof again, &count), STATUS_OK);
    assert_memory_equal(first, again, sizeof first);
    trace_input_close(&input);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, LONG, "1,P1,speed,1\n");
    unsigned failures = 0;
    for (size_t limit = 1024; limit < ((size_t)2 << 20); limit += 64 * 1024) {
        Arena small;
        arena_init(&small, limit);
        CsvReader *reader = NULL;
        TraceMemory memory = { .bytes = text_bytes("1,P1,speed,1\n") };
        Status status = csv_reader_create(trace_input_memory(&memory), "t.csv", reading.mapping,
                                          &reading.texts, &small, &reader);
        failures += status == STATUS_OUT_OF_MEMORY;
        assert_true(status == STATUS_OK || (status == STATUS_OUT_OF_MEMORY && !reader));
        arena_finish(&small);
    }
    assert_in_range(failures, 3, 25);
    reading_close(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_form),
        cmocka_unit_test(test_wide_form),
        cmocka_unit_test(test_columns_by_pattern),
        cmocka_unit_test(test_quoting_and_line_ends),
        cmocka_unit_test(test_newline_in_quotes),
        cmocka_unit_test(test_wrong_quoting),
        cmocka_unit_test(test_row_structure),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_text_table_full),
        cmocka_unit_test(test_values_scale_and_missing),
        cmocka_unit_test(test_delimiter_and_decimal_comma),
        cmocka_unit_test(test_unmapped_and_strict),
        cmocka_unit_test(test_headers_that_do_not_fit),
        cmocka_unit_test(test_index_column_and_given_names),
        cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_nul_byte),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_giving_up),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_input_errors),
        cmocka_unit_test(test_input_files),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
