#include "server/assembly_file.h"

#include "server/admin/admin_http.h"
#include "server/enabler/store_memory.h"
#include "server/enabler/store_sqlite.h"
#include "server/enabler/tokens_file.h"
#include "server/live_feed_mqtt.h"
#include "server/service/rules_file.h"
#include "shared/base/cli.h"
#include "shared/base/clock_file.h"
#include "shared/base/host_port.h"
#include "shared/base/log.h"
#include "shared/systems/bus_join.h"
#include "shared/systems/bus_local.h"
#include "shared/systems/bus_net.h"
#include "shared/wire/key_file.h"
#include "shared/wire/transport_enet.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define METAVERSE_NAME "metaverse"
#define BUS_PATIENCE \
    (1500 * TIME_MS) /* with a peer that says nothing; systems are on machines of one network */
#define KEYS_SIZE_MAX ((size_t)1 << 20)
#define PATH_SIZE     1024

/* What the steps of assembly_create share. */
typedef struct Assembler {
    const Options *options;
    HostedWorld *hosted;
    Arena *arena;
    Assembly *assembly;
    ServerParts parts;
    bool network_failed;      /* an address or port cannot be had */
    char database[PATH_SIZE]; /* file of the store; "" when it is in memory */
    Diag *diag;
} Assembler;

/* A step that failed without saying why. */
static Status say(Assembler *a, Status status, const char *what)
{
    return a->diag->text[0] != '\0' ? status
                                    : diag_set(a->diag, status, "", 0, "%s: %s", what, status_text(status));
}

static bool runs(const Assembler *a, ServerRole role)
{
    return roles_have(a->assembly->roles, role);
}

/* ---- the bus between processes ---- */

/* Where --bus says, or else at BUS_PORT of this machine. */
static Status read_address(const Assembler *a, HostPort *out)
{
    const char *text = a->options->bus;
    *out = (HostPort){ .host = "127.0.0.1", .port = BUS_PORT };
    if (text != NULL && host_port_read(text, out) != STATUS_OK) {
        return diag_set(a->diag, STATUS_MALFORMED, "", 0, "--bus: \"%s\" is not HOST:PORT", text);
    }
    return STATUS_OK;
}

/* A transport for the bus, sealed with this server's key. */
static Status open_bus_transport(Assembler *a, const EnetConfig *enet, SecureTrust trust, Transport *out,
                                 uint16_t *out_port)
{
    uint8_t secret[NOISE_KEY_SIZE];
    Transport plain = { 0 };
    Status status = transport_enet_create(enet, &plain, out_port, a->diag);
    a->network_failed |= status != STATUS_OK;
    if (status == STATUS_OK) {
        status = key_file_identity(a->options->identity, secret, a->diag);
    }
    if (status == STATUS_OK) {
        noise_public_key(secret, a->assembly->bus_key);
        const SecureConfig config = { .secret = secret,
                                      .trust = trust,
                                      .limits = { .half_open_per_address = ADMISSION_UNLIMITED,
                                                  .handshakes_per_second_per_address =
                                                      ADMISSION_UNLIMITED } };
        status = transport_secure_create(plain, &config, out);
        sodium_memzero(secret, sizeof secret);
    }
    if (status != STATUS_OK) {
        transport_destroy(plain);
        return say(a, status, "the bus between processes");
    }
    return STATUS_OK;
}

static Status decide_system(void *context, SystemKind kind, const char *name, const uint8_t *key,
                            const char **out_reason)
{
    const Assembly *assembly = context;
    if (key == NULL) {
        *out_reason = "there is no key";
        return STATUS_NOT_ALLOWED;
    }
    const char *refused = system_keys_refuse(&assembly->system_keys, assembly->bus_key, kind, name, key);
    *out_reason = refused;
    return refused == NULL ? STATUS_OK : STATUS_NOT_ALLOWED;
}

static bool name_taken(void *context, const char *name)
{
    const Assembly *assembly = context;
    return bus_local_attached(assembly->local, name);
}

static Status load_system_keys(Assembler *a)
{
    Bytes text;
    if (a->options->system_keys == NULL) {
        return STATUS_OK;
    }
    Status status = disk_read(a->options->system_keys, KEYS_SIZE_MAX, a->arena, &text, a->diag);
    return status == STATUS_OK ? system_keys_parse(text, a->options->system_keys, a->arena,
                                                   &a->assembly->system_keys, a->diag)
                               : status;
}

