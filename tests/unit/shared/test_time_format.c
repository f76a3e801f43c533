/* Time stamps and decimal numbers. Expected values come from Python's datetime and float. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/bytes.h"
#include "shared/base/random.h"
#include "shared/trace/number.h"
#include "shared/trace/time_format.h"

static TimeFormat compiled(const char *text, int zone_minutes)
{
    TimeFormat format;
    const char *reason = "";
    if (time_format_compile(text, zone_minutes, &format, &reason)) {
        fail_msg("'%s' %s", text, reason);
    }
    return format;
}

static Status parse(const char *format_text, int zone_minutes, const char *text, TimeNs *out_time)
{
    TimeFormat format = compiled(format_text, zone_minutes);
    return time_format_parse(&format, text, strlen(text), out_time);
}

static void expect_time(const char *format, int zone_minutes, const char *text, TimeNs expected)
{
    TimeNs time = TIME_NONE;
    Status status = parse(format, zone_minutes, text, &time);
    if (status || time != expected) {
        fail_msg("%s '%s': %s, %lld, not %lld", format, text, status_name(status), (long long)time,
                 (long long)expected);
    }
}

static void expect_no_time(const char *format, const char *text, Status expected)
{
    TimeNs time = 7;
    Status status = parse(format, 0, text, &time);
    if (status != expected || time != 7) {
        fail_msg("%s '%s': %s, not %s", format, text, status_name(status), status_name(expected));
    }
}

static void test_epochs(void **state)
{
    (void)state;
    expect_time("epoch_s", 0, "1636070400", 1636070400 * TIME_SECOND);
    expect_time("epoch_s", 540, "1636070400", 1636070400 * TIME_SECOND); /* an epoch has no zone */
    expect_time("epoch_s", 0, "1636070400.25", 1636070400250 * TIME_MS);
    expect_time("epoch_s", 0, "-3.5", -3500 * TIME_MS);
    expect_time("epoch_s", 0, "0", 0);
    expect_time("epoch_s", 0, "1.1234567899", 1123456789);
    expect_time("epoch_ms", 0, "1636070400001", 1636070400001 * TIME_MS);
    expect_time("epoch_ms", 0, "1636070400001.5", 1636070400001500 * TIME_US);
    expect_time("epoch_us", 0, "1636070400000001", 1636070400000001 * TIME_US);
    expect_time("epoch_ns", 0, "1636070400000000001", INT64_C(1636070400000000001));
    expect_time("epoch_ns", 0, "9223372035000000000", INT64_C(9223372035000000000));
    expect_time("epoch_ns", 0, "5.9", 5);
    expect_time("epoch_s", 0, "0009223372035", INT64_C(9223372035) * TIME_SECOND);
    const char *const malformed[] = { "",   "-",  "+1",   " 1",  "1 ",  "1e9",
                                      "1.", ".5", "0x10", "1,5", "--1", "nan" };
    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++) {
        expect_no_time("epoch_s", malformed[i], STATUS_MALFORMED);
    }
    expect_no_time("epoch_s", "9223372036", STATUS_OUT_OF_RANGE);
    expect_no_time("epoch_ms", "99999999999999999999999999999", STATUS_OUT_OF_RANGE);
    expect_no_time("epoch_ns", "18446744073709551617", STATUS_OUT_OF_RANGE);
    expect_no_time("epoch_ns", "-9223372036854775808", STATUS_OUT_OF_RANGE);
}

static void test_iso8601(void **state)
{
    (void)state;
    const TimeNs day = 1636070400 * TIME_SECOND; /* 2021-11-05T00:00:00Z */
    expect_time("iso8601", 0, "2021-11-05", day);
    expect_time("iso8601", 0, "2021-11-05T00:00", day);
    expect_time("iso8601", 0, "2021-11-05 00:00:00", day);
    expect_time("iso8601", 0, "2021-11-05T00:00:00Z", day);
    expect_time("iso8601", 0, "2021-11-05T09:00:00+09:00", day);
    expect_time("iso8601", 0, "2021-11-05T09:00:00+0900", day);
    expect_time("iso8601", 0, "2021-11-05T09:00+09", day);
    expect_time("iso8601", 0, "2021-11-04T19:30:00-04:30", day);
    expect_time("iso8601", 60, "2021-11-05T01:00:00", day);  /* the mapping's zone */
    expect_time("iso8601", 60, "2021-11-05T00:00:00Z", day); /* the stamp's own zone wins */
    expect_time("iso8601", 0, "2021-11-05T00:00:00.123Z", day + 123 * TIME_MS);
    expect_time("iso8601", 0, "2021-11-05T00:00:00,5", day + 500 * TIME_MS);
    expect_time("iso8601", 0, "2021-11-05T00:00:00.1234567899+00:00", day + 123456789);
    expect_time("iso8601", 0, "1969-12-31T23:59:59.5Z", -500 * TIME_MS);
    expect_time("iso8601", 0, "2020-02-29T12:00:00Z", 1582977600 * TIME_SECOND);
    expect_time("iso8601", 0, "2000-02-29", 951782400 * TIME_SECOND);
    const char *const malformed[] = { "",
                                      "2021",
                                      "2021-11",
                                      "21-11-05",
                                      "2021-1-05",
                                      "2021-11-05T",
                                      "2021-11-05T00",
                                      "2021-11-05T00:00:",
                                      "2021-11-05T00:00:00.",
                                      "2021-11-05T00:00:00z",
                                      "2021-11-05T00:00:00+9",
                                      "2021-11-05T00:00:00+09:",
                                      "2021-11-05T00:00:00Zx",
                                      "2021-11-05  00:00",
                                      "2021-11-05T00:00:00 +09:00",
                                      "-021-11-05",
                                      "2021/11/05" };
    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++) {
        expect_no_time("iso8601", malformed[i], STATUS_MALFORMED);
    }
    const char *const impossible[] = { "2021-02-29",       "2100-02-29",
                                       "2021-00-10",       "2021-13-01",
                                       "2021-04-31",       "2021-01-00",
                                       "2021-01-32",       "2021-11-05T24:00",
                                       "2021-11-05T00:60", "1677-01-01",
                                       "2263-01-01",       "2021-11-05T00:00:60",
                                       "9999-12-31",       "2021-11-05T00:00+24:00" };
    for (size_t i = 0; i < ARRAY_COUNT(impossible); i++) {
        expect_no_time("iso8601", impossible[i], STATUS_OUT_OF_RANGE);
    }
}

