/* The tokens file: who may speak under which name. */
#include "server/enabler/tokens_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/shared/arena_fixture.h"

/* printf %s secret | b2sum -l 256 */
#define SECRET "ae4aafb3c7d8616b739f05a30d06b4e2236fdea712168159f346e8a3efd57d9e"

static Status parse(const char *text, ServiceTokens *out)
{
    diag = (Diag){ 0 };
    return tokens_parse(bytes_of(text, strlen(text)), "tokens", &arena, out, &diag);
}

static void test_hash_is_blake2b_256(void **state)
{
    (void)state;
    char text[2 * TOKEN_HASH_SIZE + 1];
    uint8_t hash[TOKEN_HASH_SIZE];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)"secret", 6, NULL, 0);
    assert_string_equal(sodium_bin2hex(text, sizeof text, hash, sizeof hash), SECRET);
}

static void test_names_hashes_and_expiry(void **state)
{
    (void)state;
    ServiceTokens tokens;
    assert_int_equal(parse("# services\n\n  monitor " SECRET " 1700000000\r\nfree/one\t" SECRET, &tokens),
                     STATUS_OK);
    assert_int_equal(tokens.count, 2);
    assert_true(tokens_name_listed(&tokens, "monitor"));
    assert_false(tokens_name_listed(&tokens, "moni"));
    assert_int_equal(tokens_check(&tokens, "monitor", "secret", 1699999999 * TIME_SECOND), STATUS_OK);
    assert_int_equal(tokens_check(&tokens, "monitor", "secret", 1700000000 * TIME_SECOND), STATUS_TIMED_OUT);
    assert_int_equal(tokens_check(&tokens, "free/one", "secret", INT64_MAX - 1), STATUS_OK);
    assert_int_equal(tokens_check(&tokens, "monitor", "Secret", 0), STATUS_NOT_FOUND);
    assert_int_equal(tokens_check(&tokens, "monitor", "", 0), STATUS_NOT_FOUND);
    assert_int_equal(tokens_check(&tokens, "other", "secret", 0), STATUS_NOT_FOUND); /* another's */
}

static void test_an_old_and_a_new_token(void **state)
{
    (void)state;
    ServiceTokens tokens;
    assert_int_equal(parse("m " SECRET " 5\nm " SECRET "\n", &tokens), STATUS_OK);
    assert_int_equal(tokens_check(&tokens, "m", "secret", 6 * TIME_SECOND), STATUS_OK);
    assert_int_equal(parse("m " SECRET "\nm " SECRET " 5\n", &tokens), STATUS_OK);
    assert_int_equal(tokens_check(&tokens, "m", "secret", 6 * TIME_SECOND), STATUS_OK);
}

static void test_mistakes_name_the_line(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\nmonitor\n",
        "\nmonitor 1234\n",
        "\nmonitor " SECRET "00\n",
        "\nmon!tor " SECRET "\n",
        "\nmonitor " SECRET " never\n",
        "\nmonitor " SECRET " -1\n",
        "\nmonitor " SECRET " 99999999999\n",
        "\nmonitor " SECRET " 9999999999\n", /* more nanoseconds than there are */
        "\nmonitor " SECRET " 5 6\n",
        "\nmonitor zz4aafb3c7d8616b739f05a30d06b4e2236fdea712168159f346e8a3efd57d9e\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        ServiceTokens tokens = { .count = 77 };
        assert_int_equal(parse(wrong[i], &tokens), STATUS_MALFORMED);
        assert_int_equal(diag.line, 2);
        assert_string_equal(diag.path, "tokens");
        assert_int_equal(tokens.count, 77);
    }
}

static void test_from_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/dtmv-tokens-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    static const char text[] = "monitor " SECRET "\n";
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    ServiceTokens tokens;
    assert_int_equal(tokens_file_load(path, &arena, &tokens, &diag), STATUS_OK);
    assert_int_equal(tokens.count, 1);
    (void)remove(path);
    assert_int_equal(tokens_file_load(path, &arena, &tokens, &diag), STATUS_NOT_FOUND);
    assert_string_equal(diag.path, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hash_is_blake2b_256, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_hashes_and_expiry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_old_and_a_new_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mistakes_name_the_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_from_a_file, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
