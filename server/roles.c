#include "server/roles.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
#define SERVER_ROLE_NAME(name, text) [SERVER_ROLE_##name] = text,
    SERVER_ROLE_TABLE(SERVER_ROLE_NAME)
#undef SERVER_ROLE_NAME
};

static int find_role(const char *text, size_t size)
{
    for (int role = 0; role < SERVER_ROLE_COUNT; role++) {
        if (strlen(names[role]) == size && memcmp(names[role], text, size) == 0) {
            return role;
        }
    }
    return -1;
}

const char *server_role_name(ServerRole role)
{
    return names[role];
}

Status roles_parse(const char *text, ServerRoles *out_roles, Diag *diag)
{
    ServerRoles roles = 0;
    if (text == NULL) {
        *out_roles = SERVER_ROLES_ALL;
        return STATUS_OK;
    }
    for (const char *rest = text;; rest++) {
        size_t size = strcspn(rest, ",");
        int role = find_role(rest, size);
        if (role < 0) {
            return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                            "--roles: '%.*s' is not physical, twin, enabler, metaverse or service", (int)size,
                            rest);
        }
        if (roles_have(roles, (ServerRole)role)) {
            return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "--roles: '%s' is named twice",
                            names[role]);
        }
        roles |= 1u << role;
        rest += size;
        if (*rest == '\0') {
            break;
        }
    }
    *out_roles = roles;
    return STATUS_OK;
}

const char *roles_format(ServerRoles roles, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int role = 0; role < SERVER_ROLE_COUNT; role++) {
        if (roles_have(roles, (ServerRole)role) && used < size) {
            int added = snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", names[role]);
            used += added > 0 ? (size_t)added : 0;
        }
    }
    return out;
}
