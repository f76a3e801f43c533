/* options_file.h - the command line of dtmv-server, and its section of dtmv.ini. An edge: reads files, prints
 * usage. */
#ifndef SERVER_OPTIONS_FILE_H
#define SERVER_OPTIONS_FILE_H
#include "shared/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

#define BUS_PORT 4239 /* UDP, where --bus names no other one */

/* As given; the texts live in argv or in the arena. NULL, 0 and false where nothing was said and there is no
 * default. */
typedef struct Options {
    const char *world, *data, *bind, *log_level, *log_format, *log_file, *profile;
    const char *identity, *authorized_keys, *default_role, *feed, *mqtt, *faults;
    const char *roles, *bus, *db, *domain, *system_keys, *service_tokens, *service_rules, *trace_interfaces;
    int64_t port, tick_rate, snapshot_rate, max_clients, view_distance, client_kbps, resume_seconds, http,
        seed;
    double speed, start_offset, seconds, deadline_ms;
    bool loop, paused, plaintext, tickless;
} Options;

/* False when the program is to end with *out_exit_code: usage was printed, or an error. */
bool options_parse(int argc, char *argv[], Options *out_options, Arena *arena, int *out_exit_code);

#endif
