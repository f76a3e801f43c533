/* The handshake's readers, on both sides. The first byte modulo 4 picks what is done with the rest.
 * 0: a handshake whose four messages are bent, cut or lengthened on the way. It succeeds if and only if
 * nothing was changed that counts, and both ends then have the same keys. 1: a Noise handshake of each
 * pattern, its messages with payloads, read whole, cut or bent. 2: anything as the server of a sealed client:
 * it never believes to be connected. 3: anything from a peer that is connected, below the seal: nothing of it
 * comes through, and what is sealed still does until the stream is given up. The text of an identity file is
 * tried with every input. */
#include "shared/wire/key_file.h"
#include "shared/wire/key_text.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/unit/shared/secure_rig.h"

/* Changes a message as the input says: how many bytes are bent, where, with what, and by how much it is cut
 * or lengthened. Returns whether it differs. */
static bool bend(Bytes *input, ByteBuffer *message)
{
    uint8_t before[SECURE_HANDSHAKE_MAX * 2];
    size_t size = message->size;
    memcpy(before, message->data, size);
    uint8_t how = take_byte(input);
    for (unsigned i = 0; i < (how & 3u); i++) {
        size_t at = take_byte(input);
        message->data[at % size] ^= take_byte(input);
    }
    if ((how & 4) != 0) {
        size_t other = take_byte(input) % (message->capacity + 1);
        if (other > size) {
            memset(message->data + size, 0, other - size);
        }
        message->size = other;
    }
    return message->size != size || memcmp(before, message->data, size) != 0;
}

/* ---- 0: the secure channel's ---- */

static void check_pair(SecureChannel *from, SecureChannel *to)
{
    uint8_t sealed[64], opened[64];
    ByteBuffer out = { .data = sealed, .capacity = sizeof sealed },
               in = { .data = opened, .capacity = sizeof opened };
    Delivery delivery;
    require(secure_channel_seal(from, 1, DELIVERY_UNRELIABLE, bytes_of("hello", 5), &out) == STATUS_OK);
    require(secure_channel_open(to, 0, 1, bytes_of(sealed, out.size), &in, &delivery) == STATUS_OK);
    require(in.size == 5 && memcmp(opened, "hello", 5) == 0);
}

/* True when both are open in the end. */
static bool shake(Bytes *input, SecureChannel *from, SecureChannel *to, bool *out_bent)
{
    static const uint8_t ephemerals[2][NOISE_KEY_SIZE] = { { 1 }, { 2 } };
    uint8_t one[SECURE_HANDSHAKE_MAX], two[SECURE_HANDSHAKE_MAX], cookie[SECURE_COOKIE_SIZE] = { 3 };
    ByteBuffer a = { .data = one, .capacity = sizeof one }, b = { .data = two, .capacity = sizeof two };
    SecureSetup first = { .secret = rig_client_secret, .ephemeral = ephemerals[0] };
    SecureSetup second = { .secret = rig_server_secret, .ephemeral = ephemerals[1] };
    secure_challenge_write(cookie, &a);
    *out_bent = bend(input, &a);
    if (secure_channel_initiate(from, &first, bytes_of(one, a.size), &b) != STATUS_OK) {
        return false;
    }
    *out_bent |= bend(input, &b);
    if (secure_channel_respond(to, &second, bytes_of(two, b.size), &a) != STATUS_OK) {
        return false;
    }
    *out_bent |= bend(input, &a);
    if (secure_channel_read_response(from, bytes_of(one, a.size)) != STATUS_OK ||
        secure_channel_write_finish(from, &b) != STATUS_OK) {
        return false;
    }
    *out_bent |= bend(input, &b);
    return secure_channel_read_finish(to, bytes_of(two, b.size)) == STATUS_OK;
}

static void fuzz_channel(Bytes input)
{
    SecureChannel from = { 0 }, to = { 0 };
    bool bent = false;
    bool open = shake(&input, &from, &to, &bent);
    require(!open || from.state == SECURE_OPEN);
    require(bent || open);
    if (open) { /* what was changed was changed back, or it had no effect on what both have seen */
        check_pair(&from, &to);
        check_pair(&to, &from);
    }
    secure_channel_finish(&from);
    secure_channel_finish(&to);
}

