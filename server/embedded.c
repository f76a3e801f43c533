#include "server/embedded.h"

#include "server/enabler/store_memory.h"
#include "shared/systems/bus_local.h"

/* The enabler with its hub; on failure there is neither. */
static Status create_enabler(TextTable *texts, Bus *out_hub, Enabler **out_enabler, Diag *diag)
{
    Store store = { 0 };
    Bus hub = { 0 };
    Status status = bus_local_create(&(BusLocalConfig){ 0 }, &hub);
    if (status == STATUS_OK) {
        status = store_memory_create(&store);
    }
    if (status == STATUS_OK) {
        status = enabler_create(&(EnablerConfig){ .texts = texts }, &hub, 1, store, out_enabler);
    }
    if (status != STATUS_OK) {
        store_destroy(&store);
        bus_destroy(hub);
        return diag_set(diag, status, "", 0, "no integration enabler: %s", status_text(status));
    }
    *out_hub = hub;
    return STATUS_OK;
}

static Status attach_twin(const World *world, TextTable *texts, TwinSystem *twin, Bus hub, Diag *diag)
{
    Bus endpoint = { 0 };
    const TwinLinkConfig link = { .name = world->name, .title = world->title, .texts = texts };
    Status status = bus_local_attach(hub, SYSTEM_TWIN, world->name, &endpoint);
    if (status == STATUS_OK) {
        status = twin_attach(twin, &link, endpoint);
    }
    if (status != STATUS_OK) {
        bus_destroy(endpoint);
        return diag_set(diag, status, "", 0, "the twin system cannot reach the enabler: %s",
                        status_text(status));
    }
    return STATUS_OK;
}

static Status create_metaverse(const EmbeddedConfig *config, const World *world, TextTable *texts,
                               AssetSource assets, Bus hub, Transport transport, Metaverse **out_metaverse,
                               Diag *diag)
{
    MetaverseConfig metaverse = config->metaverse;
    metaverse.tick_rate_hz = config->server.tick_rate_hz;
    metaverse.snapshot_rate_hz = config->server.snapshot_rate_hz;
    Status status = bus_local_attach(hub, SYSTEM_METAVERSE, "metaverse", &metaverse.endpoint);
    if (status != STATUS_OK) {
        return diag_set(diag, status, "", 0, "the metaverse system cannot reach the enabler: %s",
                        status_text(status));
    }
    status = metaverse_create(&metaverse, world, texts, assets, transport, out_metaverse, diag);
    if (status != STATUS_OK) {
        bus_destroy(metaverse.endpoint);
    }
    return status;
}

Status server_create_embedded(const EmbeddedConfig *config, const World *world, TextTable *texts,
                              AssetSource assets, TwinSystem *twin, Transport transport, Server **out_server,
                              Diag *diag)
{
    Bus hub = { 0 };
    ServerParts parts = { .twin = twin };
    Status status = create_enabler(texts, &hub, &parts.enabler, diag);
    if (status == STATUS_OK) {
        status = attach_twin(world, texts, twin, hub, diag);
    }
    if (status == STATUS_OK) {
        status = create_metaverse(config, world, texts, assets, hub, transport, &parts.metaverse, diag);
    }
    if (parts.metaverse == NULL) {
        transport_destroy(transport);
    }
    if (status == STATUS_OK) {
        server_parts_wake(&parts, metaverse_wake_fd(parts.metaverse));
        status = server_create(&config->server, &parts, out_server);
    }
    if (status != STATUS_OK) {
        server_parts_destroy(&parts);
    }
    return status;
}
