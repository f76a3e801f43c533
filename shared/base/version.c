#include "shared/base/version.h"

const char *version_number(void)
{
    return DTMV_VERSION;
}

const char *version_commit(void)
{
    return DTMV_COMMIT;
}
