/* asteroids: 250 rigid bodies in flight through the product's snapshot codec and everything around it on the
 * wire. Frame n is coded knowing frame n - 3 and all before it. Positions within 0.01, rotations within 0.001
 * a component, measured against the floats of the file. Every packet is really sealed; what is counted is its
 * size with the headers of ENet, UDP and IP. */
#include "shared/base/clock_file.h"
#include "shared/wire/messages.h"
#include "shared/wire/quantise.h"
#include "shared/wire/sealed_stream.h"
#include "shared/wire/snapshot.h"
#include "shared/wire/snapshot_packet.h"
#include "tests/bench/bench.h"

#include <enet/enet.h>
#include <math.h>

#define BODIES         250
#define FIELDS         7
#define FRAME_SIZE     ((size_t)BODIES * FIELDS * 4)
#define LAG            3
#define RATE_HZ        30
#define PACKET_SIZE    ((size_t)1 << 16)
#define UNIT           0.0199 /* of a position: never off by more than half of it */
#define ROTATION_STEPS 1090   /* 10/13 of √2 / 1090 is less than 0.001 */
#define UDP_IP         28

/* What the bench works with, and what it found. */
typedef struct Flight {
    SnapshotRing *sender, *receiver;
    FrameRing frames;
    SealStream seal;
    uint8_t *code, *body, *message, *sealed; /* PACKET_SIZE each */
    uint64_t code_size, wire_size;
    double position_error, rotation_error;
    TimeNs encoding, decoding;
    bool lossless;
} Flight;

