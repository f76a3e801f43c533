/* Writes the seeds of fuzz_client_session: what a real server says to a client, over a clean and over a rough
 * network, to a client that is turned away, and to one whose server stops. record_client_session FOLDER */
#include "tests/unit/sim/session_rig.h"

#include "shared/base/disk_file.h"

#define RECORD_MAX ((size_t)96 * 1024)
#define SEED_WORLD 3000u /* bytes of the world's large file: enough for several chunks */

typedef struct Recorder { /* a transport that writes down what the one under it delivers */
    Transport under;
    uint8_t *bytes;
    size_t size, frame;
    TimeNs last;
} Recorder;

static Status record_connect(void *context, const char *host, uint16_t port, uint32_t data, PeerId *out_peer,
                             Diag *diag)
{
    return transport_connect(((Recorder *)context)->under, host, port, data, out_peer, diag);
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
                      (end ? 8u : 0u));
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

static void record(const char *folder, const char *name, SimLink link, const uint8_t *world_hash, bool stop)
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
    rig_init(rig, link, 8, 5, SEED_WORLD);
    if (rig_transport(rig, 0, &recorder.under) != STATUS_OK) {
        abort();
    }
    rig_connect_over(rig, 0, "Ada", world_hash, (Transport){ .ops = &ops, .context = &recorder });
    rig_connect(rig, 1, "Bob", NULL);
    rig_run(rig, RIG_SERVER_START + 1500 * TIME_MS, NULL, NULL);
    if (stop) {
        server_shutdown(rig->server, rig->now);
        rig_run(rig, rig->now + 200 * TIME_MS, NULL, NULL);
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
    record(argv[1], "clean", clean, NULL, false);
    record(argv[1], "rough", rough, NULL, false);
    record(argv[1], "turned_away", clean, other, false);
    record(argv[1], "server_stops", clean, NULL, true);
    return 0;
}
