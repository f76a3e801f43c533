/* The message table: round trips, the order of the checks, every field's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/wire/messages.h"

static uint8_t storage[2048];

static ByteBuffer buffer(void)
{
    return (ByteBuffer){ .data = storage, .capacity = sizeof storage };
}

static Message valid_message(MessageId id)
{
    static const uint8_t payload[3] = { 7, 8, 9 };
    static const uint8_t roster[] = { 9, 0, 4, 'B', 0xC3, 0xA4, 'r', 8, 0, 0 }; /* one has come, one gone */
    static const uint8_t unbound[] = { 9, 0, 0, 0, 2, 'n', 'o' };
    Message message = { .id = id };
    switch (id) {
    case MESSAGE_HELLO:
        message.hello = (HelloMessage){ .version = 1,
                                        .name = "Anna",
                                        .build = "0.1.0 abc",
                                        .world_hash = { 1 },
                                        .session = 7,
                                        .ticket = { 5 },
                                        .texts = 12 };
        break;
    case MESSAGE_WELCOME:
        message.welcome = (WelcomeMessage){ .session = 3,
                                            .tick_rate_hz = 60,
                                            .snapshot_rate_hz = 30,
                                            .manifest_count = 4,
                                            .entity_limit = 100,
                                            .channel_limit = 900,
                                            .cell_limit = 70,
                                            .history = 64,
                                            .world_name = "plant",
                                            .name = "Anna 2" };
        break;
    case MESSAGE_REJECT:
        message.reject = (RejectMessage){ .code = REJECT_FULL, .text = "the server is full: 64 of 64" };
        break;
    case MESSAGE_MANIFEST_ENTRY:
        message.manifest_entry = (ManifestEntryMessage){ .index = 1, .size = 77, .name = "models/pump.glb" };
        break;
    case MESSAGE_FILE_REQUEST:
        message.file_request = (FileRequestMessage){ .index = 1, .first_chunk = 64, .chunk_count = 64 };
        break;
    case MESSAGE_FILE_CHUNK:
        message.file_chunk = (FileChunkMessage){ .index = 1, .chunk = 2, .bytes = { payload, 3 } };
        break;
    case MESSAGE_TIME_REQUEST:
        message.time_request.t0 = -5;
        break;
    case MESSAGE_TIME_RESPONSE:
        message.time_response = (TimeResponseMessage){ TIME_NONE, 6, TIME_FOREVER };
        break;
    case MESSAGE_INPUT:
        message.input =
            (InputMessage){ .acknowledged = 9, .mask = 0x80000005, .first_sequence = 100, .count = 2 };
        message.input.inputs[0] = (InputSample){ 127, -127, 1, 65535, -16384 };
        message.input.inputs[1] = (InputSample){ 0, 5, 0, 1, 16384 };
        break;
    case MESSAGE_SNAPSHOT:
        message.snapshot = (SnapshotMessage){ .body = { payload, 3 } };
        break;
    case MESSAGE_ROSTER:
        message.roster.entries = bytes_of(roster, sizeof roster);
        break;
    case MESSAGE_TEXT_DEFINE:
        message.text_define = (TextDefineMessage){ .id = 5, .text = "ACKNOWLEDGED" };
        break;
    case MESSAGE_TICKET:
        message.ticket = (TicketMessage){ .session = 9, .seconds = 30, .ticket = { 1, 2, 3 } };
        break;
    case MESSAGE_INVOKE:
        message.invoke = (InvokeMessage){
            .command = { 1, 2, 3 }, .thing = 7, .action = 63, .kind = WIRE_VALUE_NUMBER, .number = -20.5
        };
        break;
    case MESSAGE_COMMAND:
        message.command = (CommandMessage){ .command = { 9 },
                                            .thing = 7,
                                            .action = 2,
                                            .state = WIRE_COMMAND_AUTHORISED,
                                            .property = 3,
                                            .desired = -200,
                                            .who = 5,
                                            .since = 1234567890,
                                            .name = "Ada",
                                            .reason = "because" };
        break;
    case MESSAGE_ALARM:
        message.alarm = (AlarmMessage){ .thing = 7,
                                        .property = 1,
                                        .severity = WIRE_CRITICAL,
                                        .active = 1,
                                        .score = 4.25,
                                        .source_time = 77,
                                        .service = "monitor",
                                        .rule = "rate",
                                        .text = "rises" };
        break;
    case MESSAGE_SYSTEM:
        message.system = (SystemMessage){ .index = 1,
                                          .count = 3,
                                          .kind = WIRE_SYSTEM_TWIN,
                                          .up = 1,
                                          .rights = 1,
                                          .things = 15,
                                          .bound = 14,
                                          .syncs = 30,
                                          .name = "plant",
                                          .domain = "energy",
                                          .title = "A plant",
                                          .reason = "one thing" };
        break;
    case MESSAGE_UNBOUND:
        message.unbound = (UnboundMessage){ .last = 1, .entries = bytes_of(unbound, sizeof unbound) };
        break;
    default:
        break;
    }
    return message;
}

