/* trust_file.h - the two policies of trust, with their files: servers pinned on first use, and clients with
 * roles from an authorised-keys file. Both log what they decide. Caller storage, which must outlive the
 * transport. */
#ifndef SHARED_WIRE_TRUST_FILE_H
#define SHARED_WIRE_TRUST_FILE_H
#include "shared/wire/authorized.h"
#include "shared/wire/transport_secure.h"

/* A client's: which servers it talks to. */
typedef struct KnownServers {
    char path[4096]; /* of the known-hosts file; "": nothing is remembered */
    bool given;      /* only the owner of `key` will do, whatever the file says */
    uint8_t key[NOISE_KEY_SIZE];
    Diag refused; /* why the last server was refused; text "" when it was not */
} KnownServers;

/* `path` NULL: the user's own "known_hosts". `server_key` (base64) NULL: pin on first use. STATUS_MALFORMED
 * with `diag` when it is no key; STATUS_CAPACITY. */
NODISCARD Status known_servers_init(KnownServers *servers, const char *path, const char *server_key,
                                    Diag *diag);
SecureTrust known_servers_trust(KnownServers *servers);

/* A server's: who is let in, and as what. */
typedef struct ClientRoles {
    AuthorizedKeys keys;
    Role default_role; /* of keys that are not listed; ROLE_NONE refuses them */
} ClientRoles;

/* `path` NULL: no key is listed. Statuses of authorized_parse, STATUS_NOT_FOUND and STATUS_IO_ERROR of the
 * file, STATUS_NOT_FOUND for a role that is none, with `diag`. The keys live in `arena`. */
NODISCARD Status client_roles_init(ClientRoles *roles, const char *path, const char *default_role,
                                   Arena *arena, Diag *diag);
SecureTrust client_roles_trust(ClientRoles *roles);

/* The role of the owner of `key`. */
Role client_roles_of(const ClientRoles *roles, const uint8_t key[NOISE_KEY_SIZE]);

#endif
