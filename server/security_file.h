/* security_file.h - who may connect to this server, and as what: the secure channel around its transport, the
 * roles of its clients. An edge: reads key files. */
#ifndef SERVER_SECURITY_FILE_H
#define SERVER_SECURITY_FILE_H
#include "server/metaverse/metaverse.h"
#include "server/options_file.h"
#include "shared/wire/transport_secure.h"
#include "shared/wire/trust_file.h"

/* What the secure channel needs for as long as the server runs. */
typedef struct Security {
    Transport transport; /* the sealed one; not owned here */
    ClientRoles roles;
    bool plaintext; /* set by the owner, from the options: nothing is sealed */
} Security;

/* Connections that a server for `max_clients` people needs. */
uint32_t security_peers(uint32_t max_clients);

/* Puts the secure channel around *transport, unless --plaintext asks for none. On failure *transport is as it
 * was, and `diag` says what is wrong with which file. */
NODISCARD Status security_seal(const Options *options, Security *security, Transport *transport, Arena *arena,
                               Diag *diag);

/* For MetaverseConfig: asked about connected clients. */
RoleSource security_roles(Security *security);
KeySource security_keys(Security *security);

#endif