static Status decode_as_allowed(Bytes bytes, Message *out)
{
    const MessageRule *rule = message_rule(bytes.data[0]);
    assert_non_null(rule);
    return message_decode(bytes, rule->sender, rule->channel, rule->states, ROLE_ADMIN, out);
}

static void test_round_trip_and_exact_length(void **state)
{
    (void)state;
    for (unsigned id = 1; id < MESSAGE_ID_COUNT; id++) {
        if (message_rule((uint8_t)id) == NULL) {
            continue; /* not used */
        }
        Message message = valid_message((MessageId)id), copy = { 0 };
        ByteBuffer out = buffer();
        assert_int_equal(message_encode(&message, &out), STATUS_OK);
        assert_int_equal(out.data[0], id);
        assert_int_equal(decode_as_allowed(bytes_of(out.data, out.size), &copy), STATUS_OK);
        assert_int_equal(copy.id, id);

        uint8_t first[sizeof storage];
        size_t size = out.size;
        memcpy(first, out.data, size);
        out = buffer();
        /* Views of the first copy point into storage, which is written again with the same bytes. */
        Bytes kept = bytes_of(first, size);
        assert_int_equal(decode_as_allowed(kept, &copy), STATUS_OK);
        assert_int_equal(message_encode(&copy, &out), STATUS_OK);
        assert_true(bytes_equal(kept, bytes_of(out.data, out.size)));

        bool open_ended = id == MESSAGE_FILE_CHUNK || id == MESSAGE_SNAPSHOT || id == MESSAGE_ROSTER ||
                          id == MESSAGE_UNBOUND;
        first[size] = 0;
        Message untouched = { .id = MESSAGE_NONE };
        if (!open_ended) {
            assert_int_equal(decode_as_allowed(bytes_of(first, size + 1), &untouched), STATUS_MALFORMED);
            assert_int_equal(decode_as_allowed(bytes_of(first, size - 1), &untouched), STATUS_TRUNCATED);
        }
        if (id != MESSAGE_SNAPSHOT) { /* whose fields are looked at by snapshot_packet */
            assert_int_equal(decode_as_allowed(bytes_of(first, open_ended ? 4 : 1), &untouched),
                             STATUS_TRUNCATED);
        }
        assert_int_equal(untouched.id, MESSAGE_NONE);
        ByteBuffer tight = { .data = storage, .capacity = size - 1 };
        assert_int_equal(message_encode(&message, &tight), STATUS_CAPACITY);
    }
}

