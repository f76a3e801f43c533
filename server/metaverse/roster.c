#include "server/metaverse/state.h"

#include <stdio.h>
#include <string.h>

#define NAME_FALLBACK "Guest"

/* The bytes of the UTF-8 character at `text`; the text is valid UTF-8 (message_decode checks). */
static size_t character_size(const char *text)
{
    uint8_t lead = (uint8_t)text[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    for (size_t i = 1; i < size; i++) {
        if (text[i] == '\0') {
            return i;
        }
    }
    return size;
}

/* Characters that print nothing or turn the direction of text: they would let two names look the same. */
static bool is_invisible(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text;
    if (size == 2) {
        return at[0] == 0xC2 && at[1] == 0xAD; /* soft hyphen */
    }
    if (size != 3) {
        return false;
    }
    unsigned code = (at[0] & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
    return (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || code == 0x3164 || code == 0x115F ||
           code == 0x1160;
}

static bool is_space(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text;
    return (size == 1 && at[0] == ' ') || (size == 2 && at[0] == 0xC2 && at[1] == 0xA0) ||
           (size == 3 && at[0] == 0xE3 && at[1] == 0x80 && at[2] == 0x80) ||
           (size == 3 && at[0] == 0xE2 && at[1] == 0x80 && at[2] <= 0x8A);
}

/* Copies what can be seen, single spaces between words, none at the ends. */
static void tidy_name(const char *wished, char *out)
{
    size_t used = 0;
    bool gap = false;
    while (*wished != '\0') {
        size_t size = character_size(wished);
        if (is_space(wished, size)) {
            gap = used > 0;
        } else if (!is_invisible(wished, size)) {
            if (used + gap + size >= NAME_SIZE) {
                break;
            }
            if (gap) {
                out[used++] = ' ';
                gap = false;
            }
            memcpy(out + used, wished, size);
            used += size;
        }
        wished += size;
    }
    out[used] = '\0';
    if (used == 0) {
        memcpy(out, NAME_FALLBACK, sizeof NAME_FALLBACK);
    }
}

/* The longest start of `name` that leaves `room` bytes for a suffix, cut at a character. */
static int stem_size(const char *name, size_t room)
{
    size_t used = 0;
    while (name[used] != '\0') {
        size_t size = character_size(name + used);
        if (used + size + room >= NAME_SIZE) {
            break;
        }
        used += size;
    }
    return (int)used;
}

static void grant_name(const NameSet *names, const char *wished, char *out)
{
    char stem[NAME_SIZE];
    tidy_name(wished, stem);
    memcpy(out, stem, NAME_SIZE);
    for (unsigned suffix = 2; name_set_has(names, out); suffix++) {
        char number[16];
        int size = snprintf(number, sizeof number, " %u", suffix);
        snprintf(out, NAME_SIZE, "%.*s%s", stem_size(stem, (size_t)size), stem, number);
    }
}

/* ---- names and numbers ---- */

Status roster_create(Metaverse *metaverse)
{
    Roster *roster = &metaverse->roster;
    roster->told = TIME_NONE;
    ByteBuffer *const buffers[] = { &roster->news, &roster->list, &roster->out };
    for (size_t i = 0; i < ARRAY_COUNT(buffers); i++) {
        *buffers[i] = (ByteBuffer){ .data = arena_alloc(&metaverse->arena, ROSTER_SIZE_MAX + 1, 1),
                                    .capacity = ROSTER_SIZE_MAX };
        if (buffers[i]->data == NULL) {
            return STATUS_OUT_OF_MEMORY;
        }
    }
    roster->out.capacity++; /* the id */
    return name_set_create(&roster->names, metaverse->config.sessions, &metaverse->arena);
}

static uint64_t bit_of(uint16_t number)
{
    return UINT64_C(1) << number % 64;
}

/* Numbers come round after 65,535 sessions, past those still in use. */
static uint16_t take_number(Roster *roster)
{
    do {
        roster->last_number++;
    } while (roster->last_number == 0 ||
             (roster->numbers[roster->last_number / 64] & bit_of(roster->last_number)) != 0);
    roster->numbers[roster->last_number / 64] |= bit_of(roster->last_number);
    return roster->last_number;
}

void roster_enter(Metaverse *metaverse, Session *session, const char *wished_name)
{
    Roster *roster = &metaverse->roster;
    session->number = take_number(roster);
    grant_name(&roster->names, wished_name, session->name);
    name_set_add(&roster->names, session->name);
}

void roster_quit(Metaverse *metaverse, const Session *session)
{
    Roster *roster = &metaverse->roster;
    roster->numbers[session->number / 64] &= ~bit_of(session->number);
    name_set_remove(&roster->names, session->name);
}

/* ---- telling ---- */

static RosterEntry entry_of(const Session *session)
{
    RosterEntry entry = { .session = session->number };
    memcpy(entry.name, session->name, NAME_SIZE);
    return entry;
}

/* To the live sessions that have been told who is here, or to those that have not. */
static void send_entries(Metaverse *metaverse, const ByteBuffer *entries, bool listed)
{
    ByteBuffer *out = &metaverse->roster.out;
    const Message message = { .id = MESSAGE_ROSTER,
                              .roster = { .entries = bytes_of(entries->data, entries->size) } };
    if (entries->size == 0 || message_encode(&message, out) != STATUS_OK) {
        return;
    }
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        if (session->listed == listed) {
            session_send_bytes(metaverse, session, MESSAGE_ROSTER, bytes_of(out->data, out->size));
        }
    }
}

static bool has_newcomers(const Metaverse *metaverse)
{
    bool any = false;
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        any |= !metaverse->sessions[metaverse->live[i]].listed;
    }
    return any;
}

/* Newcomers of the same moment share the bytes of the list. */
static void send_list(Metaverse *metaverse)
{
    ByteBuffer *list = &metaverse->roster.list;
    list->size = 0;
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        RosterEntry entry = entry_of(&metaverse->sessions[metaverse->live[i]]);
        if (roster_entry_write(&entry, list) == STATUS_CAPACITY) {
            send_entries(metaverse, list, false);
            list->size = 0;
            i--; /* again, into the empty list */
        }
    }
    send_entries(metaverse, list, false);
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        metaverse->sessions[metaverse->live[i]].listed = true;
    }
}