/* ---- 1: Noise's ---- */

static void fuzz_noise(Bytes input)
{
    static const uint8_t secrets[2][NOISE_KEY_SIZE] = { { 5 }, { 6 } },
                         ephemerals[2][NOISE_KEY_SIZE] = { { 7 }, { 8 } };
    uint8_t responder[NOISE_KEY_SIZE], wire[256], plain[256];
    NoiseHandshake ends[2];
    NoisePattern pattern = (NoisePattern)(take_byte(&input) % NOISE_PATTERN_COUNT);
    noise_public_key(secrets[1], responder);
    for (unsigned i = 0; i < 2; i++) {
        NoiseConfig config = { .pattern = pattern,
                               .initiator = i == 0,
                               .prologue = bytes_of("fuzz", 4),
                               .secret = secrets[i],
                               .remote = i == 0 ? responder : NULL,
                               .ephemeral = ephemerals[i] };
        require(noise_init(&ends[i], &config) == STATUS_OK);
    }
    bool bent = false;
    Status status = STATUS_OK;
    for (unsigned turn = 0; turn < 4 && status == STATUS_OK && !noise_is_done(&ends[0]); turn++) {
        ByteBuffer message = { .data = wire, .capacity = 200 },
                   payload = { .data = plain, .capacity = sizeof plain };
        Bytes said = take(&input, take_byte(&input) % 32);
        require(noise_write(&ends[turn % 2], said, &message) == STATUS_OK);
        ByteBuffer copy = { .data = wire, .size = message.size, .capacity = sizeof wire / 2 };
        bool now = copy.size <= copy.capacity && bend(&input, &copy);
        message.size = copy.size <= copy.capacity ? copy.size : message.size;
        bent |= now;
        status = noise_read(&ends[(turn + 1) % 2], bytes_of(wire, message.size), &payload);
        if (status == STATUS_OK && !bent) {
            require(payload.size == said.size && memcmp(plain, said.data, said.size) == 0);
        }
    }
    require(bent || status == STATUS_OK);
    if (status != STATUS_OK) {
        ByteBuffer payload = { .data = plain, .capacity = sizeof plain };
        require(!noise_is_done(&ends[0]) || !noise_is_done(&ends[1]));
        require(status == STATUS_CAPACITY ||
                noise_read(&ends[0], bytes_of(wire, 32), &payload) != STATUS_OK ||
                noise_read(&ends[1], bytes_of(wire, 32), &payload) != STATUS_OK);
    }
    noise_finish(&ends[0]);
    noise_finish(&ends[1]);
}

/* ---- 2 and 3: the transport's ---- */

static void say_anything(Bytes *input, Transport transport, PeerId peer)
{
    uint8_t how = take_byte(input), message[256];
    Bytes bytes = take(input, take_byte(input));
    memcpy(message, bytes.data, bytes.size);
    if ((how & 0x80) != 0) { /* of the right kind and length */
        static const uint8_t kinds[4][2] = { { SECURE_CHALLENGE, SECURE_CHALLENGE_SIZE },
                                             { SECURE_INITIATE, SECURE_INITIATE_SIZE },
                                             { SECURE_RESPONSE, SECURE_RESPONSE_SIZE },
                                             { SECURE_FINISH, SECURE_FINISH_SIZE } };
        size_t kind = how >> 2 & 3;
        memset(message + bytes.size, 0, sizeof message - bytes.size);
        message[0] = kinds[kind][0];
        message[1] = kind == 0 ? SECURE_VERSION : message[1];
        bytes.size = kinds[kind][1];
    }
    Delivery delivery = (how & 0x40) != 0 ? DELIVERY_RELIABLE : DELIVERY_UNRELIABLE;
    (void)!transport_send(transport, peer, how % TRANSPORT_CHANNELS, delivery, bytes_of(message, bytes.size));
}

