#include "shared/base/host_port.h"

#include "shared/base/config.h"

#include <string.h>

Status host_port_read(const char *text, HostPort *inout)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
    int64_t port = inout->port;
    if (colon != NULL && config_read_integer(colon + 1, &port) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    if (length >= sizeof inout->host || port < 0 || port > UINT16_MAX) {
        return STATUS_OUT_OF_RANGE;
    }
    if (length > 0) {
        memcpy(inout->host, text, length);
        inout->host[length] = '\0';
    }
    inout->port = (uint16_t)port;
    return STATUS_OK;
}
