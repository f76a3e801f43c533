/* rules_file.h - the rules of condition monitoring from an INI file on disk. */
#ifndef SERVER_SERVICE_RULES_FILE_H
#define SERVER_SERVICE_RULES_FILE_H
#include "server/service/monitor.h"

#define RULES_SECTION "service"

/* Reads section [service] of `path` (monitor_rules_read); other sections are left alone. On success the rules
 * live in `arena`. STATUS_NOT_FOUND or STATUS_IO_ERROR of the file, statuses of config_parse and
 * monitor_rules_read, with `diag`. */
NODISCARD Status monitor_rules_load(const char *path, Arena *arena, const MonitorRules **out_rules,
                                    Diag *diag);

#endif