/* The hub that systems of other processes come to. */
static Status open_outer_hub(Assembler *a, Bus *out_hub)
{
    HostPort address;
    Status status = read_address(a, &address);
    if (status == STATUS_OK) {
        status = load_system_keys(a);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const EnetConfig enet = {
        .bind_address = address.host, .port = address.port, .server = true, .patience = BUS_PATIENCE
    };
    Transport transport = { 0 };
    status = open_bus_transport(a, &enet, (SecureTrust){ 0 }, &transport, &a->assembly->bus_port);
    if (status != STATUS_OK) {
        return status;
    }
    const BusNetHubConfig config = { .trust = { .decide = decide_system, .context = a->assembly },
                                     .peer_key = transport_secure_peer_key,
                                     .taken = name_taken,
                                     .taken_context = a->assembly };
    status = bus_net_hub_create(&config, transport, out_hub);
    if (status != STATUS_OK) {
        transport_destroy(transport);
        return say(a, status, "no bus between processes");
    }
    return STATUS_OK;
}

/* One endpoint for a system of this process, wherever the enabler is. */
static Status open_endpoint(Assembler *a, SystemKind kind, const char *name, Bus *out_endpoint)
{
    Status status;
    if (runs(a, SERVER_ROLE_ENABLER)) {
        status = bus_local_attach(a->assembly->local, kind, name, out_endpoint);
        return status == STATUS_OK
                   ? STATUS_OK
                   : diag_set(a->diag, status, "", 0, "the system '%s' has no place on the bus: %s", name,
                              status_text(status));
    }
    HostPort address;
    Transport transport = { 0 };
    status = read_address(a, &address);
    if (status == STATUS_OK && address.port == 0) {
        status =
            diag_set(a->diag, STATUS_MALFORMED, "", 0, "--bus: port 0 is for the process with the enabler");
    }
    if (status == STATUS_OK) {
        const EnetConfig enet = { .peers = 4, .patience = BUS_PATIENCE };
        status =
            open_bus_transport(a, &enet, known_servers_trust(&a->assembly->bus_servers), &transport, NULL);
    }
    if (status == STATUS_OK) {
        BusNetEndpointConfig config = {
            .kind = kind, .name = name, .host = address.host, .port = address.port
        };
        randombytes_buf(&config.seed, sizeof config.seed);
        status = bus_net_endpoint_create(&config, transport, out_endpoint);
        if (status != STATUS_OK) {
            transport_destroy(transport);
            return diag_set(a->diag, status, "", 0, "the system '%s' has no way to the bus: %s", name,
                            status_text(status));
        }
    }
    return status;
}

/* ---- the enabler ---- */

/* Two servers with one database would each write what the other does not know. The file of the lock stays:
 * who removed it would give the same name to two locks. */
static Status lock_store(Assembler *a, const char *path)
{
    char lock[PATH_SIZE + 8];
    if ((size_t)snprintf(lock, sizeof lock, "%s.lock", path) >= sizeof lock) {
        return diag_set(a->diag, STATUS_OUT_OF_RANGE, path, 0, "is too long for a path");
    }
    a->assembly->store_lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (a->assembly->store_lock < 0) {
        return diag_set(a->diag, STATUS_IO_ERROR, path, 0, "no lock can be made beside it: %s",
                        strerror(errno));
    }
    if (flock(a->assembly->store_lock, LOCK_EX | LOCK_NB) != 0) {
        return diag_set(a->diag, STATUS_TIMED_OUT, path, 0, "is in use by another server");
    }
    return STATUS_OK;
}

static Status open_database(Assembler *a, const char *path, Store *out_store)
{
    snprintf(a->database, sizeof a->database, "%s", path);
    return store_sqlite_open(&(StoreSqliteConfig){ .path = path }, out_store, a->diag);
}

/* The database that nobody named: one server of a user keeps its state there, the next one in memory. */
static Status open_default_store(Assembler *a, Store *out_store)
{
    char path[PATH_SIZE], folder[PATH_SIZE];
    Diag none = { 0 };
    if (key_file_user_path("enabler.db", path, sizeof path, &none) != STATUS_OK) {
        return store_memory_create(out_store);
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    mode_t others = umask(077); /* the folder holds keys as well */
    Status status = disk_make_folder(folder, &none);
    umask(others);
    if (status != STATUS_OK) {
        log_info("enabler", "%s cannot be made: grants and audit of this server end with it", folder);
        return store_memory_create(out_store);
    }
    if (lock_store(a, path) != STATUS_OK) {
        char why[sizeof a->diag->path + sizeof a->diag->text + 32];
        log_info("enabler", "%s: grants and audit of this server end with it",
                 diag_format(a->diag, why, sizeof why));
        *a->diag = (Diag){ 0 };
        return store_memory_create(out_store);
    }
    return open_database(a, path, out_store);
}

static Status open_store(Assembler *a, Store *out_store)
{
    const char *path = a->options->db;
    if (path == NULL) {
        return open_default_store(a, out_store);
    }
    if (strcmp(path, "none") == 0) {
        return store_memory_create(out_store);
    }
    Status status = lock_store(a, path);
    return status == STATUS_OK ? open_database(a, path, out_store) : status;
}

static Status open_hub(Assembler *a, Bus *out_hub)
{
    Bus outer = { 0 };
    Status status = bus_local_create(&(BusLocalConfig){ 0 }, &a->assembly->local);
    if (status != STATUS_OK) {
        return say(a, status, "no bus");
    }
    *out_hub = a->assembly->local;
    if (a->options->bus == NULL && a->assembly->roles == SERVER_ROLES_ALL) {
        return STATUS_OK;
    }
    status = open_outer_hub(a, &outer);
    if (status == STATUS_OK) {
        status = bus_join_create(a->assembly->local, outer, out_hub);
        if (status != STATUS_OK) {
            bus_destroy(outer);
            return say(a, status, "no bus");
        }
    }
    return status;
}

/* Options that do nothing in this process: a file of defaults may be shared by many, so it is no mistake. */
static void tell_idle_options(const Assembler *a)
{
    const Options *options = a->options;
    const struct {
        const char *name, *value;
        ServerRole role;
    } owned[] = { { "db", options->db, SERVER_ROLE_ENABLER },
                  { "trace-interfaces", options->trace_interfaces, SERVER_ROLE_ENABLER },
                  { "service-tokens", options->service_tokens, SERVER_ROLE_ENABLER },
                  { "system-keys", options->system_keys, SERVER_ROLE_ENABLER },
                  { "service-rules", options->service_rules, SERVER_ROLE_SERVICE },
                  { "authorized-keys", options->authorized_keys, SERVER_ROLE_METAVERSE } };
    for (size_t i = 0; i < ARRAY_COUNT(owned); i++) {
        if (owned[i].value != NULL && !runs(a, owned[i].role)) {
            log_warning("server", "--%s does nothing here: it is for the process with the role '%s'",
                        owned[i].name, server_role_name(owned[i].role));
        }
    }
    if (options->system_keys != NULL && options->bus == NULL && a->assembly->roles == SERVER_ROLES_ALL) {
        log_warning("server", "--system-keys does nothing here: without --bus no other process can come");
    }
}

static Status create_enabler(Assembler *a)
{
    EnablerConfig config = { .texts = &a->hosted->texts };
    Bus hub = { 0 };
    Store store = { 0 };
    Status status = STATUS_OK;
    if (!runs(a, SERVER_ROLE_ENABLER)) {
        return STATUS_OK;
    }
    if (a->options->service_tokens != NULL) {
        status = tokens_file_load(a->options->service_tokens, a->arena, &config.tokens, a->diag);
    }
    if (status == STATUS_OK) {
        status = interface_trace_file_open(a->options->trace_interfaces, &a->assembly->interfaces, a->diag);
    }
    if (status == STATUS_OK) {
        status = open_hub(a, &hub);
    }
    if (status == STATUS_OK) {
        status = open_store(a, &store);
    }
    if (status == STATUS_OK) {
        bus_set_tap(hub, interface_trace_tap(interface_trace_file_trace(a->assembly->interfaces)));
        server_parts_wake(&a->parts, bus_wake_fd(hub));
        status = enabler_create(&config, &hub, 1, store, &a->parts.enabler);
        if (status != STATUS_OK && status != STATUS_OUT_OF_MEMORY && a->database[0] != '\0') {
            (void)diag_set(a->diag, status, a->database, 0,
                           "cannot be read (%s): it is damaged; move it away to begin with an empty one",
                           status_text(status));
        }
    }
    if (status != STATUS_OK) {
        store_destroy(&store);
        bus_destroy(hub);
        return say(a, status, "no integration enabler");
    }
    return STATUS_OK;
}

/* ---- the systems around it ---- */

static Status attach_twin(Assembler *a)
{
    const World *world = &a->hosted->world;
    const TwinLinkConfig link = {
        .name = world->name, .title = world->title, .domain = a->options->domain, .texts = &a->hosted->texts
    };
    Bus endpoint = { 0 };
    if (!runs(a, SERVER_ROLE_TWIN)) {
        return STATUS_OK;
    }
    Status status = open_endpoint(a, SYSTEM_TWIN, world->name, &endpoint);
    if (status == STATUS_OK) {
        status = twin_attach(a->hosted->twin, &link, endpoint);
        if (status != STATUS_OK) {
            bus_destroy(endpoint);
            return say(a, status, "the twin system is not attached");
        }
        a->parts.twin = a->hosted->twin;
        server_parts_wake(&a->parts, bus_wake_fd(endpoint));
    }
    return status;
}

static Status create_metaverse(Assembler *a)
{
    const Options *options = a->options;
    const EnetConfig enet = { .bind_address = options->bind,
                              .port = (uint16_t)options->port,
                              .peers = security_peers((uint32_t)options->max_clients),
                              .server = true,
                              /* sessions have time-outs of their own, of at most this */
                              .patience = TIME_MINUTE };
    MetaverseConfig config = { .sessions = (uint32_t)options->max_clients,
                               .tick_rate_hz = (uint16_t)options->tick_rate,
                               .snapshot_rate_hz = (uint16_t)options->snapshot_rate,
                               .view_distance_m = (uint16_t)options->view_distance,
                               .client_kbps = (uint32_t)options->client_kbps,
                               .roles = security_roles(&a->assembly->security),
                               .keys = security_keys(&a->assembly->security),
                               .resume_time = options->resume_seconds * TIME_SECOND,
                               .system_name = METAVERSE_NAME,
                               .domain = options->domain };
    Transport transport = { 0 };
    if (!runs(a, SERVER_ROLE_METAVERSE)) {
        return STATUS_OK;
    }
    Status status = transport_enet_create(&enet, &transport, &a->assembly->port, a->diag);
    a->network_failed |= status != STATUS_OK;
    if (status == STATUS_OK) {
        status = security_seal(options, &a->assembly->security, &transport, a->arena, a->diag);
    }
    if (status == STATUS_OK) {
        status = open_endpoint(a, SYSTEM_METAVERSE, METAVERSE_NAME, &config.endpoint);
    }
    if (status == STATUS_OK) {
        status = metaverse_create(&config, &a->hosted->world, &a->hosted->texts, a->hosted->assets, transport,
                                  &a->parts.metaverse, a->diag);
    }
    if (status == STATUS_OK) {
        server_parts_wake(&a->parts, metaverse_wake_fd(a->parts.metaverse));
        server_parts_wake(&a->parts, bus_wake_fd(config.endpoint));
    }
    if (status != STATUS_OK) {
        bus_destroy(config.endpoint);
        transport_destroy(transport);
    }
    return status;
}

static Status create_service(Assembler *a)
{
    Bus endpoint = { 0 };
    if (!runs(a, SERVER_ROLE_SERVICE)) {
        return STATUS_OK;
    }
    ServiceConfig config = { .domain = a->options->domain };
    Status status = STATUS_OK;
    if (a->options->service_rules != NULL) {
        status = monitor_rules_load(a->options->service_rules, a->arena, &config.rules, a->diag);
    }
    if (status == STATUS_OK) {
        status = open_endpoint(a, SYSTEM_SERVICE, SERVICE_NAME, &endpoint);
    }
    if (status == STATUS_OK) {
        status = service_create(&config, endpoint, &a->hosted->texts, &a->parts.service);
        if (status != STATUS_OK) {
            bus_destroy(endpoint);
            return say(a, status, "no condition monitoring");
        }
        server_parts_wake(&a->parts, bus_wake_fd(endpoint));
    }
    return status;
}

static Status attach_outside(void *context, const char *name, Bus *out_bus)
{
    const GatewayHost *gateway = context;
    return bus_local_attach(gateway->local, SYSTEM_SERVICE, name, out_bus);
}

static void gateway_metrics(void *context, TextWriter *writer)
{
    const GatewayHost *gateway = context;
    metrics_write(&gateway->metrics, writer);
}

static size_t gateway_health(void *context, AdminHealth *out, size_t capacity)
{
    const GatewayHost *gateway = context;
    return metrics_health(&gateway->metrics, out, capacity);
}

static void gateway_trace(void *context, uint32_t count, TextWriter *writer)
{
    const GatewayHost *gateway = context;
    metrics_trace(&gateway->metrics, count, writer);
}

static Status create_admin(Assembler *a)
{
    HttpServer http = { 0 };
    if (a->options->http < 0) {
        return STATUS_OK;
    }
    a->assembly->gateway = (GatewayHost){ .local = a->assembly->local,
                                          .metrics = { .interfaces = a->assembly->interfaces == NULL
                                                                         ? NULL
                                                                         : interface_trace_file_trace(
                                                                               a->assembly->interfaces) } };
    if (!runs(a, SERVER_ROLE_ENABLER)) {
        return diag_set(a->diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "--http is for the process with the enabler");
    }
    const AdminConfig config = { .host = { .attach = attach_outside,
                                           .metrics = gateway_metrics,
                                           .health = gateway_health,
                                           .trace = gateway_trace,
                                           .context = &a->assembly->gateway },
                                 .texts = &a->hosted->texts };
    Status status =
        admin_http_open(NULL, (uint16_t)a->options->http, &http, &a->assembly->http_port, a->diag);
    a->network_failed |= status != STATUS_OK;
    if (status == STATUS_OK) {
        status = admin_create(&config, http, &a->parts.admin);
        if (status != STATUS_OK) {
            http.ops->destroy(http.context);
            return say(a, status, "no gateway");
        }
    }
    return status;
}

/* The physical world is this process's alone: it is reached over a broker. */
static Status open_edge(Assembler *a)
{
    if (!runs(a, SERVER_ROLE_PHYSICAL) || runs(a, SERVER_ROLE_TWIN)) {
        return STATUS_OK;
    }
    if (a->options->mqtt == NULL) {
        return diag_set(a->diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "the physical world without a twin system needs --mqtt, a broker to be reached by");
    }
    Status status = live_edge_open(a->options->mqtt, &a->hosted->world, &a->hosted->texts,
                                   physical_field(a->hosted->physical), &a->parts.edge, a->diag);
    if (status == STATUS_OK) {
        server_parts_wake(&a->parts, mqtt_edge_wake_fd(a->parts.edge));
    }
    return status;
}

static Status create_server(Assembler *a)
{
    const Options *options = a->options;
    const ServerConfig config = { .tick_rate_hz = (uint16_t)options->tick_rate,
                                  .snapshot_rate_hz = (uint16_t)options->snapshot_rate,
                                  .tickless = options->tickless,
                                  .deadline = time_from_seconds(options->deadline_ms * 1e-3),
                                  .wall_offset = clock_wall() - clock_monotonic() };
    Status status = server_create(&config, &a->parts, &a->assembly->server);
    if (status == STATUS_OK) {
        a->assembly->gateway.metrics.server = a->assembly->server;
    }
    return status == STATUS_OK ? STATUS_OK : say(a, status, "no server");
}

static int exit_code_of(const Assembler *a, Status status)
{
    if (a->network_failed) {
        return EXIT_CODE_FAILURE;
    }
    switch (status) {
    case STATUS_OUT_OF_RANGE:
    case STATUS_INVALID_ARGUMENT:
        return EXIT_CODE_USAGE;
    case STATUS_OUT_OF_MEMORY:
        return EXIT_CODE_FAILURE;
    default:
        return EXIT_CODE_INPUT;
    }
}

Status assembly_create(const Options *options, HostedWorld *hosted, Arena *arena, Assembly *assembly,
                       int *out_exit_code, Diag *diag)
{
    Status (*const steps[])(Assembler *) = { create_enabler, attach_twin, create_metaverse, create_service,
                                             create_admin,   open_edge,   create_server };
    Assembler assembler = {
        .options = options, .hosted = hosted, .arena = arena, .assembly = assembly, .diag = diag
    };
    Status status = roles_parse(options->roles, &assembly->roles, diag);
    assembly->security.plaintext = options->plaintext;
    assembly->store_lock = -1;
    if (status == STATUS_OK) {
        status = known_servers_init(&assembly->bus_servers, NULL, NULL, diag);
    }
    if (status == STATUS_OK) {
        tell_idle_options(&assembler);
    }
    for (size_t i = 0; i < ARRAY_COUNT(steps) && status == STATUS_OK; i++) {
        status = steps[i](&assembler);
    }
    if (assembler.parts.twin != NULL) { /* it goes with the parts */
        hosted->twin = NULL;
    }
    if (status != STATUS_OK) {
        *out_exit_code = exit_code_of(&assembler, status);
        server_parts_destroy(&assembler.parts);
        assembly_destroy(assembly);
    }
    return status;
}

void assembly_destroy(Assembly *assembly)
{
    server_destroy(assembly->server);
    Status status = interface_trace_file_close(assembly->interfaces);
    if (status != STATUS_OK) {
        log_error("server", "the trace of interfaces is not complete: %s", status_text(status));
    }
    if (assembly->store_lock >= 0) {
        close(assembly->store_lock);
    }
    *assembly = (Assembly){ .store_lock = -1 };
}
