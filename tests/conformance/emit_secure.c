/* emit_secure.c - a secure channel from its first byte on, with fixed keys, as JSON lines for
 * verify_secure.py. */
#include "shared/wire/secure_channel.h"

#include <stdio.h>
#include <stdlib.h>

#define PACKETS 12

static void must(Status status, const char *what)
{
    if (status != STATUS_OK) {
        fprintf(stderr, "emit_secure: %s: %s\n", what, status_text(status));
        exit(1);
    }
}

static void print_hex(const char *key, const uint8_t *data, size_t size)
{
    printf("\"%s\": \"", key);
    for (size_t i = 0; i < size; i++) {
        printf("%02x", data[i]);
    }
    printf("\"");
}

static void print_message(const char *name, const ByteBuffer *message)
{
    printf("{\"kind\": \"%s\", ", name);
    print_hex("hex", message->data, message->size);
    printf("}\n");
}

static void fill(uint8_t key[NOISE_KEY_SIZE], uint8_t first)
{
    for (unsigned i = 0; i < NOISE_KEY_SIZE; i++) {
        key[i] = (uint8_t)(first + 7 * i);
    }
}

/* Packets of every stream; a key lasts five of them. */
static void print_packets(SecureChannel *from, const char *sender)
{
    uint8_t bytes[128], plain[PACKETS];
    TimeNs now = 0;
    for (uint8_t i = 0; i < PACKETS * TRANSPORT_CHANNELS * 2; i++) {
        uint8_t channel = (uint8_t)(i % TRANSPORT_CHANNELS), number = (uint8_t)(i / TRANSPORT_CHANNELS / 2);
        Delivery delivery = (Delivery)(i / TRANSPORT_CHANNELS % 2);
        ByteBuffer out = { .data = bytes, .capacity = sizeof bytes };
        for (uint8_t j = 0; j < PACKETS; j++) {
            plain[j] = (uint8_t)(i + j);
        }
        must(secure_channel_seal(from, channel, delivery, bytes_of(plain, number), &out), "seal");
        (void)secure_channel_sent(from, channel, delivery, now);
        now += TIME_SECOND;
        printf(
            "{\"kind\": \"packet\", \"from\": \"%s\", \"channel\": %u, \"reliable\": %s, \"counter\": %u, ",
            sender, channel, delivery == DELIVERY_RELIABLE ? "true" : "false", number);
        print_hex("plain", plain, number);
        printf(", ");
        print_hex("hex", out.data, out.size);
        printf("}\n");
    }
}

int main(void)
{
    static SecureChannel client, server;
    uint8_t keys[4][NOISE_KEY_SIZE], one[SECURE_HANDSHAKE_MAX], two[SECURE_HANDSHAKE_MAX];
    static const char *const names[] = { "client_static", "client_ephemeral", "server_static",
                                         "server_ephemeral" };
    const uint8_t cookie[SECURE_COOKIE_SIZE] = "half a minute...";
    const RekeyRules rules = { .packets = 5, .grace = TIME_SECOND };
    ByteBuffer a = { .data = one, .capacity = sizeof one }, b = { .data = two, .capacity = sizeof two };
    printf("{\"kind\": \"keys\", \"connect_data\": %u", 0x44540001u);
    for (uint8_t i = 0; i < 4; i++) {
        fill(keys[i], (uint8_t)(i * 50 + 1));
        printf(", ");
        print_hex(names[i], keys[i], NOISE_KEY_SIZE);
    }
    printf("}\n");
    SecureSetup client_setup = {
        .secret = keys[0], .ephemeral = keys[1], .connect_data = 0x44540001u, .rules = rules
    };
    SecureSetup server_setup = {
        .secret = keys[2], .ephemeral = keys[3], .connect_data = 0x44540001u, .rules = rules
    };
    secure_challenge_write(cookie, &a);
    print_message("challenge", &a);
    must(secure_channel_initiate(&client, &client_setup, bytes_of(one, a.size), &b), "initiate");
    print_message("initiate", &b);
    must(secure_channel_respond(&server, &server_setup, bytes_of(two, b.size), &a), "respond");
    print_message("response", &a);
    must(secure_channel_read_response(&client, bytes_of(one, a.size)), "response");
    must(secure_channel_write_finish(&client, &b), "finish");
    print_message("finish", &b);
    must(secure_channel_read_finish(&server, bytes_of(two, b.size)), "finish");
    print_packets(&client, "client");
    print_packets(&server, "server");
    return 0;
}
