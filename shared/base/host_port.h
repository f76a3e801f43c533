/* host_port.h - "HOST:PORT" as people write it on a command line. Pure. */
#ifndef SHARED_BASE_HOST_PORT_H
#define SHARED_BASE_HOST_PORT_H
#include "shared/base/status.h"

#include <stdint.h>

#define HOST_SIZE 256 /* with the terminator */

typedef struct HostPort {
    char host[HOST_SIZE]; /* a name, an IPv4 address or "[IPv6]" */
    uint16_t port;
} HostPort;

/* Reads "HOST:PORT", "HOST", ":PORT" or "". What is not written stays as it is in *inout: its defaults. On
 * failure *inout is unchanged: STATUS_MALFORMED (no number after the last colon), STATUS_OUT_OF_RANGE (a port
 * beyond 65535, a host that is too long). */
NODISCARD Status host_port_read(const char *text, HostPort *inout);

#endif
