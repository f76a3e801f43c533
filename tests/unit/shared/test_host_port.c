/* Addresses as people write them. */
#include "shared/base/host_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void what_is_written_replaces_the_default(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } cases[] = { { "plant:1", "plant", 1 }, { "plant", "plant", 7 },         { ":65535", "here", 65535 },
                  { "", "here", 7 },         { "10.0.0.1:0", "10.0.0.1", 0 }, { "[::1]:9", "[::1]", 9 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HostPort address = { .host = "here", .port = 7 };
        assert_int_equal(host_port_read(cases[i].text, &address), STATUS_OK);
        assert_string_equal(address.host, cases[i].host);
        assert_int_equal(address.port, cases[i].port);
    }
}

static void what_is_none_changes_nothing(void **state)
{
    (void)state;
    char longer[HOST_SIZE + 1];
    memset(longer, 'a', HOST_SIZE);
    longer[HOST_SIZE] = '\0';
    const struct {
        const char *text;
        Status status;
    } cases[] = { { "plant:", STATUS_MALFORMED },      { "plant:x", STATUS_MALFORMED },
                  { "plant:1x", STATUS_MALFORMED },    { "plant:65536", STATUS_OUT_OF_RANGE },
                  { "plant:-1", STATUS_OUT_OF_RANGE }, { longer, STATUS_OUT_OF_RANGE } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HostPort address = { .host = "here", .port = 7 };
        assert_int_equal(host_port_read(cases[i].text, &address), cases[i].status);
        assert_string_equal(address.host, "here");
        assert_int_equal(address.port, 7);
    }
    longer[HOST_SIZE - 1] = '\0';
    HostPort address = { .port = 7 };
    assert_int_equal(host_port_read(longer, &address), STATUS_OK);
    assert_string_equal(address.host, longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_written_replaces_the_default),
                                        cmocka_unit_test(what_is_none_changes_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
