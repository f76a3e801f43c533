/* Noise handshakes: the published vectors, and that nothing forged, cut or out of turn gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>

#include "shared/wire/noise.h"

#define VECTORS DTMV_DATA_DIR "/noise/vectors.json"

typedef struct Hex {
    uint8_t data[256];
    size_t size;
} Hex;

static Hex hex_of(json_t *object, const char *name)
{
    Hex hex = { .size = 0 };
    const char *text = json_string_value(json_object_get(object, name));
    for (unsigned value; text && hex.size < sizeof hex.data && sscanf(text, "%2x", &value) == 1; text += 2) {
        hex.data[hex.size++] = (uint8_t)value;
    }
    return hex;
}

static const uint8_t *key_of(const Hex *hex)
{
    return hex->size == NOISE_KEY_SIZE ? hex->data : NULL;
}

static NoisePattern pattern_of(json_t *vector)
{
    static const char *const names[] = { "NK", "IK", "XX" };
    const char *name = json_string_value(json_object_get(vector, "pattern"));
    for (int i = 0; i < NOISE_PATTERN_COUNT; i++) {
        if (name && strcmp(name, names[i]) == 0) {
            return (NoisePattern)i;
        }
    }
    fail_msg("no such pattern: %s", name);
    return NOISE_XX;
}

static void init_side(NoiseHandshake *side, json_t *vector, bool initiator)
{
    Hex prologue = hex_of(vector, initiator ? "init_prologue" : "resp_prologue");
    Hex secret = hex_of(vector, initiator ? "init_static" : "resp_static");
    Hex ephemeral = hex_of(vector, initiator ? "init_ephemeral" : "resp_ephemeral");
    Hex remote = hex_of(vector, initiator ? "init_remote_static" : "resp_remote_static");
    NoiseConfig config = { .pattern = pattern_of(vector),
                           .initiator = initiator,
                           .prologue = bytes_of(prologue.data, prologue.size),
                           .secret = key_of(&secret),
                           .ephemeral = key_of(&ephemeral),
                           .remote = key_of(&remote) };
    assert_int_equal(noise_init(side, &config), STATUS_OK);
}

static void check_transport(NoiseCipher *from, NoiseCipher *to, const Hex *payload, const Hex *wanted)
{
    uint8_t sealed[512], opened[512];
    noise_seal(from->key, from->nonce++, (Bytes){ 0 }, bytes_of(payload->data, payload->size), sealed);
    assert_int_equal(payload->size + NOISE_TAG_SIZE, wanted->size);
    assert_memory_equal(sealed, wanted->data, wanted->size);
    assert_int_equal(noise_open(to->key, to->nonce++, (Bytes){ 0 }, bytes_of(sealed, wanted->size), opened),
                     STATUS_OK);
    assert_memory_equal(opened, payload->data, payload->size);
}

static void check_handshake(NoiseHandshake *from, NoiseHandshake *to, const Hex *payload, const Hex *wanted)
{
    uint8_t sealed[512], opened[512];
    ByteBuffer out = { .data = sealed, .capacity = sizeof sealed };
    ByteBuffer in = { .data = opened, .capacity = sizeof opened };
    assert_int_equal(noise_write(from, bytes_of(payload->data, payload->size), &out), STATUS_OK);
    assert_int_equal(out.size, wanted->size);
    assert_memory_equal(sealed, wanted->data, wanted->size);
    assert_int_equal(noise_read(to, bytes_of(sealed, out.size), &in), STATUS_OK);
    assert_int_equal(in.size, payload->size);
    assert_memory_equal(opened, payload->data, payload->size);
}

static void run_vector(json_t *vector)
{
    NoiseHandshake sides[2]; /* 0: initiator */
    NoiseCipher send[2], receive[2];
    json_t *messages = json_object_get(vector, "messages");
    bool split = false;
    init_side(&sides[0], vector, true);
    init_side(&sides[1], vector, false);
    assert_true(json_array_size(messages) >= 5);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        Hex payload = hex_of(json_array_get(messages, i), "payload");
        Hex wanted = hex_of(json_array_get(messages, i), "ciphertext");
        if (!split && noise_is_done(&sides[0])) {
            assert_true(noise_is_done(&sides[1]));
            assert_int_equal(noise_split(&sides[0], &send[0], &receive[0]), STATUS_OK);
            assert_int_equal(noise_split(&sides[1], &send[1], &receive[1]), STATUS_OK);
            assert_memory_equal(sides[0].hash, sides[1].hash, NOISE_HASH_SIZE);
            split = true;
        }
        if (split) {
            check_transport(&send[i % 2], &receive[1 - i % 2], &payload, &wanted);
        } else {
            check_handshake(&sides[i % 2], &sides[1 - i % 2], &payload, &wanted);
        }
    }
    assert_true(split);
}

