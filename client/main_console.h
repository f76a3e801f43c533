/* main_console.h - the loop of the client without a picture. */
#ifndef CLIENT_MAIN_CONSOLE_H
#define CLIENT_MAIN_CONSOLE_H
#include "client/console.h"

#include <signal.h>

/* Runs to the end or until *stop, printing to standard output; writes the dump to `dump_path` (NULL: none).
 * `fill`, `print` and `context` of `given` are set here. The transport is owned from here on. Returns an
 * ExitCode. */
int console_run(const ConsoleConfig *given, Transport transport, const char *dump_path, double linger_s,
                const volatile sig_atomic_t *stop);

/* Random bytes for ids of commands. */
void console_random(void *context, uint8_t *out, size_t size);

/* A line to standard output, at once. */
void console_print(void *context, const char *line);

#endif