static void tell_now(Metaverse *metaverse)
{
    Roster *roster = &metaverse->roster;
    send_entries(metaverse, &roster->news, true);
    roster->news.size = 0;
    roster->again = false;
    if (has_newcomers(metaverse)) {
        send_list(metaverse);
    }
    roster->told = metaverse->now;
}

void roster_tell(Metaverse *metaverse)
{
    const Roster *roster = &metaverse->roster;
    if ((roster->news.size > 0 || roster->again) &&
        (roster->told == TIME_NONE || metaverse->now - roster->told >= ROSTER_INTERVAL)) {
        tell_now(metaverse);
    }
}

static void add_news(Metaverse *metaverse, const RosterEntry *entry)
{
    ByteBuffer *news = &metaverse->roster.news;
    if (roster_entry_write(entry, news) == STATUS_CAPACITY) { /* hundreds at once */
        tell_now(metaverse);
        Status status = roster_entry_write(entry, news);
        (void)status; /* it is empty now */
    }
}

void roster_join(Metaverse *metaverse, const Session *joined)
{
    RosterEntry entry = entry_of(joined);
    add_news(metaverse, &entry);
}

void roster_list_again(Metaverse *metaverse, Session *session)
{
    session->listed = false;
    metaverse->roster.again = true;
}

void roster_leave(Metaverse *metaverse, uint16_t number)
{
    add_news(metaverse, &(RosterEntry){ .session = number });
}
