#include "shared/wire/trust_file.h"

#include "shared/base/disk_file.h"
#include "shared/base/log.h"
#include "shared/wire/key_file.h"
#include "shared/wire/key_text.h"
#include "shared/wire/known_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)16 << 20)

/* ---- servers ---- */

Status known_servers_init(KnownServers *servers, const char *path, const char *server_key, Diag *diag)
{
    *servers = (KnownServers){ .given = server_key != NULL };
    if (server_key && key_text_parse(server_key, servers->key) != STATUS_OK) {
        return diag_set(diag, STATUS_MALFORMED, "", 0,
                        "--server-key: \"%s\" is not a public key (44 characters of base64)", server_key);
    }
    if (path) {
        int length = snprintf(servers->path, sizeof servers->path, "%s", path);
        return (size_t)length < sizeof servers->path
                   ? STATUS_OK
                   : diag_set(diag, STATUS_CAPACITY, "", 0, "--known-hosts: the path is too long");
    }
    Diag why = { 0 };
    if (key_file_user_path("known_hosts", servers->path, sizeof servers->path, &why) != STATUS_OK) {
        servers->path[0] = '\0';
        if (!server_key) {
            log_warning("secure", "servers cannot be remembered: %s", why.text);
        }
    }
    return STATUS_OK;
}

/* Adds a line; the last one may lack its end. */
static Status append_host(const char *path, Bytes text, const char *host, const char *key, Diag *diag)
{
    char line[KNOWN_HOST_SIZE + KEY_TEXT_SIZE + 4];
    bool open_end = text.size > 0 && text.data[text.size - 1] != '\n';
    int size = snprintf(line, sizeof line, "%s%s %s\n", open_end ? "\n" : "", host, key);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) {
        return diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot remember the server: %s", strerror(errno));
    }
    bool written = write(file, line, (size_t)size) == size;
    written = close(file) == 0 && written;
    return written
               ? STATUS_OK
               : diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot remember the server: %s", strerror(errno));
}

static Status make_parent(const char *path, Diag *diag)
{
    char folder[sizeof((KnownServers *)NULL)->path];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) {
        return STATUS_OK;
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return disk_make_folder(folder, diag);
}

/* First use: trusts, and remembers where it can. */
static void pin(const KnownServers *servers, Bytes text, const char *name, const char *key)
{
    Diag diag = { 0 };
    char line[sizeof diag.path + sizeof diag.text + 32];
    Status status = servers->path[0] != '\0' ? make_parent(servers->path, &diag) : STATUS_EMPTY;
    if (status == STATUS_OK) {
        status = append_host(servers->path, text, name, key, &diag);
    }
    if (status == STATUS_OK) {
        log_info("secure", "first time at %s: its key %s is remembered in %s", name, key, servers->path);
    } else {
        log_warning("secure", "the server %s has the key %s, which cannot be checked%s%s", name, key,
                    status == STATUS_EMPTY ? "" : ": ",
                    status == STATUS_EMPTY ? "" : diag_format(&diag, line, sizeof line));
    }
}

static Status refuse(KnownServers *servers, const char *path, unsigned line, const char *name,
                     const char *key, const uint8_t wanted[NOISE_KEY_SIZE])
{
    char wanted_text[KEY_TEXT_SIZE], text[sizeof servers->refused.path + sizeof servers->refused.text + 32];
    key_text_format(wanted, wanted_text);
    (void)diag_set(
        &servers->refused, STATUS_NOT_ALLOWED, path, line,
        "THE SERVER %s HAS ANOTHER KEY THAN BEFORE. Somebody may be in between. It shows %s, but %s is "
        "expected. If its key was changed on purpose, %s",
        name, key, wanted_text,
        line != 0 ? "remove this line and connect again" : "give the new one with --server-key");
    log_error("secure", "%s", diag_format(&servers->refused, text, sizeof text));
    return STATUS_NOT_ALLOWED;
}

static Status decide_server(void *context, bool incoming, const char *name, const uint8_t key[NOISE_KEY_SIZE])
{
    KnownServers *servers = context;
    char key_text[KEY_TEXT_SIZE], text[1024];
    uint8_t known[NOISE_KEY_SIZE];
    unsigned line = 0;
    Bytes bytes = { 0 };
    Arena arena;
    if (incoming) {
        return STATUS_NOT_ALLOWED; /* a client is not connected to */
    }
    key_text_format(key, key_text);
    servers->refused = (Diag){ .line = 0 };
    if (servers->given) {
        return sodium_memcmp(servers->key, key, NOISE_KEY_SIZE) == 0
                   ? STATUS_OK
                   : refuse(servers, "", 0, name, key_text, servers->key);
    }
    arena_init(&arena, 0);
    Status status = servers->path[0] != '\0'
                        ? disk_read(servers->path, FILE_MAX, &arena, &bytes, &servers->refused)
                        : STATUS_NOT_FOUND;
    if (status == STATUS_OK) {
        status = known_hosts_find(bytes, servers->path, name, known, &line, &servers->refused);
    }
    if (status == STATUS_NOT_FOUND) {
        servers->refused = (Diag){ .line = 0 };
        pin(servers, bytes, name, key_text);
        status = STATUS_OK;
    } else if (status != STATUS_OK) {
        log_error("secure", "%s", diag_format(&servers->refused, text, sizeof text));
    } else if (sodium_memcmp(known, key, NOISE_KEY_SIZE) != 0) {
        status = refuse(servers, servers->path, line, name, key_text, known);
    } else {
        log_info("secure", "the server %s has the key it had before: %s", name, key_text);
    }
    arena_finish(&arena);
    return status;
}

SecureTrust known_servers_trust(KnownServers *servers)
{
    return (SecureTrust){ .decide = decide_server, .context = servers };
}

/* ---- clients ---- */

Status client_roles_init(ClientRoles *roles, const char *path, const char *default_role, Arena *arena,
                         Diag *diag)
{
    *roles = (ClientRoles){ .default_role = ROLE_VIEWER };
    if (role_parse(default_role, &roles->default_role) != STATUS_OK) {
        return diag_set(diag, STATUS_NOT_FOUND, "", 0,
                        "--default-role is viewer, operator, admin or none, not \"%s\"", default_role);
    }
    if (!path) {
        return STATUS_OK;
    }
    Bytes bytes;
    Status status = disk_read(path, FILE_MAX, arena, &bytes, diag);
    return status == STATUS_OK ? authorized_parse(bytes, path, arena, &roles->keys, diag) : status;
}

Role client_roles_of(const ClientRoles *roles, const uint8_t key[NOISE_KEY_SIZE])
{
    const AuthorizedKey *entry = authorized_find(&roles->keys, key);
    return entry ? entry->role : roles->default_role;
}

static Status decide_client(void *context, bool incoming, const char *name, const uint8_t key[NOISE_KEY_SIZE])
{
    const ClientRoles *roles = context;
    const AuthorizedKey *entry = authorized_find(&roles->keys, key);
    Role role = client_roles_of(roles, key);
    char key_text[KEY_TEXT_SIZE], who[NAME_SIZE + 4] = "";
    (void)incoming;
    if (entry && entry->name[0] != '\0') {
        snprintf(who, sizeof who, " (%s)", entry->name);
    }
    log_info("secure", "%s has the key %s%s: %s", name, key_text_format(key, key_text), who,
             role == ROLE_NONE ? "refused" : role_name(role));
    return role == ROLE_NONE ? STATUS_NOT_ALLOWED : STATUS_OK;
}

SecureTrust client_roles_trust(ClientRoles *roles)
{
    return (SecureTrust){ .decide = decide_client, .context = roles };
}
