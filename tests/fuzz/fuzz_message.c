/* Any bytes as a message of any sender in any state: what decodes must encode to the same bytes again.
 * Input: byte 0 picks sender and state, the rest is the message. */
#include "shared/wire/bits.h"
#include "shared/wire/messages.h"
#include "tests/fuzz/fuzz_input.h"

#include <stdlib.h>

static void check_one(Bytes bytes, Sender sender, uint8_t channel, uint32_t state, Role role)
{
    static uint8_t storage[MESSAGE_SIZE_MAX];
    static Message message;
    const Message before = { .id = MESSAGE_NONE };
    message = before;
    Status status = message_decode(bytes, sender, channel, state, role, &message);
    if (status != STATUS_OK) {
        require(message.id == MESSAGE_NONE);
        return;
    }
    const MessageRule *rule = message_rule(bytes.data[0]);
    require(rule && rule->sender == sender && rule->channel == channel && (rule->states & state));
    ByteBuffer out = { .data = storage, .capacity = sizeof storage };
    require(message_encode(&message, &out) == STATUS_OK);
    require(bytes_equal(bytes, bytes_of(out.data, out.size)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 4096) {
        return 0;
    }
    Bytes bytes = bytes_of(data + 1, size - 1);
    Sender sender = data[0] & 1 ? SENDER_CLIENT : SENDER_SERVER;
    uint32_t state = 1u << (data[0] >> 1) % 3;
    check_one(bytes, sender, (data[0] >> 3) % 3, state, (Role)(data[0] >> 5) % 4);
    /* And as it would be allowed, so that the fields are reached. */
    const MessageRule *rule = bytes.size ? message_rule(bytes.data[0]) : NULL;
    if (rule) {
        check_one(bytes, rule->sender, rule->channel, rule->states, ROLE_ADMIN);
    }
    char clean[64];
    char text[65] = { 0 };
    memcpy(text, bytes.data, bytes.size < 64 ? bytes.size : 64);
    message_clean_text(text, clean, sizeof clean);
    require(bits_text_valid(clean, strlen(clean)));
    return 0;
}
