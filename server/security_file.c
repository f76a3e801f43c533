#include "server/security_file.h"

#include "shared/base/log.h"
#include "shared/wire/key_file.h"
#include "shared/wire/key_text.h"

#include <sodium.h>
#include <string.h>

#define SPARE_PEERS     128 /* connections beyond twice the people: those who knock and may never come in */
#define HALF_OPEN_LEAST 64
#define PEERS_MAX       4095

/* A connection that has ended keeps its place until the other side has confirmed it, for seconds when that
 * side is gone; so that everybody may come back at once there are twice as many places as people. */
uint32_t security_peers(uint32_t max_clients)
{
    uint32_t wished = 2 * max_clients + SPARE_PEERS;
    return wished < PEERS_MAX ? wished : PEERS_MAX;
}

static Role role_of(void *context, PeerId peer)
{
    const Security *security = context;
    uint8_t key[NOISE_KEY_SIZE];
    if (transport_secure_peer_key(security->transport, peer, key) != STATUS_OK) {
        return ROLE_NONE;
    }
    return client_roles_of(&security->roles, key);
}

static Status key_of(void *context, PeerId peer, uint8_t out_key[NOISE_KEY_SIZE])
{
    const Security *security = context;
    return transport_secure_peer_key(security->transport, peer, out_key);
}

/* Bound to the loopback interface, everybody comes from one address. */
static AdmissionLimits limits_for(const Options *options)
{
    bool loopback = strncmp(options->bind, "127.", 4) == 0 || strcmp(options->bind, "localhost") == 0;
    uint32_t people = (uint32_t)options->max_clients;
    /* Of the places that people do not need, half for handshakes here, half for those of ENet. */
    uint32_t half_open = (security_peers(people) - people) / 2;
    half_open = half_open > HALF_OPEN_LEAST ? half_open : HALF_OPEN_LEAST;
    return loopback ? (AdmissionLimits){ .half_open = half_open,
                                         .half_open_per_address = ADMISSION_UNLIMITED,
                                         .handshakes_per_second_per_address = ADMISSION_UNLIMITED }
                    : (AdmissionLimits){ .half_open = half_open,
                                         .half_open_per_address = half_open / 2 + 1,
                                         .connections_per_address = people / 2 + 8 };
}

Status security_seal(const Options *options, Security *security, Transport *transport, Arena *arena,
                     Diag *diag)
{
    uint8_t secret[NOISE_KEY_SIZE], public[NOISE_KEY_SIZE];
    char text[KEY_TEXT_SIZE];
    if (security->plaintext) {
        log_warning("secure",
                    "--plaintext: NOTHING IS ENCRYPTED and anyone can be anyone; for debugging only");
        return STATUS_OK;
    }
    Status status =
        client_roles_init(&security->roles, options->authorized_keys, options->default_role, arena, diag);
    if (status == STATUS_OK) {
        status = key_file_identity(options->identity, secret, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    noise_public_key(secret, public);
    const SecureConfig config = { .secret = secret,
                                  .trust = client_roles_trust(&security->roles),
                                  .limits = limits_for(options) };
    status = transport_secure_create(*transport, &config, &security->transport);
    sodium_memzero(secret, sizeof secret);
    if (status == STATUS_OK) {
        *transport = security->transport;
        log_info("secure", "this server's public key is %s", key_text_format(public, text));
    }
    return status;
}

RoleSource security_roles(Security *security)
{
    RoleSource roles = { .of = security->plaintext ? NULL : role_of, .context = security };
    return roles;
}

KeySource security_keys(Security *security)
{
    KeySource keys = { .of = security->plaintext ? NULL : key_of, .context = security };
    return keys;
}
