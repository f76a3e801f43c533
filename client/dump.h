/* dump.h - what a frame showed, as JSON for checks. Pure: the text is handed back, not written. */
#ifndef CLIENT_DUMP_H
#define CLIENT_DUMP_H
#include "client/session/session.h"
#include "client/session/values.h"

typedef struct DumpFrame {
    const World *world;
    const WorldValues *values;
    const TextTable *texts;
    const Operations *operations;    /* commands, alarms, systems */
    TimeNs server_time, source_time; /* TIME_NONE is written as null */
    const SessionAvatar *avatars;    /* the others */
    uint32_t avatar_count;
    const char *own_name;
    uint16_t session;       /* own number */
    const AvatarState *own; /* NULL: not known yet, left out */
    SessionStats net;
    uint64_t frame_count;
    double cpu_ms_p50, cpu_ms_p99;
} DumpFrame;

/* The dump as UTF-8 JSON with a final newline; numbers with 17 significant digits, so that reading them gives
 * the same binary64. The caller frees *out_text. STATUS_OUT_OF_MEMORY. */
NODISCARD Status dump_format(const DumpFrame *frame, char **out_text, size_t *out_size);

#endif
