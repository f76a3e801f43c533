#include "client/session/join.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#define JOIN_FIRST_CAPACITY ((size_t)64 * 1024)

struct JoinFile {
    char name[FILE_NAME_SIZE];
    uint8_t hash[HASH_SIZE];
    uint32_t size;
    uint8_t *data; /* received bytes; NULL before the first */
    uint32_t received;
    size_t capacity;
};

static uint32_t chunk_count(const JoinFile *file)
{
    return file->size / FILE_CHUNK_MAX + (file->size % FILE_CHUNK_MAX != 0);
}

Status join_begin(Join *join, uint32_t count, Diag *diag)
{
    assert(!join->begun);
    if (count == 0 || count > JOIN_FILES_MAX) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0,
                        "the server announces a world of %u files (1 to %u)", count, JOIN_FILES_MAX);
    }
    JoinFile *files = calloc(count, sizeof(JoinFile));
    AssetEntry *entries = calloc(count, sizeof(AssetEntry));
    if (files == NULL || entries == NULL) {
        free(files);
        free(entries);
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the list of %u world files", count);
    }
    *join = (Join){ .files = files, .entries = entries, .count = count, .begun = true };
    return STATUS_OK;
}

void join_finish(Join *join)
{
    for (uint32_t i = 0; i < join->known; i++) {
        free(join->files[i].data);
    }
    free(join->files);
    free(join->entries);
    *join = (Join){ 0 };
}

void join_again(Join *join)
{
    if (!join->begun) {
        return;
    }
    join->listed = 0;
    join->outstanding = 0;
    join->request_file = join->current;
    join->request_chunk =
        join->current < join->known ? join->files[join->current].received / FILE_CHUNK_MAX : 0;
}

/* Steps over files that are whole (empty ones too), checking each; after the last the world is complete. */
static Status settle(Join *join, Diag *diag)
{
    while (join->current < join->count) {
        JoinFile *file = &join->files[join->current];
        if (file->received < file->size) {
            return STATUS_OK;
        }
        uint8_t hash[HASH_SIZE];
        crypto_generichash(hash, sizeof hash, file->data, file->size, NULL, 0);
        if (memcmp(hash, file->hash, sizeof hash) != 0) {
            return diag_set(diag, STATUS_HASH_MISMATCH, file->name, 0,
                            "the file received is not the one the server announced");
        }
        join->entries[join->current] =
            (AssetEntry){ .name = file->name, .bytes = bytes_of(file->data, file->size) };
        join->current++;
    }
    join->table = (AssetTable){ .entries = join->entries, .count = join->count };
    join->source = asset_source_memory(&join->table);
    join->complete = true;
    return STATUS_OK;
}

/* An entry that an earlier connection has brought. */
static Status list_again(Join *join, const ManifestEntryMessage *entry, Diag *diag)
{
    const JoinFile *file = &join->files[join->listed];
    if (strcmp(file->name, entry->name) != 0 || file->size != entry->size ||
        memcmp(file->hash, entry->hash, sizeof file->hash) != 0) {
        return diag_set(diag, STATUS_HASH_MISMATCH, file->name, 0,
                        "the server's list of files is not the one it sent before");
    }
    join->listed++;
    return STATUS_OK;
}

Status join_manifest_entry(Join *join, const ManifestEntryMessage *entry, Diag *diag)
{
    if (!join->begun || join->listed == join->count || entry->index != join->listed) {
        return diag_set(diag, STATUS_MALFORMED, "", 0, "the server's list of files is out of order");
    }
    if (join->listed < join->known) {
        return list_again(join, entry, diag);
    }
    if (!asset_name_valid(entry->name)) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "the server's world has a file name that is not allowed");
    }
    for (uint32_t i = 0; i < join->known; i++) {
        if (strcmp(join->files[i].name, entry->name) == 0) {
            return diag_set(diag, STATUS_DUPLICATE, entry->name, 0, "the server lists this file twice");
        }
    }
    if (entry->size > JOIN_BYTES_MAX - join->total) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, entry->name, 0, "the server's world is larger than %u MiB",
                        (unsigned)(JOIN_BYTES_MAX >> 20));
    }
    JoinFile *file = &join->files[join->known++];
    join->listed++;
    memcpy(file->name, entry->name, sizeof file->name);
    memcpy(file->hash, entry->hash, sizeof file->hash);
    file->size = entry->size;
    join->total += entry->size;
    return join->known == join->count ? settle(join, diag) : STATUS_OK;
}

bool join_next_request(Join *join, FileRequestMessage *out_request)
{
    if (!join->begun || join->listed < join->count ||
        join->outstanding > (JOIN_WINDOW - 1) * FILE_REQUEST_MAX) {
        return false;
    }
    while (join->request_file < join->count &&
           join->request_chunk == chunk_count(&join->files[join->request_file])) {
        join->request_file++;
        join->request_chunk = 0;
    }
    if (join->request_file == join->count) {
        return false;
    }
    uint32_t left = chunk_count(&join->files[join->request_file]) - join->request_chunk;
    uint32_t count = left < FILE_REQUEST_MAX ? left : FILE_REQUEST_MAX;
    *out_request = (FileRequestMessage){ .index = join->request_file,
                                         .first_chunk = join->request_chunk,
                                         .chunk_count = (uint8_t)count };
    join->request_chunk += count;
    join->outstanding += count;
    return true;
}

/* Makes room for `size` more bytes of `file`: doubling, so that a promise alone costs nothing. */
static Status reserve(JoinFile *file, size_t size)
{
    size_t needed = file->received + size;
    if (needed <= file->capacity) {
        return STATUS_OK;
    }
    size_t capacity = file->capacity == 0 ? JOIN_FIRST_CAPACITY : file->capacity * 2;
    if (capacity > file->size) {
        capacity = file->size;
    }
    uint8_t *data = realloc(file->data, capacity);
    if (data == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    file->data = data;
    file->capacity = capacity;
    return STATUS_OK;
}

Status join_chunk(Join *join, const FileChunkMessage *chunk, Diag *diag)
{
    if (!join->begun || join->listed < join->count || join->complete || join->outstanding == 0) {
        return diag_set(diag, STATUS_MALFORMED, "", 0,
                        "the server sent a part of a file that nobody asked for");
    }
    JoinFile *file = &join->files[join->current];
    uint32_t left = file->size - file->received;
    size_t expected = left < FILE_CHUNK_MAX ? left : FILE_CHUNK_MAX;
    if (chunk->index != join->current || chunk->chunk != file->received / FILE_CHUNK_MAX ||
        chunk->bytes.size != expected) {
        return diag_set(diag, STATUS_MALFORMED, file->name, 0,
                        "the server sent the file's parts out of order");
    }
    if (reserve(file, expected) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, file->name, 0, "no memory for the file");
    }
    memcpy(file->data + file->received, chunk->bytes.data, expected);
    file->received += (uint32_t)expected;
    join->received += expected;
    join->outstanding--;
    return settle(join, diag);
}

float join_progress(const Join *join)
{
    if (join->complete) {
        return 1.0f;
    }
    return join->total == 0 ? 0.0f : (float)((double)join->received / (double)join->total);
}
