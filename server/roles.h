/* roles.h - which systems of the reference model a process runs. Pure. */
#ifndef SERVER_ROLES_H
#define SERVER_ROLES_H
#include "shared/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, text) */
#define SERVER_ROLE_TABLE(X)                                                \
    X(PHYSICAL, "physical")   /* the simulated plant */                     \
    X(TWIN, "twin")           /* digital twin system */                     \
    X(ENABLER, "enabler")     /* integration enabler */                     \
    X(METAVERSE, "metaverse") /* metaverse system: the clients come here */ \
    X(SERVICE, "service")     /* third-party service: condition monitoring */

typedef enum ServerRole {
#define SERVER_ROLE_ENUM(name, text) SERVER_ROLE_##name,
    SERVER_ROLE_TABLE(SERVER_ROLE_ENUM)
#undef SERVER_ROLE_ENUM
        SERVER_ROLE_COUNT
} ServerRole;

/* A bit each. */
typedef uint32_t ServerRoles;
#define SERVER_ROLES_ALL ((1u << SERVER_ROLE_COUNT) - 1)

static inline bool roles_have(ServerRoles roles, ServerRole role)
{
    return (roles & 1u << role) != 0;
}

/* Reads "twin,enabler"; NULL: all. STATUS_INVALID_ARGUMENT for an unknown role, one named twice, or none,
 * with `diag`; *out_roles is then unchanged. */
NODISCARD Status roles_parse(const char *text, ServerRoles *out_roles, Diag *diag);

/* The word for one role. */
const char *server_role_name(ServerRole role);

/* "twin, enabler", for the log. Returns `out`. */
const char *roles_format(ServerRoles roles, char *out, size_t size);

#endif
