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
#define PROTOCOL_VERSION 3u
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
    X(16, TICKET, ticket, SENDER_SERVER, 0, RELIABLE, NONE, STATE_HELLO | STATE_LIVE)               \
    X(17, INVOKE, invoke, SENDER_CLIENT, 0, RELIABLE, NONE, STATE_LIVE)                             \
    X(18, COMMAND, command, SENDER_SERVER, 0, RELIABLE, NONE, STATE_LIVE)                           \
    X(19, ALARM, alarm, SENDER_SERVER, 0, RELIABLE, NONE, STATE_LIVE)                               \
    X(20, SYSTEMS, systems, SENDER_CLIENT, 0, RELIABLE, NONE, STATE_LIVE)                           \
    X(21, SYSTEM, system, SENDER_SERVER, 0, RELIABLE, NONE, STATE_LIVE)                             \
    X(22, UNBOUND, unbound, SENDER_SERVER, 0, RELIABLE, NONE, STATE_LIVE)

typedef enum MessageId {
    MESSAGE_NONE,
#define MESSAGE_ENUM(id, NAME, name, sender, channel, delivery, role, states) MESSAGE_##NAME = (id),
    MESSAGE_TABLE(MESSAGE_ENUM)
#undef MESSAGE_ENUM
        MESSAGE_ID_COUNT
} MessageId;

#define NAME_SIZE         64    /* user name in UTF-8, with the terminator */
#define REASON_SIZE       256   /* text of a REJECT */
#define FILE_NAME_SIZE    256   /* as ASSET_NAME_SIZE */
#define FILE_CHUNK_MAX    1024  /* bytes of one FILE_CHUNK: one datagram */
#define FILE_REQUEST_MAX  64    /* chunks of one FILE_REQUEST: the client's window */
#define INPUTS_MAX        8     /* inputs repeated in one INPUT message: survives 7 lost in a row */
#define ROSTER_SIZE_MAX   16384 /* bytes of the entries of one ROSTER */
#define HASH_SIZE         32
#define TICKET_SIZE       32 /* secret bytes of a ticket */
#define COMMAND_SIZE      16 /* random bytes of a command's id */
#define SYSTEM_TITLE_SIZE 128
#define UNBOUND_SIZE_MAX  16384 /* bytes of the entries of one UNBOUND */

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
#define ACTION_INDEX_MAX   63u /* actions of a thing */
#define WIRE_SYSTEMS_MAX   64u /* SYSTEM entries of one answer */
#define NO_WIRE_PROPERTY   255u

/* X(VALUE, NAME, text): states of a command; numbered as CommandState of the interfaces, which the systems
 * that know both assert. The last five are final. */
#define WIRE_COMMAND_TABLE(X)      \
    X(1, AUTHORISED, "authorised") \
    X(2, ACCEPTED, "accepted")     \
    X(3, CONFIRMED, "confirmed")   \
    X(4, REFUSED, "refused")       \
    X(5, TIMED_OUT, "timed out")   \
    X(6, SUPERSEDED, "superseded") \
    X(7, FAILED, "failed")

typedef enum WireCommandState {
    WIRE_COMMAND_NONE, /* asked for, and nothing heard yet; not on the wire */
#define WIRE_COMMAND_ENUM(value, name, text) WIRE_COMMAND_##name = (value),
    WIRE_COMMAND_TABLE(WIRE_COMMAND_ENUM)
#undef WIRE_COMMAND_ENUM
        WIRE_COMMAND_COUNT
} WireCommandState;

const char *wire_command_text(uint8_t state); /* "timed out"; "asked" for NONE, "?" for what is none */

static inline bool wire_command_final(uint8_t state)
{
    return state >= WIRE_COMMAND_CONFIRMED;
}

/* X(VALUE, NAME, text): kinds of systems, numbered as SystemKind of the interfaces. */
#define WIRE_SYSTEM_TABLE(X)     \
    X(1, TWIN, "twin")           \
    X(2, ENABLER, "enabler")     \
    X(3, METAVERSE, "metaverse") \
    X(4, SERVICE, "service")

typedef enum WireSystemKind {
    WIRE_SYSTEM_NONE,
#define WIRE_SYSTEM_ENUM(value, name, text) WIRE_SYSTEM_##name = (value),
    WIRE_SYSTEM_TABLE(WIRE_SYSTEM_ENUM)
#undef WIRE_SYSTEM_ENUM
        WIRE_SYSTEM_COUNT
} WireSystemKind;

