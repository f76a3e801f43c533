/* messages.h - every message between client and server, declared once.
 * The table generates the enum, the checks (who may send it, on which channel, in which session state, in
 * which role), the codec and dispatch prototypes and the fuzz dispatch. Layouts: shared/PROTOCOL.md. */
#ifndef SHARED_WIRE_MESSAGES_H
#define SHARED_WIRE_MESSAGES_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"
#include "shared/base/time.h"
#include "shared/wire/transport.h"

#define PROTOCOL_MAGIC   0x44540000u /* "DT": upper half of the connect data; the lower half is the version */
#define PROTOCOL_VERSION 2u
#define PROTOCOL_PORT    4238 /* UDP, where nobody names another one */

/* Session states, as bits for the table. */
#define STATE_HELLO 1u /* connected, nothing said yet */
#define STATE_JOIN  2u /* welcomed, fetching the world */
#define STATE_LIVE  4u /* has the world, receives snapshots */

typedef enum Role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN } Role;
typedef enum Sender { SENDER_CLIENT = 1, SENDER_SERVER = 2 } Sender;

/* X(wire_id, NAME, name, sender, channel, delivery, min_role, allowed_states) */
#define MESSAGE_TABLE(X)                                                                            \
    X(1, HELLO, hello, SENDER_CLIENT, 0, RELIABLE, NONE, STATE_HELLO)                               \
    X(2, WELCOME, welcome, SENDER_SERVER, 0, RELIABLE, NONE, STATE_HELLO)                           \
    X(3, REJECT, reject, SENDER_SERVER, 0, RELIABLE, NONE, STATE_HELLO | STATE_JOIN | STATE_LIVE)   \
    X(4, MANIFEST_ENTRY, manifest_entry, SENDER_SERVER, 0, RELIABLE, NONE, STATE_JOIN)              \
    X(5, FILE_REQUEST, file_request, SENDER_CLIENT, 0, RELIABLE, NONE, STATE_JOIN)                  \
    X(6, FILE_CHUNK, file_chunk, SENDER_SERVER, 0, RELIABLE, NONE, STATE_JOIN)                      \
    X(7, READY, ready, SENDER_CLIENT, 0, RELIABLE, NONE, STATE_JOIN)                                \
    X(8, TIME_REQUEST, time_request, SENDER_CLIENT, 2, UNRELIABLE, NONE, STATE_JOIN | STATE_LIVE)   \
    X(9, TIME_RESPONSE, time_response, SENDER_SERVER, 2, UNRELIABLE, NONE, STATE_JOIN | STATE_LIVE) \
    X(10, INPUT, input, SENDER_CLIENT, 1, UNRELIABLE, NONE, STATE_LIVE)                             \
    X(11, SNAPSHOT, snapshot, SENDER_SERVER, 1, UNRELIABLE, NONE, STATE_LIVE)                       \
    X(12, ROSTER, roster, SENDER_SERVER, 0, RELIABLE, NONE, STATE_JOIN | STATE_LIVE)                \
    X(14, TEXT_DEFINE, text_define, SENDER_SERVER, 0, RELIABLE, NONE, STATE_JOIN | STATE_LIVE)      \
    X(15, BYE, bye, SENDER_CLIENT, 0, RELIABLE, NONE, STATE_HELLO | STATE_JOIN | STATE_LIVE)        \
    X(16, TICKET, ticket, SENDER_SERVER, 0, RELIABLE, NONE, STATE_HELLO | STATE_LIVE)

typedef enum MessageId {
    MESSAGE_NONE,
#define MESSAGE_ENUM(id, NAME, name, sender, channel, delivery, role, states) MESSAGE_##NAME = (id),
    MESSAGE_TABLE(MESSAGE_ENUM)
#undef MESSAGE_ENUM
        MESSAGE_ID_COUNT
} MessageId;

#define NAME_SIZE        64    /* user name in UTF-8, with the terminator */
#define REASON_SIZE      256   /* text of a REJECT */
#define FILE_NAME_SIZE   256   /* as ASSET_NAME_SIZE */
#define FILE_CHUNK_MAX   1024  /* bytes of one FILE_CHUNK: one datagram */
#define FILE_REQUEST_MAX 64    /* chunks of one FILE_REQUEST: the client's window */
#define INPUTS_MAX       8     /* inputs repeated in one INPUT message: survives 7 lost in a row */
#define ROSTER_SIZE_MAX  16384 /* bytes of the entries of one ROSTER */
#define HASH_SIZE        32
#define TICKET_SIZE      32 /* secret bytes of a ticket */

