/* Three uses of the input, told apart by its first byte modulo 3.
 * 0: a stranger's messages to a sealed server, among them INITIATEs with the right cookie. Whoever has no key
 *    never becomes connected, and nothing is left of it in the end.
 * 1: packets on an open channel, some sealed by the peer and lost, doubled or bent, some made up. What opens
 * was sealed, once, on that channel; and one that comes whole still opens after all the others. 2: the text
 * of an authorised-keys and of a known-hosts file. */
#include "shared/wire/authorized.h"
#include "shared/wire/key_text.h"
#include "shared/wire/known_hosts.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/unit/shared/secure_rig.h"

/* The next `count` bytes of the input, or what is left. */
/* ---- a stranger ---- */

static void drain(Rig *rig, Transport raw, uint8_t cookie[SECURE_COOKIE_SIZE])
{
    TransportEvent event;
    require(transport_poll(rig->server, rig->now, &event) == STATUS_EMPTY);
    while (transport_poll(raw, rig->now, &event) == STATUS_OK) {
        if (event.type == TRANSPORT_RECEIVED && event.bytes.size == SECURE_CHALLENGE_SIZE &&
            event.bytes.data[0] == SECURE_CHALLENGE) {
            memcpy(cookie, event.bytes.data + 2, SECURE_COOKIE_SIZE);
        }
    }
}

static void fuzz_stranger(Bytes input)
{
    Rig rig;
    Transport raw;
    PeerId peer = 0;
    uint8_t cookie[SECURE_COOKIE_SIZE] = { 0 };
    rig_init(&rig, 1, (SimLink){ 0 });
    rig.server = rig_sealed(&rig, RIG_PORT, &rig.server_config);
    require(transport_sim_create(rig.network, 0, &raw) == STATUS_OK);
    require(transport_connect(raw, "sim", RIG_PORT, RIG_DATA, &peer, NULL) == STATUS_OK);
    for (int i = 0; i < 3; i++) {
        drain(&rig, raw, cookie);
    }
    while (input.size > 0) {
        uint8_t how = take_byte(&input), message[256];
        Bytes bytes = take(&input, take_byte(&input));
        memcpy(message, bytes.data, bytes.size);
        if ((how & 0x80) != 0 && bytes.size >= 1 + SECURE_COOKIE_SIZE) {
            message[0] = SECURE_INITIATE;
            memcpy(message + 1, cookie, SECURE_COOKIE_SIZE);
        }
        Delivery delivery = (how & 0x40) != 0 ? DELIVERY_RELIABLE : DELIVERY_UNRELIABLE;
        (void)!transport_send(raw, peer, how % TRANSPORT_CHANNELS, delivery, bytes_of(message, bytes.size));
        rig.now += (TimeNs)(how & 0x3C) * 50 * TIME_MS;
        drain(&rig, raw, cookie);
        drain(&rig, raw, cookie);
    }
    rig.now += 6 * TIME_SECOND;
    drain(&rig, raw, cookie);
    SecureCounters counters = transport_secure_counters(rig.server);
    require(counters.opened == 0 && counters.half_open == 0 && counters.waiting == 0);
    require(counters.handshakes <= counters.challenged);
    transport_destroy(raw);
    transport_destroy(rig.server);
    sim_network_destroy(rig.network);
}

/* ---- an open channel ---- */

#define SEALED_MAX 64

typedef struct Kept {
    uint8_t bytes[64];
    size_t size;
    uint8_t channel;
    Delivery delivery;
    bool opened;
} Kept;

typedef struct Pair {
    SecureChannel from, to;
    Kept kept[SEALED_MAX];
    uint32_t count;
    bool lost[TRANSPORT_CHANNELS]; /* the last one */
    TimeNs now;
} Pair;

/* A finished handshake, made once. */
static void open_pair(Pair *pair)
{
    static SecureChannel from, to;
    static const uint8_t ephemerals[2][NOISE_KEY_SIZE] = { { 1 }, { 2 } };
    if (from.state != SECURE_OPEN) {
        uint8_t one[SECURE_HANDSHAKE_MAX], two[SECURE_HANDSHAKE_MAX], cookie[SECURE_COOKIE_SIZE] = { 3 };
        ByteBuffer a = { .data = one, .capacity = sizeof one }, b = { .data = two, .capacity = sizeof two };
        const RekeyRules rules = { .packets = 3, .grace = TIME_MS };
        SecureSetup first = { .secret = rig_client_secret, .ephemeral = ephemerals[0], .rules = rules };
        SecureSetup second = { .secret = rig_server_secret, .ephemeral = ephemerals[1], .rules = rules };
        secure_challenge_write(cookie, &a);
        require(secure_channel_initiate(&from, &first, bytes_of(one, a.size), &b) == STATUS_OK);
        require(secure_channel_respond(&to, &second, bytes_of(two, b.size), &a) == STATUS_OK);
        require(secure_channel_read_response(&from, bytes_of(one, a.size)) == STATUS_OK);
        require(secure_channel_write_finish(&from, &b) == STATUS_OK);
        require(secure_channel_read_finish(&to, bytes_of(two, b.size)) == STATUS_OK);
    }
    *pair = (Pair){ .from = from, .to = to };
}

