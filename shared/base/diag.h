/* diag.h - where and why an input was refused: "plant/world.json:42: thing 'pump-1' has no property 'rpm'".
 */
#ifndef SHARED_BASE_DIAG_H
#define SHARED_BASE_DIAG_H
#include "shared/base/status.h"

#include <stddef.h>

typedef struct Diag {
    char path[256];  /* the file or peer, "" when unknown */
    unsigned line;   /* from 1; 0 when it does not apply */
    unsigned column; /* from 1; 0 when it does not apply */
    char text[512];  /* what is wrong and, where it helps, what was expected */
} Diag;

/* Fills `diag` (NULL is allowed and does nothing) and returns `status`, so that a loader can write
 * `return diag_set(diag, STATUS_MALFORMED, path, line, "...")`. Text that does not fit is cut; control
 * characters (words of a file or a peer may hold some) become '?'. */
Status diag_set(Diag *diag, Status status, const char *path, unsigned line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Writes "path:line:column: text" (parts that are unknown left out) into `out`, always terminated. Returns
 * `out`. */
const char *diag_format(const Diag *diag, char *out, size_t size);

#endif
