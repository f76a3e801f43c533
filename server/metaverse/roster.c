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

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

static bool is_taken(const Metaverse *metaverse, const char *name)
{
    for (uint32_t i = 0; i < metaverse->slot_count; i++) {
        const Session *session = &metaverse->sessions[i];
        if (session->state != 0 && same_name(session->name, name)) {
            return true;
        }
    }
    return false;
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

void roster_grant_name(const Metaverse *metaverse, const char *wished, char *out)
{
    char stem[NAME_SIZE];
    tidy_name(wished, stem);
    memcpy(out, stem, NAME_SIZE);
    for (unsigned suffix = 2; is_taken(metaverse, out); suffix++) {
        char number[16];
        int size = snprintf(number, sizeof number, " %u", suffix);
        snprintf(out, NAME_SIZE, "%.*s%s", stem_size(stem, (size_t)size), stem, number);
    }
}

static Message join_message(const Session *session)
{
    Message message = { .id = MESSAGE_ROSTER_JOIN, .roster_join = { .session = session->number } };
    memcpy(message.roster_join.name, session->name, NAME_SIZE);
    return message;
}

void roster_join(Metaverse *metaverse, Session *joined)
{
    Message news = join_message(joined);
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        session_send(metaverse, session, &news);
        if (session != joined) {
            Message known = join_message(session);
            session_send(metaverse, joined, &known);
        }
    }
}

void roster_tell(Metaverse *metaverse, Session *session)
{
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        Message known = join_message(&metaverse->sessions[metaverse->live[i]]);
        session_send(metaverse, session, &known);
    }
}

void roster_leave(Metaverse *metaverse, uint16_t number)
{
    Message message = { .id = MESSAGE_ROSTER_LEAVE, .roster_leave = { .session = number } };
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        session_send(metaverse, &metaverse->sessions[metaverse->live[i]], &message);
    }
}
