/* store_sqlite.h - the store in an SQLite file: write-ahead log, synchronous=NORMAL (a killed program loses
 * nothing that was committed, a power cut the last moments), schema versions in user_version, an audit table
 * that triggers keep append-only. */
#ifndef SERVER_ENABLER_STORE_SQLITE_H
#define SERVER_ENABLER_STORE_SQLITE_H
#include "server/enabler/store.h"
#include "shared/base/diag.h"

typedef struct StoreSqliteConfig {
    const char *path;        /* made when it is not there; its folder must be */
    uint32_t busy_ms;        /* waits so long for another program's lock; 0: 20 */
    uint32_t max_page_count; /* most pages of 4 KiB the file may have; 0: no limit */
} StoreSqliteConfig;

/* With `diag` naming the file: STATUS_TIMED_OUT (another program holds it), STATUS_MALFORMED (not a database,
 * corrupt, or another program's), STATUS_VERSION_MISMATCH (of a later version), STATUS_IO_ERROR (cannot be
 * opened or written), STATUS_CAPACITY (disk full), STATUS_OUT_OF_MEMORY. */
NODISCARD Status store_sqlite_open(const StoreSqliteConfig *config, Store *out_store, Diag *diag);

#endif
