/* join.h - the world's files as they come over the network: manifest, windowed requests, hash check.
 * Pure; one owner. Everything a server says is untrusted: names, sizes and order are checked, and memory
 * grows with the bytes that really came, not with what was promised. */
#ifndef CLIENT_SESSION_JOIN_H
#define CLIENT_SESSION_JOIN_H
#include "shared/base/asset_source.h"
#include "shared/wire/messages.h"

#define JOIN_FILES_MAX 4096u
#define JOIN_BYTES_MAX ((uint64_t)512 << 20) /* of all files together */
#define JOIN_WINDOW    4u                    /* FILE_REQUESTs on the way at once */

typedef struct JoinFile JoinFile;

typedef struct Join {
    JoinFile *files;
    uint32_t count, known;  /* files announced by WELCOME; manifest entries seen */
    uint32_t listed;        /* of those, entries seen on this connection */
    uint32_t current;       /* file whose next chunk is awaited */
    uint32_t request_file;  /* first file not yet wholly requested */
    uint32_t request_chunk; /* first chunk of it not yet requested */
    uint32_t outstanding;   /* chunks requested that have not come */
    uint64_t total, received;
    AssetEntry *entries;
    AssetTable table;
    AssetSource source;
    bool begun, complete;
} Join;

/* Prepares for `count` files. STATUS_OUT_OF_RANGE (none, or more than JOIN_FILES_MAX), STATUS_OUT_OF_MEMORY,
 * both with `diag`. `join` must be zeroed or finished before. */
NODISCARD Status join_begin(Join *join, uint32_t count, Diag *diag);

/* The connection is gone: what was asked for will not come. The next one lists the same `count` files again,
 * and what has arrived is kept. Nothing if it was never begun. */
void join_again(Join *join);

/* Gives all memory back; safe on a zeroed Join. */
void join_finish(Join *join);

/* Takes the next manifest entry. STATUS_MALFORMED (not the next index, too many), STATUS_INVALID_ARGUMENT
 * (name that leaves the world), STATUS_DUPLICATE (name), STATUS_OUT_OF_RANGE (total beyond JOIN_BYTES_MAX),
 * STATUS_HASH_MISMATCH (not the file that the connection before listed here). */
NODISCARD Status join_manifest_entry(Join *join, const ManifestEntryMessage *entry, Diag *diag);

/* The next request to send, if the manifest is whole and the window has room; false otherwise. It counts as
 * sent. */
bool join_next_request(Join *join, FileRequestMessage *out_request);

/* Takes the next chunk; the channel is ordered, so any other chunk is a fault. STATUS_MALFORMED,
 * STATUS_HASH_MISMATCH (the file is whole and is not what the manifest said), STATUS_OUT_OF_MEMORY. */
NODISCARD Status join_chunk(Join *join, const FileChunkMessage *chunk, Diag *diag);

/* 0..1 of the bytes. */
float join_progress(const Join *join);

#endif
