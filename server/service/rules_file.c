#include "server/service/rules_file.h"

#include "shared/base/disk_file.h"

#define SIZE_MAX_RULES ((size_t)1 << 20)

Status monitor_rules_load(const char *path, Arena *arena, const MonitorRules **out_rules, Diag *diag)
{
    Bytes text;
    Config config;
    MonitorRules *rules = arena_new(arena, MonitorRules);
    if (!rules) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "out of memory");
    }
    Status status = disk_read(path, SIZE_MAX_RULES, arena, &text, diag);
    if (status == STATUS_OK) {
        status = config_parse(text, path, arena, &config, diag);
    }
    if (status == STATUS_OK) {
        status = monitor_rules_read(&config, RULES_SECTION, NULL, arena, rules, diag);
    }
    if (status == STATUS_OK) {
        *out_rules = rules;
    }
    return status;
}