static void fuzz_server(Bytes input)
{
    Rig rig;
    Transport raw;
    PeerId client = 0;
    rig_init(&rig, 1, (SimLink){ 0 });
    require(transport_sim_create(rig.network, RIG_PORT, &raw) == STATUS_OK);
    rig.client = rig_sealed(&rig, 0, &rig.client_config);
    require(transport_connect(rig.client, "sim", RIG_PORT, RIG_DATA, &rig.at_client, NULL) == STATUS_OK);
    bool ended = false;
    for (unsigned i = 0; i < 64 && !ended; i++) {
        TransportEvent event;
        while (transport_poll(rig.client, rig.now, &event) == STATUS_OK) {
            require(event.type == TRANSPORT_DISCONNECTED && event.peer == rig.at_client);
            ended = true;
        }
        while (transport_poll(raw, rig.now, &event) == STATUS_OK) {
            client = event.type == TRANSPORT_CONNECTED ? event.peer : client;
        }
        if (client != 0 && i > 2) {
            say_anything(&input, raw, client);
        }
        rig.now += i < 40 ? TIME_MS : 300 * TIME_MS;
    }
    require(ended); /* in any case after the time-out */
    transport_destroy(rig.client);
    transport_destroy(raw);
    sim_network_destroy(rig.network);
}

static void fuzz_connected(Bytes input)
{
    Rig rig;
    Transport below;
    TransportEvent event, server;
    rig_init(&rig, 1, (SimLink){ 0 });
    rig.server = rig_sealed(&rig, RIG_PORT, &rig.server_config);
    require(transport_sim_create(rig.network, 0, &below) == STATUS_OK &&
            transport_secure_create(below, &rig.client_config, &rig.client) == STATUS_OK);
    require(transport_connect(rig.client, "sim", RIG_PORT, RIG_DATA, &rig.at_client, NULL) == STATUS_OK);
    require(rig_meet(&rig, TIME_SECOND, &server).type == TRANSPORT_CONNECTED &&
            server.type == TRANSPORT_CONNECTED);
    bool ended = false;
    for (unsigned i = 0; i < 64 && input.size > 0 && !ended; i++) {
        say_anything(&input, below, rig.at_client); /* the peer's own transport, without its seal */
        transport_flush(below, rig.now += TIME_MS);
        while (transport_poll(rig.server, rig.now, &event) == STATUS_OK) {
            require(event.type == TRANSPORT_DISCONNECTED && event.peer == rig.at_server);
            ended = true;
        }
    }
    SecureCounters counters = transport_secure_counters(rig.server);
    require(counters.unsealed == 0 && ended == (counters.broken == 1));
    if (!ended && transport_send(rig.client, rig.at_client, 1, DELIVERY_UNRELIABLE, bytes_of("hello", 5)) ==
                      STATUS_OK) {
        transport_flush(rig.client, rig.now += TIME_MS);
        require(transport_poll(rig.server, rig.now, &event) == STATUS_OK && event.type == TRANSPORT_RECEIVED);
        require(event.bytes.size == 5 && memcmp(event.bytes.data, "hello", 5) == 0);
    }
    rig_finish(&rig);
}

static void fuzz_identity(Bytes text)
{
    uint8_t secret[NOISE_KEY_SIZE], again[NOISE_KEY_SIZE];
    char written[KEY_TEXT_SIZE];
    Diag diag = { 0 };
    if (key_file_parse(text, "identity.key", secret, &diag) == STATUS_OK) {
        require(key_text_parse(key_text_format(secret, written), again) == STATUS_OK);
        require(memcmp(secret, again, sizeof secret) == 0);
    } else {
        require(diag.text[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096) {
        return 0;
    }
    Bytes input = bytes_of(data + 1, size - 1);
    fuzz_identity(input);
    switch (data[0] % 4) {
    case 0:
        fuzz_channel(input);
        break;
    case 1:
        fuzz_noise(input);
        break;
    case 2:
        fuzz_server(input);
        break;
    default:
        fuzz_connected(input);
        break;
    }
    return 0;
}