const char *wire_system_text(uint8_t kind); /* "twin"; "?" */

/* Rights, as bits: numbered as RIGHT_* of the interfaces. */
#define WIRE_RIGHT_READ    1u
#define WIRE_RIGHT_ACTUATE 2u

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

/* What INVOKE gives an action. */
typedef enum WireValueKind {
    WIRE_VALUE_NONE,
    WIRE_VALUE_NUMBER,
    WIRE_VALUE_BOOLEAN,
    WIRE_VALUE_TEXT
} WireValueKind;

typedef struct InvokeMessage {
    uint8_t command[COMMAND_SIZE]; /* random; the same again when it is asked once more */
    uint32_t thing;                /* index in the world file */
    uint8_t action;                /* index in the thing's model, <= ACTION_INDEX_MAX */
    uint8_t kind;                  /* WireValueKind; only the member it names is sent */
    double number;                 /* finite */
    uint8_t boolean;
    char text[256];
} InvokeMessage;

typedef struct CommandMessage {
    uint8_t command[COMMAND_SIZE];
    uint32_t thing;
    uint8_t action;       /* ACTION_INDEX_MAX + 1 where the action is not known here */
    uint8_t state;        /* WireCommandState */
    uint8_t property;     /* that it drives, in the thing's model; NO_WIRE_PROPERTY: none is known */
    int64_t desired;      /* code that the property is wished to have; 0 without a property */
    uint16_t who;         /* session; 0: nobody of this server */
    TimeNs since;         /* server time at which it was asked for */
    char name[NAME_SIZE]; /* of who asks */
    char reason[REASON_SIZE];
} CommandMessage;

typedef enum WireSeverity { WIRE_WARNING = 1, WIRE_CRITICAL = 2 } WireSeverity;

typedef struct AlarmMessage {
    uint32_t thing;
    uint8_t property;        /* NO_WIRE_PROPERTY: of the whole thing */
    uint8_t severity;        /* WireSeverity */
    uint8_t active;          /* 0: it is over */
    double score;            /* finite */
    TimeNs source_time;      /* of the sample that changed it; TIME_NONE: unknown */
    char service[NAME_SIZE]; /* with rule, thing and property names the alarm */
    char rule[NAME_SIZE];
    char text[REASON_SIZE]; /* for people */
} AlarmMessage;

typedef struct SystemsMessage {
    uint8_t reserved; /* 0 */
} SystemsMessage;

typedef struct SystemMessage {
    uint8_t index, count; /* of this answer: index 0 .. count - 1, count 1 .. WIRE_SYSTEMS_MAX */
    uint8_t kind;         /* WireSystemKind */
    uint8_t up;           /* 1: can be reached */
    uint8_t rights;       /* WIRE_RIGHT_*: granted to this metaverse system; of a user's, nothing */
    uint32_t things;      /* that it has published; of the metaverse system: in the world */
    uint32_t bound;       /* of the world's things that are bound to it; of the metaverse system: to any */
    uint16_t syncs;       /* synchronisation messages received in the last second */
    char name[NAME_SIZE], domain[NAME_SIZE];
    char title[SYSTEM_TITLE_SIZE];
    char reason[REASON_SIZE]; /* why it is down, or not all is bound; "" */
} SystemMessage;

/* One thing of the world that no twin system stands behind. */
typedef struct UnboundEntry {
    uint32_t thing;
    char reason[REASON_SIZE];
} UnboundEntry;

typedef struct UnboundMessage {
    uint8_t last;  /* 1: the answer to SYSTEMS ends here */
    Bytes entries; /* unbound_entry_write's bytes, one after the other; may be empty */
} UnboundMessage;

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
        InvokeMessage invoke;
        CommandMessage command;
        AlarmMessage alarm;
        SystemsMessage systems;
        SystemMessage system;
        UnboundMessage unbound;
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

/* The same for the entries of an UNBOUND. */
NODISCARD Status unbound_entry_write(const UnboundEntry *entry, ByteBuffer *entries);
bool unbound_entry_read(Bytes *entries, UnboundEntry *out_entry);

/* Copies `text` (any bytes) into `out` (size ≥ 1) as text that a message may carry: each byte of what is
 * not UTF-8 or a control character becomes '?', and what does not fit is cut at a character. Always
 * terminated. */
void message_clean_text(const char *text, char *out, size_t size);

#endif