/* The plaintext of packet `index` is its index, `index` times. */
static Kept *seal_next(Pair *pair, uint8_t channel, Delivery delivery)
{
    Kept *kept = &pair->kept[pair->count];
    uint8_t plain[SEALED_MAX];
    ByteBuffer out = { .data = kept->bytes, .capacity = sizeof kept->bytes };
    memset(plain, (int)pair->count, sizeof plain);
    size_t size = 1 + pair->count % 40;
    require(secure_channel_seal(&pair->from, channel, delivery, bytes_of(plain, size), &out) == STATUS_OK);
    (void)secure_channel_sent(&pair->from, channel, delivery, pair->now);
    kept->size = out.size;
    kept->channel = channel;
    kept->delivery = delivery;
    pair->count++;
    return kept;
}

/* Whatever opens must be one of those sealed, whole, for the first time. Returns whether it opened. */
static bool open_any(Pair *pair, uint8_t channel, Bytes bytes)
{
    uint8_t plain[256];
    ByteBuffer out = { .data = plain, .capacity = sizeof plain };
    Delivery delivery;
    if (secure_channel_open(&pair->to, pair->now, channel, bytes, &out, &delivery) != STATUS_OK) {
        return false;
    }
    require(out.size > 0 && plain[0] < pair->count);
    Kept *kept = &pair->kept[plain[0]];
    require(!kept->opened && kept->channel == channel && kept->delivery == delivery);
    require(bytes_equal(bytes, bytes_of(kept->bytes, kept->size)));
    kept->opened = true;
    return true;
}

static void fuzz_packets(Bytes input)
{
    Pair pair;
    open_pair(&pair);
    while (input.size > 0) {
        uint8_t how = take_byte(&input), channel = (uint8_t)(how & 3);
        pair.now += (TimeNs)(how & 0x10) * TIME_MS / 8;
        if (channel >= TRANSPORT_CHANNELS || (how & 0x80) != 0) {
            uint8_t made_up[64];
            Bytes bytes = take(&input, how & 0x3F);
            memcpy(made_up, bytes.data, bytes.size);
            require(!open_any(&pair, channel, bytes_of(made_up, bytes.size)));
        } else if ((how & 0x40) != 0 && pair.count > 0) { /* an old one again, bent by one byte or not */
            Kept old = pair.kept[take_byte(&input) % pair.count];
            uint8_t place = take_byte(&input), change = take_byte(&input);
            old.bytes[place % old.size] ^= change;
            (void)open_any(&pair, (how & 0x20) != 0 ? channel : old.channel, bytes_of(old.bytes, old.size));
        } else if (pair.count < SEALED_MAX - 1) {
            Delivery delivery = (how & 0x08) != 0 ? DELIVERY_RELIABLE : DELIVERY_UNRELIABLE;
            Kept *kept = seal_next(&pair, channel, delivery);
            /* Never two in a row: should all packets of a key be lost, so is the stream. */
            bool lost = delivery == DELIVERY_UNRELIABLE && (how & 0x04) != 0 && !pair.lost[channel];
            pair.lost[channel] = delivery == DELIVERY_UNRELIABLE ? lost : pair.lost[channel];
            require(lost || open_any(&pair, channel, bytes_of(kept->bytes, kept->size)));
        }
    }
    Kept *last = seal_next(&pair, 1, DELIVERY_RELIABLE);
    require(open_any(&pair, 1, bytes_of(last->bytes, last->size)));
}

/* ---- files ---- */

static void fuzz_files(Bytes input)
{
    Arena arena;
    AuthorizedKeys keys;
    Diag diag = { 0 };
    uint8_t key[NOISE_KEY_SIZE];
    unsigned line = 0;
    arena_init(&arena, (size_t)16 << 20);
    if (authorized_parse(input, "keys", &arena, &keys, &diag) == STATUS_OK) {
        for (uint32_t i = 0; i < keys.count; i++) {
            require(authorized_find(&keys, keys.keys[i].key) == &keys.keys[i]);
            require(strlen(keys.keys[i].name) < NAME_SIZE);
        }
    } else {
        require(diag.text[0] != '\0');
    }
    Status status = known_hosts_find(input, "hosts", "a:1", key, &line, &diag);
    require(status == STATUS_OK ? line > 0 : status == STATUS_NOT_FOUND || diag.line > 0);
    arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096) {
        return 0;
    }
    Bytes input = bytes_of(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        fuzz_stranger(input);
        break;
    case 1:
        fuzz_packets(input);
        break;
    default:
        fuzz_files(input);
        break;
    }
    return 0;
}