static void published_vectors(void **state)
{
    (void)state;
    json_error_t error;
    json_t *root = json_load_file(VECTORS, 0, &error);
    if (!root) {
        print_message("no published vectors at %s: skipped\n", VECTORS);
        skip();
    }
    json_t *vectors = json_object_get(root, "vectors");
    assert_true(json_array_size(vectors) >= NOISE_PATTERN_COUNT);
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        run_vector(json_array_get(vectors, i));
    }
    json_decref(root);
}

/* ---- misuse and forgery ---- */

static const uint8_t secrets[4][NOISE_KEY_SIZE] = { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 }, { 10, 11, 12 } };

static void init_xx(NoiseHandshake sides[2])
{
    for (int i = 0; i < 2; i++) {
        NoiseConfig config = { .pattern = NOISE_XX,
                               .initiator = i == 0,
                               .prologue = bytes_of("p", 1),
                               .secret = secrets[i],
                               .ephemeral = secrets[2 + i] };
        assert_int_equal(noise_init(&sides[i], &config), STATUS_OK);
    }
}

/* Runs XX with bit `bit` of message `message` flipped, or none with message < 0. Returns what the reader says
 * of that message, or of the last. */
static Status run_flipped(int message, size_t bit, size_t *out_bits)
{
    NoiseHandshake sides[2];
    uint8_t bytes[256], opened[64];
    Status status = STATUS_OK;
    init_xx(sides);
    for (int i = 0; i < 3 && status == STATUS_OK; i++) {
        ByteBuffer out = { .data = bytes, .capacity = sizeof bytes };
        ByteBuffer in = { .data = opened, .capacity = sizeof opened };
        assert_int_equal(noise_write(&sides[i % 2], (Bytes){ 0 }, &out), STATUS_OK);
        if (i == message) {
            *out_bits = out.size * 8;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        status = noise_read(&sides[1 - i % 2], bytes_of(bytes, out.size), &in);
    }
    noise_finish(&sides[0]);
    noise_finish(&sides[1]);
    return status;
}

static void a_flipped_bit_is_noticed(void **state)
{
    (void)state;
    size_t bits = 0;
    assert_int_equal(run_flipped(-1, 0, &bits), STATUS_OK);
    for (int message = 0; message < 3; message++) {
        bits = 8;
        /* The top bit of a public key does not count (RFC 7748) but goes into the hash, so it is noticed too.
         */
        for (size_t bit = 0; bit < bits; bit += 5) {
            assert_int_not_equal(run_flipped(message, bit, &bits), STATUS_OK);
        }
    }
}

static void cut_and_out_of_turn(void **state)
{
    (void)state;
    NoiseHandshake sides[2];
    uint8_t bytes[256], opened[64], small[8];
    ByteBuffer out = { .data = bytes, .capacity = sizeof bytes };
    ByteBuffer in = { .data = opened, .capacity = sizeof opened };
    ByteBuffer tight = { .data = small, .capacity = sizeof small };
    NoiseCipher a, b;
    init_xx(sides);
    assert_int_equal(noise_write(&sides[1], (Bytes){ 0 }, &out), STATUS_NOT_ALLOWED);
    assert_int_equal(noise_read(&sides[0], bytes_of(bytes, 32), &in), STATUS_NOT_ALLOWED);
    assert_int_equal(noise_split(&sides[0], &a, &b), STATUS_NOT_ALLOWED);
    assert_int_equal(noise_write(&sides[0], (Bytes){ 0 }, &tight), STATUS_CAPACITY);
    assert_int_equal(noise_write(&sides[0], (Bytes){ 0 }, &out), STATUS_OK);
    assert_int_equal(noise_write(&sides[0], (Bytes){ 0 }, &out), STATUS_NOT_ALLOWED);
    assert_int_equal(noise_read(&sides[1], bytes_of(bytes, out.size - 1), &in), STATUS_TRUNCATED);
    assert_int_equal(noise_read(&sides[1], bytes_of(bytes, out.size), &in), STATUS_NOT_ALLOWED);
    NoiseConfig config = {
        .pattern = NOISE_IK, .initiator = true, .secret = secrets[0], .ephemeral = secrets[1]
    };
    assert_int_equal(noise_init(&sides[0], &config), STATUS_INVALID_ARGUMENT);
}

static void weak_keys_are_refused(void **state)
{
    (void)state;
    NoiseHandshake sides[2];
    uint8_t zeros[32] = { 0 }, bytes[256], opened[8];
    ByteBuffer out = { .data = bytes, .capacity = sizeof bytes };
    ByteBuffer in = { .data = opened, .capacity = sizeof opened };
    init_xx(sides);
    assert_int_equal(noise_read(&sides[1], bytes_of(zeros, sizeof zeros), &in), STATUS_OK);
    assert_int_equal(noise_write(&sides[1], (Bytes){ 0 }, &out), STATUS_MALFORMED);
    assert_int_equal(noise_write(&sides[1], (Bytes){ 0 }, &out), STATUS_NOT_ALLOWED);
}

static void different_prologues_do_not_meet(void **state)
{
    (void)state;
    NoiseHandshake sides[2];
    uint8_t bytes[256], opened[64];
    ByteBuffer out = { .data = bytes, .capacity = sizeof bytes };
    ByteBuffer in = { .data = opened, .capacity = sizeof opened };
    init_xx(sides);
    NoiseConfig config = {
        .pattern = NOISE_XX, .prologue = bytes_of("q", 1), .secret = secrets[1], .ephemeral = secrets[3]
    };
    assert_int_equal(noise_init(&sides[1], &config), STATUS_OK);
    assert_int_equal(noise_write(&sides[0], (Bytes){ 0 }, &out), STATUS_OK);
    assert_int_equal(noise_read(&sides[1], bytes_of(bytes, out.size), &in), STATUS_OK);
    assert_int_equal(noise_write(&sides[1], (Bytes){ 0 }, &out), STATUS_OK);
    assert_int_equal(noise_read(&sides[0], bytes_of(bytes, out.size), &in), STATUS_MALFORMED);
}

static void finish_wipes(void **state)
{
    (void)state;
    NoiseHandshake sides[2];
    const uint8_t *bytes = (const uint8_t *)&sides[0];
    init_xx(sides);
    noise_finish(&sides[0]);
    size_t set = 0;
    for (size_t i = 0; i < sizeof sides[0]; i++) {
        set += bytes[i] != 0;
    }
    assert_true(set <= 1); /* the mark that it cannot be used any more */
}

static void rekey_changes_the_key_the_same_way(void **state)
{
    (void)state;
    uint8_t a[NOISE_KEY_SIZE] = { 9 }, b[NOISE_KEY_SIZE] = { 9 }, before[NOISE_KEY_SIZE] = { 9 };
    noise_rekey(a);
    noise_rekey(b);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, before, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(a_flipped_bit_is_noticed),
        cmocka_unit_test(cut_and_out_of_turn),
        cmocka_unit_test(weak_keys_are_refused),
        cmocka_unit_test(different_prologues_do_not_meet),
        cmocka_unit_test(finish_wipes),
        cmocka_unit_test(rekey_changes_the_key_the_same_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
