/* Which systems a process runs, as people write it. */
#include "server/roles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void reads_lists(void **state)
{
    (void)state;
    ServerRoles roles = 0;
    char text[64];
    assert_int_equal(roles_parse(NULL, &roles, NULL), STATUS_OK);
    assert_int_equal(roles, SERVER_ROLES_ALL);
    assert_string_equal(roles_format(roles, text, sizeof text),
                        "physical, twin, enabler, metaverse, service");
    assert_int_equal(roles_parse("metaverse,enabler", &roles, NULL), STATUS_OK);
    assert_true(roles_have(roles, SERVER_ROLE_ENABLER) && roles_have(roles, SERVER_ROLE_METAVERSE));
    assert_false(roles_have(roles, SERVER_ROLE_TWIN));
    assert_string_equal(roles_format(roles, text, sizeof text), "enabler, metaverse");
    assert_int_equal(strlen(roles_format(roles, text, 5)), 4);
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const cases[] = { "",    ",",         "twin,", ",twin",        "twins",
                                         "twi", "twin,twin", "Twin",  "twin enabler", "twin, enabler" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ServerRoles roles = 77;
        Diag diag = { 0 };
        assert_int_equal(roles_parse(cases[i], &roles, &diag), STATUS_INVALID_ARGUMENT);
        assert_int_equal(roles, 77);
        assert_non_null(strstr(diag.text, "--roles"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_lists),
                                        cmocka_unit_test(refuses_what_is_none) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
