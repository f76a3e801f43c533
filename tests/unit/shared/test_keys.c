/* Keys as text, authorised keys, known hosts; and the files: identity, first use, a changed key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/wire/key_file.h"
#include "shared/wire/key_text.h"
#include "shared/wire/known_hosts.h"
#include "shared/wire/trust_file.h"

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
#define KEY_B "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI="

static Bytes text_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

static void keys_as_text(void **state)
{
    (void)state;
    uint8_t key[NOISE_KEY_SIZE] = { 0 }, read[NOISE_KEY_SIZE];
    char text[KEY_TEXT_SIZE];
    key[31] = 1;
    assert_string_equal(key_text_format(key, text), KEY_A);
    assert_int_equal(key_text_parse(KEY_A, read), STATUS_OK);
    assert_memory_equal(key, read, sizeof key);
    static const char *const bad[] = { "",
                                       "AAAA",
                                       KEY_A "A",
                                       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE",
                                       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAF=",
                                       "AAAA AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=" };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(key_text_parse(bad[i], read), STATUS_MALFORMED);
    }
}

static void authorized_keys(void **state)
{
    (void)state;
    Arena arena;
    AuthorizedKeys keys;
    Diag diag = { 0 };
    uint8_t key[NOISE_KEY_SIZE];
    arena_init(&arena, 0);
    assert_int_equal(
        authorized_parse(text_of("# who\n\n  admin " KEY_B "  Ada of the plant \r\noperator\t" KEY_A), "file",
                         &arena, &keys, &diag),
        STATUS_OK);
    assert_int_equal(keys.count, 2);
    assert_int_equal(key_text_parse(KEY_B, key), STATUS_OK);
    assert_int_equal(authorized_find(&keys, key)->role, ROLE_ADMIN);
    assert_string_equal(authorized_find(&keys, key)->name, "Ada of the plant");
    assert_int_equal(key_text_parse(KEY_A, key), STATUS_OK);
    assert_int_equal(authorized_find(&keys, key)->role, ROLE_OPERATOR);
    assert_string_equal(authorized_find(&keys, key)->name, "");
    key[0] = 9;
    assert_null(authorized_find(&keys, key));
    assert_null(authorized_find(&(AuthorizedKeys){ 0 }, key));
    arena_finish(&arena);
}

static void authorized_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        Status status;
        unsigned line;
    } cases[] = {
        { "\nboss " KEY_A, STATUS_NOT_FOUND, 2 },
        { "viewer", STATUS_MALFORMED, 1 },
        { "# x\n# y\nviewer AAAA name", STATUS_MALFORMED, 3 },
        { "viewer " KEY_A "\nadmin " KEY_A, STATUS_DUPLICATE, 0 },
        { "averyveryverylongrole " KEY_A, STATUS_NOT_FOUND, 1 },
        { "viewer\xff " KEY_A, STATUS_NOT_FOUND, 1 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Arena arena;
        AuthorizedKeys keys = { .count = 77 };
        Diag diag = { 0 };
        arena_init(&arena, 0);
        assert_int_equal(authorized_parse(text_of(cases[i].text), "keys", &arena, &keys, &diag),
                         cases[i].status);
        assert_int_equal(diag.line, cases[i].line);
        assert_string_equal(diag.path, "keys");
        assert_int_equal(keys.count, 77);
        arena_finish(&arena);
    }
}

static void known_hosts_lines(void **state)
{
    (void)state;
    uint8_t key[NOISE_KEY_SIZE];
    unsigned line = 0;
    Diag diag = { 0 };
    const char *text = "# servers\nplant:4238 " KEY_A "\nplant:4239 " KEY_B "\nplant:4238 " KEY_B "\n";
    assert_int_equal(known_hosts_find(text_of(text), "f", "plant:4239", key, &line, &diag), STATUS_OK);
    assert_int_equal(line, 3);
    assert_int_equal(key[31], 2);
    assert_int_equal(known_hosts_find(text_of(text), "f", "plant:4238", key, &line, &diag), STATUS_OK);
    assert_int_equal(line, 2);
    assert_int_equal(key[31], 1);
    assert_int_equal(known_hosts_find(text_of(text), "f", "plant", key, &line, &diag), STATUS_NOT_FOUND);
    assert_int_equal(known_hosts_find(text_of("a b\n"), "f", "plant", key, &line, &diag), STATUS_MALFORMED);
    assert_int_equal(diag.line, 1);
    assert_int_equal(known_hosts_find(text_of("a:1 " KEY_A " more"), "f", "a:1", key, &line, &diag),
                     STATUS_MALFORMED);
}

/* ---- files ---- */

