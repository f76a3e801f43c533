#include "shared/base/status.h"

static const char *const texts[STATUS_COUNT] = {
#define STATUS_TEXT(name, text) [STATUS_##name] = text,
    STATUS_TABLE(STATUS_TEXT)
#undef STATUS_TEXT
};

static const char *const names[STATUS_COUNT] = {
#define STATUS_NAME(name, text) [STATUS_##name] = #name,
    STATUS_TABLE(STATUS_NAME)
#undef STATUS_NAME
};

const char *status_text(Status status)
{
    return (unsigned)status < STATUS_COUNT ? texts[status] : "unknown status";
}

const char *status_name(Status status)
{
    return (unsigned)status < STATUS_COUNT ? names[status] : "UNKNOWN";
}
