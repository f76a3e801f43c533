#include "shared/model/value.h"

const char *quality_name(Quality quality)
{
    static const char *const names[QUALITY_COUNT] = {
#define QUALITY_NAME(name, text) [QUALITY_##name] = text,
        QUALITY_TABLE(QUALITY_NAME)
#undef QUALITY_NAME
    };
    return (unsigned)quality < QUALITY_COUNT ? names[quality] : "?";
}
