/* Command line and configuration file: values, limits, precise complaints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/cli.h"

static bool loop;
static const char *world;
static int64_t port;
static double speed;
static CliList tags, words;

static const CliOption options[] = {
    { .name = "loop", .kind = CLI_FLAG, .flag = &loop, .help = "begin again at the end" },
    { .name = "world",
      .kind = CLI_TEXT,
      .text = &world,
      .value = "DIR",
      .help = "the world",
      .required = true },
    { .name = "port",
      .kind = CLI_INTEGER,
      .integer = &port,
      .maximum = 65535,
      .value = "N",
      .help = "UDP port" },
    { .name = "speed",
      .kind = CLI_REAL,
      .real = &speed,
      .minimum = 0.1,
      .maximum = 1000,
      .help = "of replay" },
    { .name = "tag", .kind = CLI_LIST, .list = &tags, .help = "a tag" },
};

static const CliProgram program = { .name = "dtmv-test",
                                    .purpose = "tests",
                                    .options = options,
                                    .option_count = ARRAY_COUNT(options),
                                    .config_section = "test" };

static void set_defaults(void)
{
    loop = false;
    world = NULL;
    port = 7000;
    speed = 1;
    tags = (CliList){ 0 };
    words = (CliList){ 0 };
}

static CliOutcome parse(const CliProgram *which, Diag *diag, const char *line)
{
    static char storage[512];
    static char *argv[32];
    int argc = 1;
    argv[0] = storage;
    size_t size = strlen(line) + 1;
    assert_true(size < sizeof storage);
    memcpy(storage, line, size);
    for (char *at = storage; *at; at++) {
        if (*at == ' ') {
            *at = '\0';
            argv[argc++] = at + 1;
        }
    }
    *diag = (Diag){ 0 };
    return cli_parse(which, argc, argv, NULL, diag);
}

static void test_values(void **state)
{
    (void)state;
    Diag diag;
    set_defaults();
    assert_int_equal(parse(&program, &diag, "x --world w --port=0 --speed 2.5 --loop --tag a --tag=b"),
                     CLI_RUN);
    assert_string_equal(world, "w");
    assert_int_equal(port, 0);
    assert_true(loop && speed == 2.5);
    assert_int_equal(tags.count, 2);
    assert_string_equal(tags.items[1], "b");
    assert_int_equal(parse(&program, &diag, "x --loop=off --world=a=b"), CLI_RUN);
    assert_false(loop);
    assert_string_equal(world, "a=b");
    assert_int_equal(parse(&program, &diag, "x --nonsense --help"), CLI_HELP);
    assert_int_equal(parse(&program, &diag, "x --version"), CLI_VERSION);
}

static void test_complaints(void **state)
{
    (void)state;
    const struct {
        const char *line, *text;
    } cases[] = {
        { "x --port 99999", "--port: 99999 is not within 0..65535" },
        { "x --port -1", "--port: -1 is not within 0..65535" },
        { "x --port 12a", "--port: 12a is not a whole number" },
        { "x --port 99999999999999999999", "--port: 99999999999999999999 is not within 0..65535" },
        { "x --speed nan", "--speed: nan is not a number" },
        { "x --speed 0", "--speed: 0 is not within 0.1..1000" },
        { "x --loop=maybe", "--loop: maybe is neither true nor false" },
        { "x --prt 1", "unknown option --prt; did you mean --port?" },
        { "x --something", "unknown option --something" },
        { "x --world --loop", "--world needs a value" },
        { "x --world", "--world needs a value" },
        { "x -p 1", "unknown option -p; options begin with --" },
        { "x stray", "unexpected argument 'stray'" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Diag diag;
        set_defaults();
        assert_int_equal(parse(&program, &diag, cases[i].line), CLI_ERROR);
        assert_string_equal(diag.text, cases[i].text);
        assert_int_equal(port, 7000);
    }
    Diag diag = { 0 };
    assert_int_equal(cli_check_required(&program, &diag), STATUS_INVALID_ARGUMENT);
    assert_string_equal(diag.text, "--world is needed");
}

static void test_arguments(void **state)
{
    (void)state;
    CliProgram with = program;
    with.arguments = &words;
    Diag diag;
    set_defaults();
    assert_int_equal(parse(&with, &diag, "x info --port 1 file -- --odd"), CLI_RUN);
    assert_int_equal(words.count, 3);
    assert_string_equal(words.items[0], "info");
    assert_string_equal(words.items[2], "--odd");
}

static void test_help_lists_everything(void **state)
{
    (void)state;
    char text[4096];
    set_defaults();
    cli_help(&program, text, sizeof text);
    const char *const expected[] = { "--world DIR",   "(needed)",  "(default 7000)",
                                     "--config FILE", "--version", "Exit codes" };
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_non_null(strstr(text, expected[i]));
    }
    assert_int_equal(strlen(cli_help(&program, text, 20)), 19);
}

static Status load(const char *text, Arena *arena, Config *config, Diag *diag)
{
    *diag = (Diag){ 0 };
    return config_parse(bytes_of(text, strlen(text)), "dtmv.ini", arena, config, diag);
}

static void test_config_gives_defaults(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    Config config;
    Diag diag;
    set_defaults();
    assert_int_equal(load("; all\n[test]\nport = 9\nloop = yes\ntag = a\ntag = b ; two\n[other]\nx = 1\n",
                          &arena, &config, &diag),
                     STATUS_OK);
    assert_int_equal(cli_apply_config(&program, &config, &diag), STATUS_OK);
    assert_int_equal(port, 9);
    assert_true(loop);
    assert_int_equal(tags.count, 2);
    assert_string_equal(tags.items[1], "b");
    assert_int_equal(parse(&program, &diag, "x --port 10 --tag c"), CLI_RUN);
    assert_int_equal(port, 10);
    assert_int_equal(tags.count, 1);
    arena_finish(&arena);
}

static void test_config_complaints_name_the_place(void **state)
{
    (void)state;
    const struct {
        const char *text, *message;
        Status status;
    } cases[] = {
        { "[test]\n\nport = 70000\n", "dtmv.ini:3: port: 70000 is not within 0..65535", STATUS_OUT_OF_RANGE },
        { "[test]\nprot = 1\n", "dtmv.ini:2: [test] has no setting 'prot'", STATUS_NOT_FOUND },
        { "[test]\nport = 1\nport = 2\n", "dtmv.ini:3: 'port' is given a second time (first in line 2)",
          STATUS_DUPLICATE },
    };
    Arena arena;
    arena_init(&arena, 0);
    Config config;
    Diag diag;
    char shown[800];
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(load(cases[i].text, &arena, &config, &diag), STATUS_OK);
        assert_int_equal(cli_apply_config(&program, &config, &diag), cases[i].status);
        assert_string_equal(diag_format(&diag, shown, sizeof shown), cases[i].message);
    }
    char longer[600];
    memset(longer, 'x', sizeof longer);
    longer[0] = '\n';
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(load("[test]\nwhat is this\n", &arena, &config, &diag), STATUS_MALFORMED);
    assert_int_equal(diag.line, 2);
    assert_int_equal(load("[test\n", &arena, &config, &diag), STATUS_MALFORMED);
    assert_int_equal(load(longer, &arena, &config, &diag), STATUS_OUT_OF_RANGE);
    assert_int_equal(diag.line, 2);
    assert_int_equal(config_parse(bytes_of("a=1\0\n", 5), "c", &arena, &config, &diag), STATUS_MALFORMED);
    assert_int_equal(config_parse((Bytes){ 0 }, "c", &arena, &config, &diag), STATUS_OK);
    assert_int_equal(config.count, 0);
    arena_finish(&arena);
}

static void test_config_typed_getters(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    Config config;
    Diag diag;
    assert_int_equal(
        load("top = 1\n[a]\nn = -5\nr = 1e3\nb = off\nt = some text\nbad = 1e999\n", &arena, &config, &diag),
        STATUS_OK);
    int64_t n = 0;
    double r = 0;
    bool b = true;
    const char *t = NULL;
    assert_int_equal(config_integer(&config, "a", "n", -9, 9, &n, &diag), STATUS_OK);
    assert_int_equal(config_real(&config, "a", "r", 0, 1e6, &r, &diag), STATUS_OK);
    assert_int_equal(config_bool(&config, "a", "b", &b, &diag), STATUS_OK);
    assert_int_equal(config_text(&config, "a", "t", &t, &diag), STATUS_OK);
    assert_true(n == -5 && r == 1000 && !b);
    assert_string_equal(t, "some text");
    assert_int_equal(config_integer(&config, "a", "absent", 0, 1, &n, &diag), STATUS_OK);
    assert_int_equal(n, -5);
    assert_int_equal(config_integer(&config, "a", "n", 0, 9, &n, &diag), STATUS_OUT_OF_RANGE);
    assert_int_equal(config_real(&config, "a", "bad", 0, 9, &r, &diag), STATUS_OUT_OF_RANGE);
    assert_int_equal(config_bool(&config, "a", "t", &b, &diag), STATUS_MALFORMED);
    assert_int_equal(config_integer(&config, "", "top", 0, 1, &n, &diag), STATUS_OK);
    assert_int_equal(n, 1);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_help_lists_everything),
        cmocka_unit_test(test_config_gives_defaults),
        cmocka_unit_test(test_config_complaints_name_the_place),
        cmocka_unit_test(test_config_typed_getters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
