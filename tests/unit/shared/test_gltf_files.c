/* gltf_files: which files a glTF refers to, and that hostile ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>

#include "shared/base/disk_file.h"
#include "shared/model/gltf_files.h"
#include "tests/unit/shared/arena_fixture.h"

static const char **names;
static uint32_t count;

static Status files_of(const char *json, const char *name)
{
    diag = (Diag){ 0 };
    return gltf_files(bytes_of(json, strlen(json)), name, &arena, &names, &count, &diag);
}

#define ASSET "{\"asset\": {\"version\": \"2.0\"}, "

static void test_lists_files(void **state)
{
    (void)state;
    static const char json[] =
        ASSET "\"buffers\": [{\"uri\": \"pump.bin\"}, {}, {\"uri\": \"data:x;base64,AA\"}],\n"
              "\"images\": [{\"uri\": \"./tex/a%20b%c3%a9.png\"}, {\"uri\": \"../t/c.png\"},"
              "{\"bufferView\": 1}, {\"uri\": \"DATA:image/png,\"}]}";
    assert_int_equal(files_of(json, "models/pump.gltf"), STATUS_OK);
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "models/pump.bin");
    assert_string_equal(names[1], "models/tex/a b\xc3\xa9.png");
    assert_string_equal(names[2], "t/c.png");
    assert_int_equal(files_of(ASSET "\"buffers\": [{\"uri\": \"a/../b/./c.bin\"}]}", "x.gltf"), STATUS_OK);
    assert_string_equal(names[0], "b/c.bin");
}

static void test_refuses_uris_that_leave(void **state)
{
    (void)state;
    static const char *const uris[] = { "../x.bin",  "a/../../x.bin", "/etc/passwd", "https://example.org/x",
                                        "file:///x", "%2e%2e/x",      "%2Fetc",      "a%00b",
                                        "a%zzb",     "a%2",           "a\\\\b",      "",
                                        ".",         "a//b",          "..",          "c:x" };
    for (size_t i = 0; i < ARRAY_COUNT(uris); i++) {
        char json[200];
        snprintf(json, sizeof json, ASSET "\n\"buffers\": [{},\n{\"uri\": \"%s\"}]}", uris[i]);
        count = 99;
        Status status = files_of(json, "pump.gltf");
        if (status != STATUS_INVALID_ARGUMENT) {
            print_error("%s gives %s\n", uris[i], status_name(status));
        }
        assert_int_equal(status, STATUS_INVALID_ARGUMENT);
        assert_int_equal(diag.line, 3);
        assert_int_equal(count, 99);
    }
    char longer[700];
    memset(longer, 'a', sizeof longer);
    longer[300] = '\0';
    char json[800];
    snprintf(json, sizeof json, ASSET "\"images\": [{\"uri\": \"%s\"}]}", longer);
    assert_int_equal(files_of(json, "pump.gltf"), STATUS_INVALID_ARGUMENT);
    longer[250] = '\0';
    snprintf(json, sizeof json, ASSET "\"images\": [{\"uri\": \"%s\"}]}", longer);
    assert_int_equal(files_of(json, "models/deep/pump.gltf"), STATUS_INVALID_ARGUMENT);
}

static size_t make_glb(uint8_t *out, const char *json, uint32_t length, uint32_t chunk)
{
    size_t size = strlen(json);
    memcpy(out, "glTF", 4);
    bytes_store_u32(out + 4, 2);
    bytes_store_u32(out + 8, length ? length : (uint32_t)(20 + size));
    bytes_store_u32(out + 12, chunk ? chunk : (uint32_t)size);
    memcpy(out + 16, "JSON", 4);
    memcpy(out + 20, json, size);
    return 20 + size;
}

static void test_glb(void **state)
{
    (void)state;
    static const char json[] =
        ASSET "\"images\": [{\"uri\": \"a.png\"}], \"nodes\": [{\"name\": \"root\"}, {}]}  ";
    uint8_t glb[256];
    size_t size = make_glb(glb, json, 0, 0);
    assert_int_equal(gltf_files(bytes_of(glb, size), "a.glb", &arena, &names, &count, &diag), STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "a.png");
    assert_int_equal(gltf_node_names(bytes_of(glb, size), "a.glb", &arena, &names, &count, &diag), STATUS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "root");
    assert_string_equal(names[1], "");
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = arena_alloc(&arena, cut, 1);
        memcpy(exact, glb, cut);
        Status status = gltf_files(bytes_of(exact, cut), "a.glb", &arena, &names, &count, &diag);
        assert_int_equal(status, cut < 4 ? STATUS_MALFORMED : STATUS_TRUNCATED);
        assert_string_equal(diag.path, "a.glb");
    }
    make_glb(glb, json, 0, 0xffffffff);
    assert_int_equal(gltf_files(bytes_of(glb, size), "a.glb", &arena, &names, &count, &diag),
                     STATUS_TRUNCATED);
    make_glb(glb, json, 19, 0);
    assert_int_equal(gltf_files(bytes_of(glb, size), "a.glb", &arena, &names, &count, &diag),
                     STATUS_MALFORMED);
    make_glb(glb, json, 0, 0);
    glb[4] = 1;
    assert_int_equal(gltf_files(bytes_of(glb, size), "a.glb", &arena, &names, &count, &diag),
                     STATUS_MALFORMED);
    make_glb(glb, json, 0, 0);
    glb[16] = 'B';
    assert_int_equal(gltf_files(bytes_of(glb, size), "a.glb", &arena, &names, &count, &diag),
                     STATUS_MALFORMED);
}

static void test_refuses_other_things(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "PNG",
                                         "{}",
                                         "[]",
                                         "{\"asset\": 1}",
                                         "{\"asset\": {}}",
                                         ASSET "\"buffers\": {}}",
                                         ASSET "\"buffers\": [{\"uri\": 7}]}",
                                         "{\"asset\"" };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        assert_int_equal(files_of(texts[i], "x.gltf"), STATUS_MALFORMED);
        assert_string_equal(diag.path, "x.gltf");
    }
}

/* Every real file, good or bad: no crash, and a status with a reason. */
static void visit(const char *folder, unsigned *seen)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        Bytes file;
        if (disk_read(path, (size_t)64 << 20, &arena, &file, NULL) != STATUS_OK) {
            visit(path, seen);
            continue;
        }
        const char *dot = strrchr(entry->d_name, '.');
        bool model =
            dot && (strcmp(dot, ".gltf") == 0 || strcmp(dot, ".glb") == 0 || strcmp(dot, ".vrm") == 0);
        Status status = gltf_files(file, entry->d_name, &arena, &names, &count, &diag);
        if (status != STATUS_OK) {
            assert_true(diag.text[0] != '\0');
        }
        if (model && !strstr(folder, "invalid") && status != STATUS_OK) {
            print_error("%s: %s\n", path, diag.text);
        }
        assert_true(!model || strstr(folder, "invalid") || status == STATUS_OK);
        *seen += model;
        arena_reset(&arena);
    }
    closedir(dir);
}

static void test_real_files(void **state)
{
    (void)state;
    unsigned seen = 0;
    visit(DTMV_DATA_DIR "/gltf", &seen);
    visit(DTMV_DATA_DIR "/vrm", &seen);
    if (seen == 0) {
        print_message("skipped: no glTF files in " DTMV_DATA_DIR "\n");
        skip();
    }
    print_message("%u models\n", seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_files), cmocka_unit_test(test_refuses_uris_that_leave),
        cmocka_unit_test(test_glb),         cmocka_unit_test(test_refuses_other_things),
        cmocka_unit_test(test_real_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
