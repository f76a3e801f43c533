/* tokens_file.h - the tokens file, read from disk. */
#ifndef SERVER_ENABLER_TOKENS_FILE_H
#define SERVER_ENABLER_TOKENS_FILE_H
#include "server/enabler/tokens.h"

/* Statuses of disk_read and tokens_parse, with `diag`. The tokens live in `arena`. */
NODISCARD Status tokens_file_load(const char *path, Arena *arena, ServiceTokens *out_tokens, Diag *diag);

#endif