/* What a field may say at most; anything beyond is refused as OUT_OF_RANGE. */
#define TICK_RATE_MAX      1000u
#define MANIFEST_COUNT_MAX 4096u
#define FILE_SIZE_MAX      (1u << 30) /* bytes */
#define ENTITY_LIMIT_MAX   (1u << 20)
#define CHANNEL_LIMIT_MAX  (1u << 24)
#define CELL_LIMIT_MAX     (1u << 21)
#define HISTORY_LIMIT_MAX  1024u
#define INPUT_PITCH_MAX    16384 /* a quarter turn */
#define RESUME_SECONDS_MAX 3600u

/* X(CODE, text): why a server refuses or ends a session; sent with a text for people. */
#define REJECT_TABLE(X)                               \
    X(VERSION, "protocol versions differ")            \
    X(WORLD, "worlds differ")                         \
    X(FULL, "the server is full")                     \
    X(MALFORMED, "a message could not be understood") \
    X(NOT_ALLOWED, "a message is not allowed now")    \
    X(TIMEOUT, "nothing was heard for too long")      \
    X(FLOOD, "too many messages")                     \
    X(SHUTDOWN, "the server is stopping")             \
    X(HANDSHAKE, "the secure handshake failed")       \
    X(IDENTITY, "the key shown is not accepted")

typedef enum RejectCode {
    REJECT_NONE,
#define REJECT_ENUM(name, text) REJECT_##name,
    REJECT_TABLE(REJECT_ENUM)
#undef REJECT_ENUM
        REJECT_COUNT
} RejectCode;

const char *reject_text(RejectCode code); /* never NULL, static */

/* ---- messages as structs; Bytes members are views into the datagram or the caller's memory ---- */

typedef struct HelloMessage {
    uint32_t version;              /* PROTOCOL_VERSION */
    char name[NAME_SIZE];          /* wished user name; the server makes it unique and printable */
    char build[32];                /* client's version and commit, for the log */
    uint8_t world_hash[HASH_SIZE]; /* all zero: send me whatever you run; else: only this world will do */
    uint16_t session;              /* to be resumed with `ticket`; 0: none */
    uint8_t ticket[TICKET_SIZE];
    uint32_t texts; /* that the client has already, when it resumes */
} HelloMessage;

typedef struct WelcomeMessage {
    uint16_t session; /* number of this session; subject of its avatar */
    uint16_t tick_rate_hz, snapshot_rate_hz;
    uint32_t manifest_count;              /* MANIFEST_ENTRY messages that follow */
    uint32_t entity_limit, channel_limit; /* of the world that the client sees */
    uint32_t cell_limit;                  /* ids of cells are below */
    uint16_t history;                     /* versions of each cell that the client must remember */
    uint8_t world_hash[HASH_SIZE];
    char world_name[64];
    char name[NAME_SIZE]; /* user name granted */
} WelcomeMessage;

typedef struct RejectMessage {
    uint8_t code; /* RejectCode */
    char text[REASON_SIZE];
} RejectMessage;

typedef struct ManifestEntryMessage {
    uint32_t index;          /* 0..manifest_count-1, in order */
    uint32_t size;           /* bytes */
    uint8_t hash[HASH_SIZE]; /* BLAKE2b-256 of the content */
    char name[FILE_NAME_SIZE];
} ManifestEntryMessage;

typedef struct FileRequestMessage {
    uint32_t index;       /* manifest entry */
    uint32_t first_chunk; /* offset / FILE_CHUNK_MAX */
    uint8_t chunk_count;  /* 1..FILE_REQUEST_MAX */
} FileRequestMessage;

typedef struct FileChunkMessage {
    uint32_t index, chunk;
    Bytes bytes; /* FILE_CHUNK_MAX but for the last */
} FileChunkMessage;

typedef struct ReadyMessage {
    uint8_t world_hash[HASH_SIZE]; /* of what the client has loaded */
} ReadyMessage;

typedef struct TimeRequestMessage {
    TimeNs t0; /* client's clock at sending; echoed */
} TimeRequestMessage;

typedef struct TimeResponseMessage {
    TimeNs t0, t1, t2; /* echoed; server's clock at receipt and at reply */
} TimeResponseMessage;

typedef struct InputSample {
    int8_t forward, right;
    uint8_t flags; /* bit 0: run */
    uint16_t yaw;
    int16_t pitch;
} InputSample;

