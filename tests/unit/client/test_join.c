#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/session/join.h"

#include <sodium.h>
#include <string.h>

typedef struct Source { /* what a server would have */
    const char *name;
    uint8_t bytes[200 * 1024];
    uint32_t size;
} Source;

static Source sources[3];

static void fill(Source *source, const char *name, uint32_t size)
{
    source->name = name;
    source->size = size;
    for (uint32_t i = 0; i < size; i++) {
        source->bytes[i] = (uint8_t)(i * 31 + size);
    }
}

static int set_up(void **state)
{
    (void)state;
    fill(&sources[0], "world.json", 5000);
    fill(&sources[1], "empty.txt", 0);
    fill(&sources[2], "models/a.glb", 150 * 1024 + 7);
    return 0;
}

static ManifestEntryMessage entry_of(uint32_t index)
{
    ManifestEntryMessage entry = { .index = index, .size = sources[index].size };
    strcpy(entry.name, sources[index].name);
    crypto_generichash(entry.hash, sizeof entry.hash, sources[index].bytes, sources[index].size, NULL, 0);
    return entry;
}

static void begin(Join *join)
{
    *join = (Join){ 0 };
    assert_int_equal(join_begin(join, 3, NULL), STATUS_OK);
    for (uint32_t i = 0; i < 3; i++) {
        ManifestEntryMessage entry = entry_of(i);
        assert_int_equal(join_manifest_entry(join, &entry, NULL), STATUS_OK);
    }
}

static FileChunkMessage chunk_of(uint32_t index, uint32_t chunk)
{
    uint32_t offset = chunk * FILE_CHUNK_MAX, left = sources[index].size - offset;
    uint32_t size = left < FILE_CHUNK_MAX ? left : FILE_CHUNK_MAX;
    return (FileChunkMessage){ .index = index,
                               .chunk = chunk,
                               .bytes = bytes_of(sources[index].bytes + offset, size) };
}

static void test_transfer(void **state)
{
    (void)state;
    Join join;
    begin(&join);
    FileRequestMessage queue[64];
    uint32_t head = 0, tail = 0, most = 0;
    Diag diag = { 0 };
    while (!join.complete) {
        while (join_next_request(&join, &queue[tail % 64])) {
            tail++;
        }
        most = tail - head > most ? tail - head : most;
        assert_true(head < tail);
        FileRequestMessage request = queue[head++ % 64];
        for (uint32_t i = 0; i < request.chunk_count; i++) {
            FileChunkMessage chunk = chunk_of(request.index, request.first_chunk + i);
            assert_int_equal(join_chunk(&join, &chunk, &diag), STATUS_OK);
        }
    }
    assert_true(most >= 2 && most <= JOIN_WINDOW + 1);
    assert_true(join_progress(&join) == 1.0f);
    Arena arena;
    arena_init(&arena, 0);
    for (uint32_t i = 0; i < 3; i++) {
        Bytes bytes = { 0 };
        assert_int_equal(asset_read(join.source, sources[i].name, 1 << 20, &arena, &bytes, &diag), STATUS_OK);
        assert_true(bytes_equal(bytes, bytes_of(sources[i].bytes, sources[i].size)));
    }
    arena_finish(&arena);
    join_finish(&join);
}

static void test_wrong_bytes(void **state)
{
    (void)state;
    Join join;
    begin(&join);
    FileRequestMessage request;
    assert_true(join_next_request(&join, &request));
    Diag diag = { 0 };
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < request.chunk_count && status == STATUS_OK; i++) {
        uint8_t changed[FILE_CHUNK_MAX];
        FileChunkMessage chunk = chunk_of(0, i);
        memcpy(changed, chunk.bytes.data, chunk.bytes.size);
        changed[0] ^= i == 2;
        chunk.bytes.data = changed;
        status = join_chunk(&join, &chunk, &diag);
    }
    assert_int_equal(status, STATUS_HASH_MISMATCH);
    assert_string_equal(diag.path, "world.json");
    assert_false(join.complete);
    join_finish(&join);
}