static void test_roster_entries_go_in_and_come_out(void **state)
{
    (void)state;
    static uint8_t bytes[ROSTER_SIZE_MAX + 1], encoded[ROSTER_SIZE_MAX + 2];
    ByteBuffer entries = { .data = bytes, .capacity = ROSTER_SIZE_MAX };
    RosterEntry entry = { .name = "Somebody" };
    uint16_t count = 0;
    for (; roster_entry_write(&entry, &entries) == STATUS_OK; count++) {
        entry.session++;
    }
    assert_int_equal(count, ROSTER_SIZE_MAX / 11);
    assert_int_equal(entries.size, count * 11);
    Message message = { .id = MESSAGE_ROSTER, .roster = { bytes_of(bytes, entries.size) } }, decoded;
    ByteBuffer out = { .data = encoded, .capacity = sizeof encoded };
    assert_int_equal(message_encode(&message, &out), STATUS_OK);
    assert_int_equal(decode_as_allowed(bytes_of(out.data, out.size), &decoded), STATUS_OK);
    for (uint16_t i = 0; i < count; i++) {
        assert_true(roster_entry_read(&decoded.roster.entries, &entry));
        assert_int_equal(entry.session, i);
        assert_string_equal(entry.name, "Somebody");
    }
    assert_false(roster_entry_read(&decoded.roster.entries, &entry));
    assert_string_equal(entry.name, "Somebody");

    memset(encoded + 1, 0, sizeof encoded - 1);
    encoded[0] = MESSAGE_ROSTER;
    assert_int_equal(decode_as_allowed(bytes_of(encoded, 1), &decoded), STATUS_TRUNCATED);
    assert_int_equal(decode_as_allowed(bytes_of(encoded, 1 + 3), &decoded), STATUS_OK);
    assert_int_equal(decode_as_allowed(bytes_of(encoded, 1 + ROSTER_SIZE_MAX / 3 * 3), &decoded), STATUS_OK);
    assert_int_equal(decode_as_allowed(bytes_of(encoded, 2 + ROSTER_SIZE_MAX), &decoded),
                     STATUS_OUT_OF_RANGE);
}

static void test_allowed_is_checked_first(void **state)
{
    (void)state;
    Message out = { .id = MESSAGE_NONE };
    const uint8_t broken[2] = { MESSAGE_INPUT, 0 }; /* far too short */
    assert_int_equal(message_decode(bytes_of(broken, 2), SENDER_SERVER, 1, STATE_LIVE, ROLE_VIEWER, &out),
                     STATUS_NOT_ALLOWED);
    assert_int_equal(message_decode(bytes_of(broken, 2), SENDER_CLIENT, 0, STATE_LIVE, ROLE_VIEWER, &out),
                     STATUS_NOT_ALLOWED);
    assert_int_equal(message_decode(bytes_of(broken, 2), SENDER_CLIENT, 1, STATE_JOIN, ROLE_VIEWER, &out),
                     STATUS_NOT_ALLOWED);
    assert_int_equal(message_decode(bytes_of(broken, 2), SENDER_CLIENT, 1, STATE_LIVE, ROLE_VIEWER, &out),
                     STATUS_TRUNCATED);
    const uint8_t unknown[1] = { 200 };
    assert_int_equal(message_decode(bytes_of(unknown, 1), SENDER_CLIENT, 0, STATE_LIVE, ROLE_VIEWER, &out),
                     STATUS_MALFORMED);
    assert_int_equal(message_decode((Bytes){ 0 }, SENDER_CLIENT, 0, STATE_LIVE, ROLE_VIEWER, &out),
                     STATUS_TRUNCATED);
    assert_null(message_rule(0));
    assert_null(message_rule(MESSAGE_ID_COUNT));
    assert_int_equal(out.id, MESSAGE_NONE);
}

/* Encodes a valid message, overwrites `size` bytes at `offset`, and decodes. */
static Status patched(MessageId id, size_t offset, const void *bytes, size_t size, size_t extra)
{
    Message message = valid_message(id), out = { 0 };
    ByteBuffer encoded = buffer();
    assert_int_equal(message_encode(&message, &encoded), STATUS_OK);
    assert_true(offset + size <= encoded.size);
    memcpy(encoded.data + offset, bytes, size);
    return decode_as_allowed(bytes_of(encoded.data, encoded.size + extra), &out);
}

