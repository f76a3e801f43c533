#include "shared/systems/families.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* R6: everything passes the enabler, and each system speaks its own interface only. */
static void every_message_has_the_enabler_on_one_side(void **state)
{
    (void)state;
    unsigned rows = 0;
    for (unsigned id = 0; id <= UINT8_MAX; id++) {
        const FamilyRule *rule = family_rule((uint8_t)id);
        if (rule == NULL) {
            continue;
        }
        rows++;
        assert_int_equal(rule->id, id);
        assert_int_equal((rule->sender == SYSTEM_ENABLER) + (rule->receiver == SYSTEM_ENABLER), 1);
        SystemKind other = rule->sender == SYSTEM_ENABLER ? rule->receiver : rule->sender;
        Interface wanted = other == SYSTEM_TWIN        ? INTERFACE_DII
                           : other == SYSTEM_METAVERSE ? INTERFACE_MII
                                                       : INTERFACE_SII;
        assert_int_equal(rule->interface, wanted);

        /* "DII_COMMAND_STATE" is "dii.command_state/1". */
        char schema[64];
        snprintf(schema, sizeof schema, "%s/1", rule->name);
        schema[3] = '.';
        for (char *c = schema; *c != '\0'; c++) {
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
        }
        assert_string_equal(rule->schema, schema);
    }
    assert_true(rows > 40);
    assert_null(family_rule(FAMILY_NONE));
    assert_null(family_rule(UINT8_MAX));
}

/* What a metaverse system can do, a service can too: MII and SII differ in who may speak them. */
static void mii_and_sii_are_alike(void **state)
{
    (void)state;
    for (unsigned id = MII_REGISTER; id <= MII_REVOKED; id++) {
        const FamilyRule *mii = family_rule((uint8_t)id), *sii = family_rule((uint8_t)(id + 32));
        assert_non_null(mii);
        assert_non_null(sii);
        assert_string_equal(mii->name + 3, sii->name + 3);
        assert_int_equal(mii->sender == SYSTEM_ENABLER, sii->sender == SYSTEM_ENABLER);
    }
}

static void names_are_read_back(void **state)
{
    (void)state;
    for (int kind = SYSTEM_NONE + 1; kind < SYSTEM_KIND_COUNT; kind++) {
        assert_int_equal(system_kind_parse(system_kind_name((SystemKind)kind)), kind);
    }
    assert_int_equal(system_kind_parse("none"), SYSTEM_NONE);
    assert_string_equal(system_kind_name(SYSTEM_NONE), "?");
    int finals = 0;
    for (int state_id = COMMAND_NONE + 1; state_id < COMMAND_STATE_COUNT; state_id++) {
        assert_int_equal(command_state_parse(command_state_name((CommandState)state_id)), state_id);
        finals += command_state_final((CommandState)state_id);
    }
    assert_int_equal(finals, 5);
    assert_false(command_state_final(COMMAND_AUTHORISED) || command_state_final(COMMAND_ACCEPTED));
    assert_false(command_state_final(COMMAND_NONE));
    assert_string_equal(interface_name(INTERFACE_SII), "SII");
    assert_string_equal(interface_name(INTERFACE_NONE), "?");
}

static void names_of_systems(void **state)
{
    (void)state;
    char name[SYSTEM_NAME_SIZE + 1];
    assert_true(system_name_valid("plant-2_b/cell.1"));
    assert_false(system_name_valid(""));
    assert_false(system_name_valid("a b"));
    assert_false(system_name_valid("caf\xC3\xA9"));
    assert_false(system_name_valid("a\n"));
    memset(name, 'a', sizeof name);
    name[SYSTEM_NAME_SIZE - 1] = '\0';
    assert_true(system_name_valid(name));
    name[SYSTEM_NAME_SIZE - 1] = 'a';
    name[SYSTEM_NAME_SIZE] = '\0';
    assert_false(system_name_valid(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_the_enabler_on_one_side),
        cmocka_unit_test(mii_and_sii_are_alike),
        cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(names_of_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