typedef struct Folder {
    char path[128];
} Folder;

static int make_folder(void **state)
{
    static Folder folder;
    snprintf(folder.path, sizeof folder.path, "%s/dtmv-keys-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    *state = &folder;
    return mkdtemp(folder.path) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "/a/b/dtmv/identity.key",
                                         "/a/b/dtmv/known_hosts",
                                         "/a/b/dtmv",
                                         "/a/b",
                                         "/a/.config/dtmv",
                                         "/a/.config",
                                         "/a",
                                         "/key",
                                         "/hosts",
                                         "/roles",
                                         "" };
    const Folder *folder = *state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s", folder->path, names[i]);
        (void)!remove(path);
    }
    return 0;
}

static void path_in(const Folder *folder, const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", folder->path, name);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void identity_is_made_once_and_kept_secret(void **state)
{
    char path[256];
    uint8_t first[NOISE_KEY_SIZE] = { 0 }, second[NOISE_KEY_SIZE] = { 0 };
    bool created = false;
    Diag diag = { 0 };
    struct stat info;
    path_in(*state, "a/b/dtmv/identity.key", path);
    assert_int_equal(key_file_open(path, first, &created, &diag), STATUS_OK);
    assert_true(created);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_nlink, 1);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    path_in(*state, "a/b/dtmv/identity.key", path);
    assert_int_equal(key_file_open(path, second, &created, &diag), STATUS_OK);
    assert_false(created);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(key_file_open(path, second, &created, &diag), STATUS_NOT_ALLOWED);
    assert_non_null(strstr(diag.text, "chmod 600"));
    assert_string_equal(diag.path, path);
}

static void bad_identities_are_refused(void **state)
{
    char path[256];
    uint8_t secret[NOISE_KEY_SIZE] = { 5 };
    bool created = false;
    Diag diag = { 0 };
    path_in(*state, "key", path);
    static const char *const bad[] = { "", "# nothing\n", "short\n", KEY_A " more\n", "\xff\xfe\n" };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        write_text(path, bad[i], 0600);
        assert_int_equal(key_file_open(path, secret, &created, &diag), STATUS_MALFORMED);
        assert_int_equal(key_file_identity(path, secret, &diag), STATUS_MALFORMED);
    }
    assert_int_equal(secret[0], 5);
    assert_int_equal(key_file_open(((const Folder *)*state)->path, secret, &created, &diag),
                     STATUS_MALFORMED);
    path_in(*state, "key/below", path); /* a file where a folder should be */
    assert_int_equal(key_file_open(path, secret, &created, &diag), STATUS_IO_ERROR);
}

/* Without a home there is a key for this run; two runs differ. */
static void no_home_is_no_failure(void **state)
{
    (void)state;
    uint8_t first[NOISE_KEY_SIZE], second[NOISE_KEY_SIZE];
    Diag diag = { 0 };
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    assert_int_equal(key_file_identity(NULL, first, &diag), STATUS_OK);
    setenv("XDG_CONFIG_HOME", "/proc/nowhere", 1);
    assert_int_equal(key_file_identity(NULL, second, &diag), STATUS_OK);
    assert_memory_not_equal(first, second, sizeof first);
}

static void user_folder(void **state)
{
    char path[256], wanted[256], small[8];
    Diag diag = { 0 };
    path_in(*state, "a/b", path);
    setenv("HOME", "/home/someone", 1);
    setenv("XDG_CONFIG_HOME", path, 1);
    path_in(*state, "a/b/dtmv/x", wanted);
    assert_int_equal(key_file_user_path("x", path, sizeof path, &diag), STATUS_OK);
    assert_string_equal(path, wanted);
    assert_int_equal(key_file_user_path("x", small, sizeof small, &diag), STATUS_CAPACITY);
    setenv("XDG_CONFIG_HOME", "relative", 1);
    assert_int_equal(key_file_user_path("x", path, sizeof path, &diag), STATUS_OK);
    assert_string_equal(path, "/home/someone/.config/dtmv/x");
}