typedef struct InputMessage {
    uint32_t acknowledged;   /* number of the newest SNAPSHOT packet taken; 0: nothing is here (any more) */
    uint32_t mask;           /* bit i: the packet numbered acknowledged - 1 - i was taken too */
    uint32_t first_sequence; /* of inputs[0]; inputs are consecutive steps, from 1 */
    uint8_t count;           /* 0..INPUTS_MAX; 0 acknowledges only */
    InputSample inputs[INPUTS_MAX];
} InputMessage;

typedef struct SnapshotMessage {
    Bytes body; /* snapshot_packet.h */
} SnapshotMessage;

/* One piece of news about who is here. */
typedef struct RosterEntry {
    uint16_t session;
    char name[NAME_SIZE]; /* "": has left */
} RosterEntry;

typedef struct RosterMessage {
    Bytes entries; /* at least one: roster_entry_write's bytes, one after the other */
} RosterMessage;

typedef struct TextDefineMessage {
    uint32_t id; /* ids arrive in order from 0 */
    char text[256];
} TextDefineMessage;

typedef struct ByeMessage {
    uint8_t reserved; /* 0 */
} ByeMessage;

/* In LIVE: what a client comes back with when it has lost the connection. In HELLO: it is back. Each ticket
 * replaces the one before. Secret: never to be logged, to be wiped after use. */
typedef struct TicketMessage {
    uint16_t session; /* number of the session it resumes */
    uint16_t seconds; /* how long the session waits after the client was heard last, 1..RESUME_SECONDS_MAX */
    uint8_t ticket[TICKET_SIZE];
} TicketMessage;

/* One decoded message. */
typedef struct Message {
    MessageId id;
    union {
        HelloMessage hello;
        WelcomeMessage welcome;
        RejectMessage reject;
        ManifestEntryMessage manifest_entry;
        FileRequestMessage file_request;
        FileChunkMessage file_chunk;
        ReadyMessage ready;
        TimeRequestMessage time_request;
        TimeResponseMessage time_response;
        InputMessage input;
        SnapshotMessage snapshot;
        RosterMessage roster;
        TextDefineMessage text_define;
        ByeMessage bye;
        TicketMessage ticket;
    };
} Message;

/* What the table says of a message; NULL for an id that is not in it. */
typedef struct MessageRule {
    MessageId id;
    const char *name; /* "HELLO" */
    Sender sender;
    uint8_t channel;
    Delivery delivery;
    Role min_role;
    uint32_t states;
} MessageRule;

const MessageRule *message_rule(uint8_t wire_id);

#define MESSAGE_SIZE_MAX ((size_t)1 << 20)

/* Writes `message` (id byte first) into `out`; out->size is set. The caller's struct must be valid
 * (asserted; STATUS_INVALID_ARGUMENT where assertions are off): run texts from outside through
 * message_clean_text first. STATUS_CAPACITY when `out` is too small. */
NODISCARD Status message_encode(const Message *message, ByteBuffer *out);

/* Reads one message (untrusted) that `sender` sent on `channel` to a session in `state` with `role`.
 * Allowed-here is checked first, then the exact length, then every field. On failure *out_message is
 * unchanged: MALFORMED (unknown id, bytes left over, text not UTF-8 or with control characters), TRUNCATED,
 * OUT_OF_RANGE, NOT_ALLOWED (sender, channel, state or role). */
NODISCARD Status message_decode(Bytes bytes, Sender sender, uint8_t channel, uint32_t state, Role role,
                                Message *out_message);

/* Encodes and sends on the channel and with the delivery that the table names. Statuses of message_encode and
 * transport_send. `scratch` is used for the bytes. */
NODISCARD Status message_send(Transport transport, PeerId peer, const Message *message, ByteBuffer *scratch);

/* Appends an entry to the bytes of a ROSTER. STATUS_CAPACITY when `entries` is full; it is then unchanged. */
NODISCARD Status roster_entry_write(const RosterEntry *entry, ByteBuffer *entries);

/* Takes the first entry off *entries, which a decoded RosterMessage holds; false when none is left. */
bool roster_entry_read(Bytes *entries, RosterEntry *out_entry);

/* Copies `text` (any bytes) into `out` (size ≥ 1) as text that a message may carry: each byte of what is
 * not UTF-8 or a control character becomes '?', and what does not fit is cut at a character. Always
 * terminated. */
void message_clean_text(const char *text, char *out, size_t size);

#endif
