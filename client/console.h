/* console.h - the client without a picture: joins a world, does what a script asks (--act), lists things and
 * systems, and leaves. Needs no display and no OpenGL. Pure but for the transport; time is passed in. */
#ifndef CLIENT_CONSOLE_H
#define CLIENT_CONSOLE_H
#include "client/act.h"
#include "shared/base/cli.h"
#include "shared/wire/transport.h"

typedef struct Console Console; /* opaque */

typedef struct ConsoleConfig {
    const char *host;
    uint16_t port;
    const char *name; /* wished user name */
    const Act *acts;
    uint32_t act_count;
    TimeNs act_timeout;
    bool list_things, list_systems, want_dump;
    void (*fill)(void *context, uint8_t *out, size_t size); /* random bytes, for ids of commands */
    void (*print)(void *context, const char *line);         /* a JSON line, without the end of line */
    void *context;                                          /* of both */
} ConsoleConfig;

typedef enum ConsolePhase { CONSOLE_RUNNING, CONSOLE_DONE, CONSOLE_FAILED } ConsolePhase;

/* On success `transport` is owned; on failure the caller still does. All of `config` is borrowed for the life
 * of the console. Statuses of session_create. */
NODISCARD Status console_create(const ConsoleConfig *config, Transport transport, TimeNs now,
                                Console **out_console, Diag *diag);
void console_destroy(Console *console);

/* Goes on. Call a hundred times a second or more often. */
ConsolePhase console_update(Console *console, TimeNs now);

/* Stays in the world, standing, after the end. */
void console_linger(Console *console, TimeNs now);
void console_leave(Console *console, TimeNs now);

/* Why it FAILED, and the ExitCode that says it; after DONE whether all actions were confirmed. */
const char *console_failure(const Console *console);
int console_exit_code(const Console *console);

/* After DONE: what was there at the end, as app_dump; NULL when not wanted. Owned by the console. */
const char *console_dump(const Console *console, size_t *out_size);

#endif