static void test_out_of_order(void **state)
{
    (void)state;
    Join join;
    begin(&join);
    FileChunkMessage unasked = chunk_of(0, 0);
    assert_int_equal(join_chunk(&join, &unasked, NULL), STATUS_MALFORMED);
    FileRequestMessage request;
    assert_true(join_next_request(&join, &request));
    FileChunkMessage second = chunk_of(0, 1);
    assert_int_equal(join_chunk(&join, &second, NULL), STATUS_MALFORMED);
    FileChunkMessage brief = chunk_of(0, 0);
    brief.bytes.size--;
    assert_int_equal(join_chunk(&join, &brief, NULL), STATUS_MALFORMED);
    assert_int_equal(join_chunk(&join, &unasked, NULL), STATUS_OK);
    join_finish(&join);
}

static void test_bad_manifests(void **state)
{
    (void)state;
    Join join = { 0 };
    assert_int_equal(join_begin(&join, 0, NULL), STATUS_OUT_OF_RANGE);
    assert_int_equal(join_begin(&join, JOIN_FILES_MAX + 1, NULL), STATUS_OUT_OF_RANGE);
    assert_int_equal(join_begin(&join, 4, NULL), STATUS_OK);
    ManifestEntryMessage entry = entry_of(1);
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_MALFORMED); /* not index 0 */
    entry = entry_of(0);
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_OK);
    entry.index = 1;
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_DUPLICATE);
    strcpy(entry.name, "../outside");
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_INVALID_ARGUMENT);
    strcpy(entry.name, "large");
    entry.size = UINT32_MAX;
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_OUT_OF_RANGE);
    FileRequestMessage request;
    assert_false(join_next_request(&join, &request)); /* the list is not whole */
    join_finish(&join);
}

static void test_nothing_but_empty_files(void **state)
{
    (void)state;
    Join join = { 0 };
    assert_int_equal(join_begin(&join, 1, NULL), STATUS_OK);
    ManifestEntryMessage entry = entry_of(1);
    entry.index = 0;
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_OK);
    assert_true(join.complete);
    join_finish(&join);
}

/* A connection that is lost in the middle of the list or of a file: the next one goes on where it was. */
static void test_another_connection(void **state)
{
    (void)state;
    Join join = { 0 };
    FileRequestMessage request;
    uint32_t asked = 0, got = 0;
    assert_int_equal(join_begin(&join, 3, NULL), STATUS_OK);
    ManifestEntryMessage entry = entry_of(0);
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_OK);
    while (!join.complete) {
        join_again(&join);
        assert_false(join_next_request(&join, &request));
        for (uint32_t i = 0; i < 3; i++) {
            entry = entry_of(i);
            assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_OK);
        }
        assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_MALFORMED);
        for (asked = 0; join_next_request(&join, &request); asked++) {
            if (asked == 0) { /* one chunk comes, the rest is lost with the connection */
                FileChunkMessage chunk = chunk_of(request.index, request.first_chunk);
                assert_int_equal(join_chunk(&join, &chunk, NULL), STATUS_OK);
                got++;
            }
        }
    }
    assert_int_equal(got, (sources[0].size + FILE_CHUNK_MAX - 1) / FILE_CHUNK_MAX +
                              (sources[2].size + FILE_CHUNK_MAX - 1) / FILE_CHUNK_MAX);
    join_again(&join);
    assert_true(join.complete);
    entry = entry_of(0);
    entry.hash[5] ^= 1;
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_HASH_MISMATCH);
    entry = entry_of(0);
    entry.size++;
    assert_int_equal(join_manifest_entry(&join, &entry, NULL), STATUS_HASH_MISMATCH);
    join_finish(&join);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_wrong_bytes),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_bad_manifests),
        cmocka_unit_test(test_nothing_but_empty_files),
        cmocka_unit_test(test_another_connection),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