static void test_every_field_is_checked(void **state)
{
    (void)state;
    const struct {
        MessageId id;
        size_t offset;
        uint8_t bytes[4];
        size_t size;
        Status status;
    } cases[] = {
        { MESSAGE_HELLO, 6, { '\n' }, 1, STATUS_MALFORMED },
        { MESSAGE_HELLO, 6, { 0xC3, 'x' }, 2, STATUS_MALFORMED },
        { MESSAGE_HELLO, 6, { 0 }, 1, STATUS_MALFORMED }, /* a NUL would hide the rest of the name */
        { MESSAGE_HELLO, 5, { 64 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_WELCOME, 3, { 0, 0 }, 2, STATUS_OUT_OF_RANGE },
        { MESSAGE_WELCOME, 5, { 61, 0 }, 2, STATUS_OUT_OF_RANGE },
        { MESSAGE_WELCOME, 10, { 255 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_WELCOME, 14, { 255 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_WELCOME, 22, { 255 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_WELCOME, 23, { 1, 0 }, 2, STATUS_OUT_OF_RANGE },
        { MESSAGE_WELCOME, 23, { 1, 4 }, 2, STATUS_OUT_OF_RANGE },
        { MESSAGE_ROSTER, 4, { '\n' }, 1, STATUS_MALFORMED },
        { MESSAGE_ROSTER, 10, { 1 }, 1, STATUS_TRUNCATED },
        { MESSAGE_ROSTER, 3, { 64 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_REJECT, 1, { 0 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_REJECT, 1, { REJECT_COUNT }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_MANIFEST_ENTRY, 42, { '/' }, 1, STATUS_MALFORMED },
        { MESSAGE_MANIFEST_ENTRY, 42, { '.', '.', '/' }, 3, STATUS_MALFORMED },
        { MESSAGE_MANIFEST_ENTRY, 8, { 255 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_FILE_REQUEST, 9, { 0 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_FILE_REQUEST, 9, { 65 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_FILE_REQUEST, 8, { 255 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_FILE_CHUNK, 8, { 255 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_INPUT, 14, { 0x80 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_INPUT, 16, { 2 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_INPUT, 19, { 0x01, 0x40 }, 2, STATUS_OUT_OF_RANGE },
        { MESSAGE_INPUT, 13, { 9 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_INPUT, 13, { 1 }, 1, STATUS_MALFORMED },
        { MESSAGE_INPUT, 13, { 3 }, 1, STATUS_TRUNCATED },
        { MESSAGE_TEXT_DEFINE, 6, { 0x1B }, 1, STATUS_MALFORMED },
        { MESSAGE_BYE, 1, { 1 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_INVOKE, 20, { 1 }, 1, STATUS_OUT_OF_RANGE },          /* thing 2^24 */
        { MESSAGE_INVOKE, 21, { 64 }, 1, STATUS_OUT_OF_RANGE },         /* action */
        { MESSAGE_INVOKE, 22, { 4 }, 1, STATUS_OUT_OF_RANGE },          /* kind of value */
        { MESSAGE_INVOKE, 22, { 2 }, 1, STATUS_MALFORMED },             /* then shorter */
        { MESSAGE_INVOKE, 29, { 0xF0, 0x7F }, 2, STATUS_OUT_OF_RANGE }, /* infinite */
        { MESSAGE_COMMAND, 21, { 65 }, 1, STATUS_OUT_OF_RANGE },        /* action */
        { MESSAGE_COMMAND, 22, { 0 }, 1, STATUS_OUT_OF_RANGE },         /* state */
        { MESSAGE_COMMAND, 22, { 8 }, 1, STATUS_OUT_OF_RANGE },         /* state */
        { MESSAGE_COMMAND, 23, { 16 }, 1, STATUS_OUT_OF_RANGE },        /* property */
        { MESSAGE_COMMAND, 23, { 255 }, 1, STATUS_OUT_OF_RANGE },       /* a wish of nothing */
        { MESSAGE_COMMAND, 43, { '\n' }, 1, STATUS_MALFORMED },         /* name */
        { MESSAGE_ALARM, 6, { 3 }, 1, STATUS_OUT_OF_RANGE },            /* severity */
        { MESSAGE_ALARM, 7, { 2 }, 1, STATUS_OUT_OF_RANGE },            /* active */
        { MESSAGE_ALARM, 14, { 0xF8, 0x7F }, 2, STATUS_OUT_OF_RANGE },  /* score */
        { MESSAGE_SYSTEMS, 1, { 1 }, 1, STATUS_OUT_OF_RANGE },
        { MESSAGE_SYSTEM, 1, { 3 }, 1, STATUS_OUT_OF_RANGE },  /* index */
        { MESSAGE_SYSTEM, 2, { 65 }, 1, STATUS_OUT_OF_RANGE }, /* count */
        { MESSAGE_SYSTEM, 3, { 5 }, 1, STATUS_OUT_OF_RANGE },  /* kind */
        { MESSAGE_SYSTEM, 5, { 4 }, 1, STATUS_OUT_OF_RANGE },  /* rights */
        { MESSAGE_UNBOUND, 6, { 3 }, 1, STATUS_TRUNCATED },    /* a text beyond the end */
        { MESSAGE_UNBOUND, 5, { 1 }, 1, STATUS_OUT_OF_RANGE }, /* thing 2^24 */
        { MESSAGE_TICKET, 3, { 0, 0 }, 2, STATUS_OUT_OF_RANGE },
        { MESSAGE_TICKET, 3, { 0x11, 0x0E }, 2, STATUS_OUT_OF_RANGE }, /* 3601 */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Status status = patched(cases[i].id, cases[i].offset, cases[i].bytes, cases[i].size, 0);
        if (status != cases[i].status) {
            print_error("case %zu: %s\n", i, status_name(status));
        }
        assert_int_equal(status, cases[i].status);
    }
    /* A wrong length is found before a wrong field. */
    assert_int_equal(patched(MESSAGE_REJECT, 1, "\0", 1, 1), STATUS_MALFORMED);
}

static void test_file_chunk_is_bounded(void **state)
{
    (void)state;
    static uint8_t bytes[9 + FILE_CHUNK_MAX + 1] = { MESSAGE_FILE_CHUNK };
    Message out;
    assert_int_equal(decode_as_allowed(bytes_of(bytes, 9 + FILE_CHUNK_MAX), &out), STATUS_OK);
    assert_int_equal(out.file_chunk.bytes.size, FILE_CHUNK_MAX);
    assert_int_equal(decode_as_allowed(bytes_of(bytes, 9 + FILE_CHUNK_MAX + 1), &out), STATUS_OUT_OF_RANGE);
}

static void test_clean_text(void **state)
{
    (void)state;
    char out[16];
    message_clean_text("Gr\xC3\xBC\xDF\tx\xC2\x85", out, sizeof out);
    assert_string_equal(out, "Gr\xC3\xBC??x??");
    message_clean_text("abc\xC3\xBC", out, 5);
    assert_string_equal(out, "abc");
    message_clean_text("", out, 1);
    assert_string_equal(out, "");
}

/* ---- message_send ---- */

static struct {
    PeerId peer;
    uint8_t channel;
    Delivery delivery;
    size_t size;
} sent;

static Status record_send(void *context, PeerId peer, uint8_t channel, Delivery delivery, Bytes bytes)
{
    (void)context;
    sent.peer = peer;
    sent.channel = channel;
    sent.delivery = delivery;
    sent.size = bytes.size;
    return STATUS_OK;
}

static void test_send_follows_the_table(void **state)
{
    (void)state;
    static const TransportOps ops = { .send = record_send };
    const Transport transport = { .ops = &ops };
    Message message = valid_message(MESSAGE_INPUT);
    ByteBuffer scratch = buffer();
    assert_int_equal(message_send(transport, 77, &message, &scratch), STATUS_OK);
    assert_int_equal(sent.peer, 77);
    assert_int_equal(sent.channel, 1);
    assert_int_equal(sent.delivery, DELIVERY_UNRELIABLE);
    assert_int_equal(sent.size, 1 + 13 + 2 * 7);
    message = valid_message(MESSAGE_BYE);
    assert_int_equal(message_send(transport, 77, &message, &scratch), STATUS_OK);
    assert_int_equal(sent.channel, 0);
    assert_int_equal(sent.delivery, DELIVERY_RELIABLE);
}

static void test_reject_texts(void **state)
{
    (void)state;
    for (int code = 0; code <= REJECT_COUNT; code++) {
        assert_true(strlen(reject_text((RejectCode)code)) > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_and_exact_length),
        cmocka_unit_test(test_roster_entries_go_in_and_come_out),
        cmocka_unit_test(test_allowed_is_checked_first),
        cmocka_unit_test(test_every_field_is_checked),
        cmocka_unit_test(test_file_chunk_is_bounded),
        cmocka_unit_test(test_clean_text),
        cmocka_unit_test(test_send_follows_the_table),
        cmocka_unit_test(test_reject_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
