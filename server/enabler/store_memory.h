/* store_memory.h - a store that lasts as long as it does: for tests, and for a server without a file.
 * Commands and audit entries are kept up to a number, the oldest are forgotten. Pure. */
#ifndef SERVER_ENABLER_STORE_MEMORY_H
#define SERVER_ENABLER_STORE_MEMORY_H
#include "server/enabler/store.h"

/* STATUS_OUT_OF_MEMORY. */
NODISCARD Status store_memory_create(Store *out_store);

/* From now on every begin gives `status`, as if the disk were gone; STATUS_OK: it is back. */
void store_memory_set_failure(Store store, Status status);

#endif