static void test_patterns(void **state)
{
    (void)state;
    expect_time("DD.MM.YYYY hh:mm", 60, "01.01.2018 00:00", 1514761200 * TIME_SECOND);
    expect_time("YYYY-MM-DD hh:mm:ss", 0, "2013-12-02 21:15:00", 1386018900 * TIME_SECOND);
    expect_time("D.M.YYYY h:mm", 0, "5.11.2021 0:00", 1636070400 * TIME_SECOND);
    expect_time("D.M.YYYY h:mm", 0, "05.11.2021 00:00", 1636070400 * TIME_SECOND);
    expect_time("M/D/YYYY", 0, "11/5/2021", 1636070400 * TIME_SECOND);
    expect_time("YYYYMMDDhhmmss", 0, "20211105000001", 1636070401 * TIME_SECOND);
    expect_time("YYYYMMDDhhmmssfff", 0, "20211105000001250", 1636070401250 * TIME_MS);
    expect_time("ss.ffffff mm hh DD MM YYYY", 0, "01.000002 00 00 05 11 2021", 1636070401000002 * TIME_US);
    expect_time("YYYY-MM-DDThh:mmZ", 0, "2021-11-05T00:00Z", 1636070400 * TIME_SECOND);
    expect_no_time("DD.MM.YYYY hh:mm", "1.01.2018 00:00", STATUS_MALFORMED);
    expect_no_time("DD.MM.YYYY hh:mm", "01.01.2018 00:00:00", STATUS_MALFORMED);
    expect_no_time("DD.MM.YYYY hh:mm", "01.01.2018", STATUS_MALFORMED);
    expect_no_time("DD.MM.YYYY hh:mm", "29.02.2018 00:00", STATUS_OUT_OF_RANGE);
    expect_no_time("DD.MM.YYYY hh:mm", "12.31.2018 00:00", STATUS_OUT_OF_RANGE);

    const char *const refused[] = { "",           "YYYY-MM",      "YY-MM-DD",       "YYYY-MM-DD-DD",
                                    "YYYY MMM D", "YYYY-MM-DD m", "YYYY-MM-DD hhh", "YYYY-MM-DD ffffffffff" };
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        TimeFormat format;
        const char *reason = NULL;
        assert_int_equal(time_format_compile(refused[i], 0, &format, &reason), STATUS_MALFORMED);
        assert_non_null(reason);
    }
    TimeFormat format;
    const char *reason = NULL;
    assert_int_equal(time_format_compile("iso8601", 1440, &format, &reason), STATUS_OUT_OF_RANGE);
}

/* Walks every day that fits, with a calendar counted up independently. */
static void test_every_day(void **state)
{
    (void)state;
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int64_t day_number = -106650; /* of 1678-01-01, from Python */
    TimeFormat format = compiled("iso8601", 0);
    for (int year = 1678; year <= 2261; year++) {
        int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1] + (month == 2 ? leap : 0);
            for (int day = 1; day <= length; day++, day_number++) {
                char text[64], again[40];
                snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                TimeNs time = 0;
                assert_int_equal(time_format_parse(&format, text, strlen(text), &time), STATUS_OK);
                assert_true(time == day_number * 86400 * TIME_SECOND);
                assert_memory_equal(time_format_iso8601(time, again, sizeof again), text, 10);
            }
            char beyond[64];
            snprintf(beyond, sizeof beyond, "%04d-%02d-%02d", year, month, length + 1);
            TimeNs time = 0;
            assert_int_equal(time_format_parse(&format, beyond, strlen(beyond), &time), STATUS_OUT_OF_RANGE);
        }
    }
}

