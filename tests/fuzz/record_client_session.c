/* Writes the seeds of fuzz_client_session: what a real server says to a client, over a clean and over a rough
 * network, to a client that is turned away, to one whose server stops, and to some that come back.
 * record_client_session FOLDER */
#include "tests/unit/sim/session_rig.h"

#include "shared/base/disk_file.h"

#define RECORD_MAX ((size_t)96 * 1024)
#define SEED_WORLD 3000u /* bytes of the world's large file: enough for several chunks */

typedef struct Recorder { /* a transport that writes down what the one under it delivers */
    Transport under;
    uint8_t *bytes;
    size_t size;
    TimeNs last;
    PeerId newest;
} Recorder;

static Status record_connect(void *context, const char *host, uint16_t port, uint32_t data, PeerId *out_peer,
                             Diag *diag)
{
    Recorder *recorder = context;
    Status status = transport_connect(recorder->under, host, port, data, out_peer, diag);
    recorder->newest = status == STATUS_OK ? *out_peer : recorder->newest;
    return status;
}

static Status record_send(void *context, PeerId peer, uint8_t channel, Delivery delivery, Bytes bytes)
{
    return transport_send(((Recorder *)context)->under, peer, channel, delivery, bytes);
}

static Status record_poll(void *context, TimeNs now, TransportEvent *out_event)
{
    Recorder *recorder = context;
    Status status = transport_poll(recorder->under, now, out_event);
    bool end = status == STATUS_OK && out_event->type == TRANSPORT_DISCONNECTED;
    if (status != STATUS_OK || out_event->type == TRANSPORT_CONNECTED ||
        recorder->size + out_event->bytes.size + 3 > RECORD_MAX) {
        return status;
    }
    uint8_t *at = recorder->bytes + recorder->size;
    size_t size = end ? out_event->data : out_event->bytes.size;
    at[0] = (uint8_t)(out_event->channel | 16u | (now - recorder->last >= 10 * TIME_MS ? 4u : 0u) |
                      (end ? 8u : 0u) | (out_event->peer != recorder->newest ? 32u : 0u) |
                      (now - recorder->last >= TIME_SECOND && recorder->size > 0 ? 64u : 0u));
    at[1] = (uint8_t)size;
    at[2] = (uint8_t)(size >> 8);
    if (!end) {
        memcpy(at + 3, out_event->bytes.data, size);
    }
    recorder->size += 3 + (end ? 0 : size);
    recorder->last = now;
    return status;
}

static void record_flush(void *context, TimeNs now)
{
    transport_flush(((Recorder *)context)->under, now);
}

static void record_disconnect(void *context, PeerId peer, uint32_t reason)
{
    transport_disconnect(((Recorder *)context)->under, peer, reason);
}

static Status record_stats(const void *context, PeerId peer, TransportStats *out_stats)
{
    return transport_stats(((const Recorder *)context)->under, peer, out_stats);
}

static Status record_address(const void *context, PeerId peer, char *out, size_t size)
{
    return transport_address(((const Recorder *)context)->under, peer, out, size);
}

static void record_destroy(void *context)
{
    transport_destroy(((Recorder *)context)->under);
}

static AvatarInput walk(uint32_t step, const AvatarState *own)
{
    (void)own;
    return (AvatarInput){ .forward = 127, .yaw = (uint16_t)(step * 200) };
}

/* The server's name for the first client. */
static PeerId server_peer_of(const Rig *rig)
{
    char address[64];
    for (PeerId peer = 1u << 16; peer < 1u << 18; peer++) {
        if (transport_address(rig->server_inner, peer, address, sizeof address) == STATUS_OK) {
            return peer;
        }
    }
    return 0;
}

typedef enum Course { STAYS, SERVER_STOPS, FORGED_END, SEVERED, EXPIRED } Course;

static void record(const char *folder, const char *name, SimLink link, const uint8_t *world_hash,
                   Course course)
{
    static const TransportOps ops = { .connect = record_connect,
                                      .send = record_send,
                                      .poll = record_poll,
                                      .flush = record_flush,
                                      .disconnect = record_disconnect,
                                      .stats = record_stats,
                                      .address = record_address,
                                      .destroy = record_destroy };
    static uint8_t bytes[RECORD_MAX];
    Rig *rig = malloc(sizeof *rig);
    Recorder recorder = { .bytes = bytes };
    if (rig == NULL) {
        abort();
    }
    rig_init_with(rig, link, 8, 5, SEED_WORLD, false, course == EXPIRED ? TIME_SECOND : 10 * TIME_SECOND);
    Transport inner;
    if (rig_transport(rig, 0, 0, &inner, &recorder.under) != STATUS_OK) {
        abort();
    }
    RigClient *client =
        rig_connect_over(rig, 0, "Ada", world_hash, (Transport){ .ops = &ops, .context = &recorder });
    rig_connect(rig, 1, "Bob", NULL);
    client->steer = rig->clients[1].steer = walk;
    rig_run(rig, RIG_SERVER_START + 1500 * TIME_MS, NULL, NULL);
    switch (course) {
    case STAYS:
        break;
    case SERVER_STOPS:
        server_shutdown(rig->server, rig->now);
        rig_run(rig, rig->now + 200 * TIME_MS, NULL, NULL);
        break;
    case FORGED_END:
        sim_transport_forge_disconnect(inner, client->session->peer, 0);
        rig_run(rig, rig->now + 600 * TIME_MS, NULL, NULL);
        break;
    case EXPIRED: /* the machine sleeps for too long */
        sim_transport_forge_disconnect(rig->server_inner, server_peer_of(rig), 0);
        sim_transport_sever(inner);
        client->next_frame = rig->now + 2 * TIME_SECOND;
        rig_run(rig, rig->now + 3 * TIME_SECOND, NULL, NULL);
        break;
    case SEVERED:
        sim_transport_sever(inner);
        rig_run(rig, rig->now + 2 * TIME_SECOND, NULL, NULL);
        break;
    }
    char path[512];
    Diag diag = { 0 };
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (disk_write(path, bytes_of(bytes, recorder.size), &diag) != STATUS_OK) {
        fprintf(stderr, "%s\n", diag.text);
        exit(1);
    }
    printf("%s: %zu bytes\n", path, recorder.size);
    rig_finish(rig);
    free(rig);
}

int main(int argc, char *argv[])
{
    const uint8_t other[HASH_SIZE] = { 1 };
    const SimLink clean = { 0 };
    const SimLink rough = {
        .latency = 40 * TIME_MS, .jitter = 30 * TIME_MS, .loss = 0.1, .duplication = 0.1, .reorder = 0.1
    };
    if (argc != 2) {
        fprintf(stderr, "usage: record_client_session FOLDER\n");
        return 2;
    }
    record(argv[1], "clean", clean, NULL, STAYS);
    record(argv[1], "rough", rough, NULL, STAYS);
    record(argv[1], "turned_away", clean, other, STAYS);
    record(argv[1], "server_stops", clean, NULL, SERVER_STOPS);
    record(argv[1], "comes_back", clean, NULL, FORGED_END);
    record(argv[1], "other_address", clean, NULL, SEVERED);
    record(argv[1], "joins_anew", clean, NULL, EXPIRED);
    return 0;
}
