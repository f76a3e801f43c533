/* secure: what the secure channel costs: one line for packets of each size, one for handshakes. */
#include "shared/base/clock_file.h"
#include "shared/wire/secure_channel.h"
#include "tests/bench/bench.h"

#include <sodium.h>

#define PACKETS_DEFAULT 200000
#define HANDSHAKES      500
#define PACKET_SIZE_MAX 1200u

typedef struct Ends {
    SecureChannel client, server;
    TimeNs client_time, server_time; /* spent on handshakes by each */
} Ends;

static Status shake(Ends *ends)
{
    static const uint8_t secrets[2][NOISE_KEY_SIZE] = { { 1 }, { 2 } };
    static uint8_t own[2][NOISE_KEY_SIZE];
    uint8_t ephemerals[2][NOISE_KEY_SIZE], one[SECURE_HANDSHAKE_MAX], two[SECURE_HANDSHAKE_MAX];
    uint8_t cookie[SECURE_COOKIE_SIZE] = { 3 };
    ByteBuffer a = { .data = one, .capacity = sizeof one }, b = { .data = two, .capacity = sizeof two };
    noise_public_key(secrets[0], own[0]);
    noise_public_key(secrets[1], own[1]);
    randombytes_buf(ephemerals, sizeof ephemerals);
    SecureSetup client = { .secret = secrets[0], .own = own[0], .ephemeral = ephemerals[0] };
    SecureSetup server = { .secret = secrets[1], .own = own[1], .ephemeral = ephemerals[1] };
    TimeNs times[6];
    secure_challenge_write(cookie, &a);
    times[0] = clock_process_cpu();
    Status status = secure_channel_initiate(&ends->client, &client, bytes_of(one, a.size), &b);
    times[1] = clock_process_cpu();
    if (status == STATUS_OK) {
        status = secure_channel_respond(&ends->server, &server, bytes_of(two, b.size), &a);
    }
    times[2] = clock_process_cpu();
    if (status == STATUS_OK) {
        status = secure_channel_read_response(&ends->client, bytes_of(one, a.size));
    }
    if (status == STATUS_OK) {
        status = secure_channel_write_finish(&ends->client, &b);
    }
    times[3] = clock_process_cpu();
    if (status == STATUS_OK) {
        status = secure_channel_read_finish(&ends->server, bytes_of(two, b.size));
    }
    times[4] = clock_process_cpu();
    ends->client_time += times[1] - times[0] + times[3] - times[2];
    ends->server_time += times[2] - times[1] + times[4] - times[3];
    return status;
}

static Status measure_packets(Ends *ends, size_t size, int64_t count)
{
    static uint8_t plain[PACKET_SIZE_MAX], sealed[PACKET_SIZE_MAX + SEALED_UNRELIABLE_OVERHEAD];
    static uint8_t opened[PACKET_SIZE_MAX];
    TimeNs sealing = 0, opening = 0;
    enum { BATCH = 64 };
    static uint8_t batch[BATCH][sizeof sealed];
    size_t wire = 0;
    for (int64_t i = 0; i < count; i += BATCH) {
        TimeNs start = clock_process_cpu();
        for (int j = 0; j < BATCH; j++) {
            ByteBuffer out = { .data = batch[j], .capacity = sizeof batch[j] };
            Status status =
                secure_channel_seal(&ends->server, 1, DELIVERY_UNRELIABLE, bytes_of(plain, size), &out);
            if (status != STATUS_OK) {
                return status;
            }
            (void)secure_channel_sent(&ends->server, 1, DELIVERY_UNRELIABLE, start);
            wire = out.size;
        }
        TimeNs middle = clock_process_cpu();
        for (int j = 0; j < BATCH; j++) {
            ByteBuffer out = { .data = opened, .capacity = sizeof opened };
            Delivery delivery;
            Status status =
                secure_channel_open(&ends->client, start, 1, bytes_of(batch[j], wire), &out, &delivery);
            if (status != STATUS_OK) {
                return status;
            }
        }
        sealing += middle - start;
        opening += clock_process_cpu() - middle;
    }
    double packets = (double)((count + BATCH - 1) / BATCH * BATCH);
    bench_open("secure");
    bench_integer("plain_bytes", (int64_t)size);
    bench_integer("overhead_unreliable", (int64_t)(wire - size));
    bench_integer("overhead_reliable", SEALED_RELIABLE_OVERHEAD);
    bench_number("seal_us", (double)sealing / packets / 1e3);
    bench_number("open_us", (double)opening / packets / 1e3);
    bench_close();
    return STATUS_OK;
}

Status bench_secure(const BenchOptions *options, Diag *diag)
{
    static const size_t sizes[] = { 24, 200, 600, PACKET_SIZE_MAX };
    static Ends ends;
    int64_t count = options->count ? options->count : PACKETS_DEFAULT;
    Status status = sodium_init() < 0 ? STATUS_IO_ERROR : STATUS_OK;
    for (int i = 0; i < HANDSHAKES && status == STATUS_OK; i++) {
        status = shake(&ends);
    }
    if (status == STATUS_OK) {
        bench_open("secure");
        bench_number("handshake_server_us", (double)ends.server_time / HANDSHAKES / 1e3);
        bench_number("handshake_client_us", (double)ends.client_time / HANDSHAKES / 1e3);
        bench_integer("handshake_bytes", SECURE_CHALLENGE_SIZE + SECURE_INITIATE_SIZE + SECURE_RESPONSE_SIZE +
                                             SECURE_FINISH_SIZE + SEALED_RELIABLE_OVERHEAD);
        bench_integer("channel_bytes", (int64_t)sizeof(SecureChannel));
        bench_close();
    }
    for (size_t i = 0; i < ARRAY_COUNT(sizes) && status == STATUS_OK; i++) {
        status = measure_packets(&ends, sizes[i], count);
    }
    secure_channel_finish(&ends.client);
    secure_channel_finish(&ends.server);
    return status == STATUS_OK ? status
                               : diag_set(diag, status, "", 0, "the channel failed: %s", status_text(status));
}