static void test_iso8601_round_trip(void **state)
{
    (void)state;
    Random random = random_seeded(5);
    TimeFormat format = compiled("iso8601", 0);
    for (int i = 0; i < 20000; i++) {
        TimeNs time = (TimeNs)(random_u64(&random) >> (random_below(&random, 40) + 1));
        time = time < 9223372035 * TIME_SECOND ? time : 0;
        time = random_below(&random, 2) ? -time : time;
        char text[40];
        TimeNs again = 1;
        time_format_iso8601(time, text, sizeof text);
        assert_int_equal(time_format_parse(&format, text, strlen(text), &again), STATUS_OK);
        assert_true(again == time);
    }
    char text[40];
    assert_string_equal(time_format_iso8601(1386018900 * TIME_SECOND, text, sizeof text),
                        "2013-12-02T21:15:00Z");
    assert_string_equal(time_format_iso8601(-1 * TIME_MS, text, sizeof text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(time_format_iso8601(TIME_NONE, text, sizeof text), "-");
}

static void expect_number(const char *text, double expected)
{
    double number = -1;
    Status status = number_parse(text, strlen(text), '.', &number);
    if (status || number != expected || signbit(number) != signbit(expected)) {
        fail_msg("'%s': %s, %a, not %a", text, status_name(status), number, expected);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    expect_number("0", 0);
    expect_number("-0", -0.0);
    expect_number("12", 12);
    expect_number("+3.5", 3.5);
    expect_number(".5", 0.5);
    expect_number("5.", 5);
    expect_number("1e3", 1000);
    expect_number("1E-3", 0.001);
    expect_number("100e-2", 1);
    expect_number("74.93588199999998", 0x1.2bbe57d9dba8fp+6);
    expect_number("0.00479298817650529", 0x1.3a1cff77dc46bp-8);
    expect_number("000000000000000000000000000000001.5", 1.5);
    expect_number("0.1", 0x1.999999999999ap-4);
    expect_number("9007199254740993", 0x1p+53); /* a tie, to even */
    expect_number("9007199254740993.0000000001", 0x1.0000000000001p+53);
    expect_number("1.7976931348623157e308", 0x1.fffffffffffffp+1023);
    expect_number("4.9406564584124654e-324", 0x1p-1074);
    expect_number("2.4703282292062327e-324", 0);
    expect_number("1e-400", 0);
    expect_number("0e999999999999999999", 0);
    expect_number("123456789012345678901234567890", 0x1.8ee90ff6c373ep+96);
    const char *const malformed[] = { "",     " 1",       "1 ",    "abc",  "nan", "NaN",   "inf",
                                      "-inf", "infinity", "0x10",  "1_0",  "1,5", "1e",    "1e+",
                                      "e5",   ".",        "-",     "+",    "--1", "1.2.3", "1f",
                                      "1d0",  "٣",        "1e5.5", "0x1p3" };
    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++) {
        double number = 7;
        assert_int_equal(number_parse(malformed[i], strlen(malformed[i]), '.', &number), STATUS_MALFORMED);
        assert_true(number == 7);
    }
    double number = 7;
    assert_int_equal(number_parse("1e999", 5, '.', &number), STATUS_OUT_OF_RANGE);
    assert_int_equal(number_parse("-1e309", 6, '.', &number), STATUS_OUT_OF_RANGE);
    assert_int_equal(number_parse("1,5", 3, ',', &number), STATUS_OK);
    assert_true(number == 1.5);
    assert_int_equal(number_parse("0,12345678901234567890123", 25, ',', &number), STATUS_OK);
    assert_true(number == 0.12345678901234567890123);
    assert_int_equal(number_parse("1.5", 3, ',', &number), STATUS_MALFORMED);
    /* Only the bytes given count. */
    assert_int_equal(number_parse("12345", 2, '.', &number), STATUS_OK);
    assert_true(number == 12);
}

static void test_numbers_against_strtod(void **state)
{
    (void)state;
    Random random = random_seeded(11);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        uint64_t bits = random_u64(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        int digits = (int)random_below(&random, 20) + 1;
        if (i % 2) {
            value = random_between(&random, -1e6, 1e6);
        }
        snprintf(text, sizeof text, i % 3 ? "%.*g" : "%.*e", digits, value);
        double number = 0;
        double expected = strtod(text, NULL);
        if (!isfinite(expected)) {
            continue;
        }
        assert_int_equal(number_parse(text, strlen(text), '.', &number), STATUS_OK);
        if (number != expected) {
            fail_msg("%s: %a, not %a", text, number, expected);
        }
    }
}

static void test_numbers_in_another_locale(void **state)
{
    (void)state;
    const char *const names[] = { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8" };
    bool found = false;
    for (size_t i = 0; i < ARRAY_COUNT(names) && !found; i++) {
        found = setlocale(LC_ALL, names[i]) != NULL;
    }
    if (!found) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    expect_number("74.93588199999998123", 0x1.2bbe57d9dba8fp+6);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_iso8601),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_iso8601_round_trip),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_numbers_against_strtod),
        cmocka_unit_test(test_numbers_in_another_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