static void a_server_is_pinned_on_first_use(void **state)
{
    char path[256];
    KnownServers servers;
    Diag diag = { 0 };
    const uint8_t key[NOISE_KEY_SIZE] = { 1 }, other[NOISE_KEY_SIZE] = { 2 };
    path_in(*state, "hosts", path);
    write_text(path, "# mine\nelsewhere:1 " KEY_A, 0600); /* no newline at the end */
    assert_int_equal(known_servers_init(&servers, path, NULL, &diag), STATUS_OK);
    SecureTrust trust = known_servers_trust(&servers);
    assert_int_equal(trust.decide(trust.context, false, "plant:4238", key), STATUS_OK);
    assert_int_equal(trust.decide(trust.context, false, "plant:4238", key), STATUS_OK);
    assert_int_equal(trust.decide(trust.context, false, "plant:4239", other), STATUS_OK);
    assert_int_equal(trust.decide(trust.context, true, "plant:4238", key), STATUS_NOT_ALLOWED);
    assert_int_equal(trust.decide(trust.context, false, "plant:4238", other), STATUS_NOT_ALLOWED);
    assert_string_equal(servers.refused.path, path);
    assert_int_equal(servers.refused.line, 3);
    assert_non_null(strstr(servers.refused.text, "plant:4238"));
    assert_int_equal(trust.decide(trust.context, false, "elsewhere:1", key), STATUS_NOT_ALLOWED);
    assert_int_equal(servers.refused.line, 2);
    write_text(path, "nonsense\n", 0600); /* it might be the line that matters */
    assert_int_equal(trust.decide(trust.context, false, "plant:4238", key), STATUS_MALFORMED);
    assert_int_equal(servers.refused.line, 1);
}

static void a_given_key_overrides_the_file(void **state)
{
    char path[256];
    KnownServers servers;
    Diag diag = { 0 };
    uint8_t given[NOISE_KEY_SIZE];
    const uint8_t other[NOISE_KEY_SIZE] = { 2 };
    path_in(*state, "hosts", path);
    write_text(path, "plant:4238 " KEY_A "\n", 0600);
    assert_int_equal(known_servers_init(&servers, path, "no key", &diag), STATUS_MALFORMED);
    assert_int_equal(known_servers_init(&servers, path, KEY_B, &diag), STATUS_OK);
    SecureTrust trust = known_servers_trust(&servers);
    assert_int_equal(key_text_parse(KEY_B, given), STATUS_OK);
    assert_int_equal(trust.decide(trust.context, false, "plant:4238", given), STATUS_OK);
    assert_int_equal(trust.decide(trust.context, false, "plant:4238", other), STATUS_NOT_ALLOWED);
}

static void clients_have_roles(void **state)
{
    char path[256];
    ClientRoles roles;
    Arena arena;
    Diag diag = { 0 };
    uint8_t a[NOISE_KEY_SIZE], b[NOISE_KEY_SIZE];
    const uint8_t stranger[NOISE_KEY_SIZE] = { 3 };
    arena_init(&arena, 0);
    path_in(*state, "roles", path);
    write_text(path, "admin " KEY_A " Ada\nnone " KEY_B " Bob\n", 0644);
    assert_int_equal(key_text_parse(KEY_A, a), STATUS_OK);
    assert_int_equal(key_text_parse(KEY_B, b), STATUS_OK);
    assert_int_equal(client_roles_init(&roles, path, "viewer", &arena, &diag), STATUS_OK);
    SecureTrust trust = client_roles_trust(&roles);
    assert_int_equal(client_roles_of(&roles, a), ROLE_ADMIN);
    assert_int_equal(client_roles_of(&roles, stranger), ROLE_VIEWER);
    assert_int_equal(trust.decide(trust.context, true, "1.2.3.4:5", a), STATUS_OK);
    assert_int_equal(trust.decide(trust.context, true, "1.2.3.4:5", b), STATUS_NOT_ALLOWED);
    assert_int_equal(trust.decide(trust.context, true, "1.2.3.4:5", stranger), STATUS_OK);
    assert_int_equal(client_roles_init(&roles, path, "none", &arena, &diag), STATUS_OK);
    assert_int_equal(trust.decide(trust.context, true, "1.2.3.4:5", stranger), STATUS_NOT_ALLOWED);
    assert_int_equal(client_roles_init(&roles, NULL, "boss", &arena, &diag), STATUS_NOT_FOUND);
    path_in(*state, "absent", path);
    assert_int_equal(client_roles_init(&roles, path, "viewer", &arena, &diag), STATUS_NOT_FOUND);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_as_text),
        cmocka_unit_test(authorized_keys),
        cmocka_unit_test(authorized_errors_name_the_line),
        cmocka_unit_test(known_hosts_lines),
        cmocka_unit_test_setup_teardown(identity_is_made_once_and_kept_secret, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(bad_identities_are_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(user_folder, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_server_is_pinned_on_first_use, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_given_key_overrides_the_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(clients_have_roles, make_folder, remove_folder),
        cmocka_unit_test(no_home_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