static float number_at(const uint8_t *frame, unsigned body, unsigned field)
{
    uint32_t bits = bytes_load_u32(frame + ((size_t)body * FIELDS + field) * 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void fill(Snapshot *snapshot, const uint8_t *frame, uint32_t sequence)
{
    snapshot->server_time = (TimeNs)sequence * TIME_SECOND / RATE_HZ;
    snapshot->source_time = snapshot->server_time;
    snapshot->entity_count = BODIES;
    for (uint32_t i = 0; i < BODIES; i++) {
        float rotation[4];
        int32_t at[3];
        for (unsigned k = 0; k < 3; k++) {
            at[k] = (int32_t)lrint((double)number_at(frame, i, k) / UNIT);
        }
        for (unsigned k = 0; k < 4; k++) {
            rotation[k] = number_at(frame, i, 3 + k);
        }
        snapshot->entities[i] = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                                               .kind = ENTITY_PROP,
                                               .x_mm = at[0],
                                               .y_mm = at[1],
                                               .z_mm = at[2],
                                               .rotation = quat_pack_steps(rotation, ROTATION_STEPS) };
    }
}

/* How far what arrived is from the file; the signs of a quaternion are as the file has them. */
static void compare(Flight *flight, const Snapshot *sent, const Snapshot *arrived, const uint8_t *frame)
{
    flight->lossless = flight->lossless && arrived->entity_count == BODIES;
    for (uint32_t i = 0; i < BODIES && flight->lossless; i++) {
        const EntityState *p = &sent->entities[i], *q = &arrived->entities[i];
        flight->lossless = p->handle.value == q->handle.value && p->x_mm == q->x_mm && p->y_mm == q->y_mm &&
                           p->z_mm == q->z_mm && p->rotation == q->rotation;
        const int32_t at[3] = { q->x_mm, q->y_mm, q->z_mm };
        for (unsigned k = 0; k < 3; k++) {
            double error = fabs((double)at[k] * UNIT - (double)number_at(frame, i, k));
            flight->position_error = fmax(flight->position_error, error);
        }
        float rotation[4];
        double product = 0;
        quat_unpack_steps(q->rotation, ROTATION_STEPS, rotation);
        for (unsigned k = 0; k < 4; k++) {
            product += (double)rotation[k] * (double)number_at(frame, i, 3 + k);
        }
        for (unsigned k = 0; k < 4; k++) {
            double value = product < 0 ? -(double)rotation[k] : (double)rotation[k];
            flight->rotation_error =
                fmax(flight->rotation_error, fabs(value - (double)number_at(frame, i, 3 + k)));
        }
    }
}

/* Bytes on the wire of one unsequenced packet of `size` bytes, in fragments where ENet cuts it. */
static uint64_t wire_size(size_t size)
{
    size_t header = sizeof(ENetProtocolHeader) - sizeof(enet_uint16); /* no time: nothing is acknowledged */
    size_t most = ENET_HOST_DEFAULT_MTU - sizeof(ENetProtocolHeader);
    if (size <= most - sizeof(ENetProtocolSendUnsequenced)) {
        return size + sizeof(ENetProtocolSendUnsequenced) + header + UDP_IP;
    }
    size_t fragment = most - sizeof(ENetProtocolSendFragment), count = (size + fragment - 1) / fragment;
    return size + count * (sizeof(ENetProtocolSendFragment) + header + UDP_IP);
}

/* The code as the only record of a SNAPSHOT message, sealed. */
static Status put_on_wire(Flight *flight, const Snapshot *snapshot, Bytes code, size_t *out_size)
{
    const SnapshotFrame frame = { .sequence = snapshot->sequence,
                                  .server_time = snapshot->server_time,
                                  .source_time = snapshot->source_time };
    const SnapshotFrame *known =
        snapshot->sequence > LAG ? frame_ring_find(&flight->frames, snapshot->sequence - LAG) : NULL;
    const PacketHead head = {
        .number = snapshot->sequence, .input_sequence = snapshot->sequence, .complete = true, .frame = frame
    };
    const PacketRecord record = { .cell = 0, .version = snapshot->sequence, .code = code };
    ByteBuffer body = { .data = flight->body, .capacity = PACKET_SIZE };
    ByteBuffer out = { .data = flight->message, .capacity = PACKET_SIZE };
    ByteBuffer sealed = { .data = flight->sealed, .capacity = PACKET_SIZE };
    Status status = packet_head_encode(&head, known, &body);
    if (status == STATUS_OK) {
        status = packet_record_encode(&record, snapshot->sequence, &body);
    }
    if (status == STATUS_OK) {
        const Message message = { .id = MESSAGE_SNAPSHOT,
                                  .snapshot = { .body = bytes_of(body.data, body.size) } };
        status = message_encode(&message, &out);
    }
    if (status == STATUS_OK) {
        status = seal_stream_write(&flight->seal, bytes_of(out.data, out.size), &sealed);
    }
    if (status == STATUS_OK) {
        (void)seal_stream_sent(&flight->seal, snapshot->server_time);
        frame_ring_put(&flight->frames, &frame);
        *out_size = sealed.size;
    }
    return status;
}

static SnapshotBase known_at(const Flight *flight, uint32_t sequence, TimeNs source_time)
{
    SnapshotBase base = { .source_time = source_time };
    if (sequence > LAG) {
        uint32_t known = sequence - LAG;
        base.baseline = snapshot_ring_find(flight->sender, known);
        base.recent = snapshot_ring_find(flight->sender, known - 1);
        base.old = known > LAG ? snapshot_ring_find(flight->sender, known - LAG) : NULL;
        for (uint32_t i = 0, age = 2 * LAG; i < SNAPSHOT_OLDER; i++, age *= 2) {
            base.older[i] = known > age ? snapshot_ring_find(flight->sender, known - age) : NULL;
        }
    }
    return base;
}

static Status fly(Flight *flight, const uint8_t *frame, uint32_t sequence)
{
    Snapshot *snapshot = snapshot_ring_begin(flight->sender, sequence);
    fill(snapshot, frame, sequence);
    snapshot_ring_commit(flight->sender, snapshot);
    SnapshotBase base = known_at(flight, sequence, snapshot->source_time);
    ByteBuffer out = { .data = flight->code, .capacity = PACKET_SIZE };
    const Snapshot *arrived = NULL;
    size_t size = 0;
    TimeNs began = clock_monotonic();
    Status status = snapshot_encode_with(snapshot, &base, &out);
    TimeNs encoded = clock_monotonic();
    if (status == STATUS_OK) {
        status = snapshot_ring_decode(flight->receiver, sequence, snapshot->source_time,
                                      bytes_of(out.data, out.size), &arrived);
    }
    TimeNs done = clock_monotonic();
    if (status == STATUS_OK) {
        status = put_on_wire(flight, snapshot, bytes_of(out.data, out.size), &size);
    }
    if (status == STATUS_OK) {
        compare(flight, snapshot, arrived, frame);
        if (sequence > LAG) { /* the first frames have no baseline and are not part of the task */
            flight->code_size += out.size;
            flight->wire_size += wire_size(size);
            flight->encoding += encoded - began;
            flight->decoding += done - encoded;
        }
    }
    return status;
}

Status bench_asteroids(const BenchOptions *options, Diag *diag)
{
    if (!options->data) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, NULL, 0, "asteroids needs --data asteroids.bin.zst");
    }
    Arena arena;
    arena_init(&arena, 0);
    Bytes file;
    static Flight flight;
    flight = (Flight){ .lossless = true };
    const SnapshotLimits limits = { .entities = BODIES, .format = { .rotation_steps = ROTATION_STEPS } };
    Status status = bench_read(options->data, (size_t)64 << 20, &arena, &file, diag);
    if (status != STATUS_OK) {
        goto finish;
    }
    uint8_t *storage = arena_alloc(&arena, 4 * PACKET_SIZE, 16);
    status = snapshot_ring_create(limits, &arena, &flight.sender);
    if (status == STATUS_OK) {
        status = snapshot_ring_create(limits, &arena, &flight.receiver);
    }
    size_t frames = file.size / FRAME_SIZE;
    if (status != STATUS_OK || !storage) {
        status = diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for the rings");
    } else if (frames <= LAG || file.size % FRAME_SIZE != 0) {
        status = diag_set(diag, STATUS_MALFORMED, options->data, 0,
                          "%zu bytes is not a whole number of frames", file.size);
    }
    if (status != STATUS_OK) {
        goto finish;
    }
    flight.code = storage;
    flight.body = storage + PACKET_SIZE;
    flight.message = storage + 2 * PACKET_SIZE;
    flight.sealed = storage + 3 * PACKET_SIZE;
    const uint8_t key[NOISE_KEY_SIZE] = { 1 };
    seal_stream_init(&flight.seal, key, 1, DELIVERY_UNRELIABLE, &(RekeyRules){ 0 });
    for (size_t n = 0; n < frames && status == STATUS_OK; n++) {
        status = fly(&flight, file.data + n * FRAME_SIZE, (uint32_t)n + 1);
        if (status != STATUS_OK) {
            diag_set(diag, status, options->data, 0, "frame %zu: %s", n, status_text(status));
        }
    }
    if (status == STATUS_OK) {
        double counted = (double)(frames - LAG);
        bench_open("asteroids");
        bench_number("kB_s_wire", (double)flight.wire_size / counted * RATE_HZ / 1000);
        bench_number("kB_s_code", (double)flight.code_size / counted * RATE_HZ / 1000);
        bench_number("bits_per_update", (double)flight.code_size * 8 / counted / BODIES);
        bench_number("max_position_error", flight.position_error);
        bench_number("max_rotation_error", flight.rotation_error);
        bench_flag("lossless", flight.lossless);
        bench_number("encode_us", (double)flight.encoding / counted / 1e3);
        bench_number("decode_us", (double)flight.decoding / counted / 1e3);
        bench_integer("frames", (int64_t)(frames - LAG));
        bench_close();
    }
finish:
    arena_finish(&arena);
    return status;
}
