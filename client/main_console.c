#include "client/main_console.h"

#include "shared/base/clock_file.h"
#include "shared/base/disk_file.h"

#include <sodium.h>
#include <stdio.h>

#define STEP (4 * TIME_MS)

void console_random(void *context, uint8_t *out, size_t size)
{
    (void)context;
    randombytes_buf(out, size);
}

void console_print(void *context, const char *line)
{
    (void)context;
    printf("%s\n", line);
    fflush(stdout);
}

static int write_dump(const Console *console, const char *path)
{
    Diag diag = { 0 };
    char text[800];
    size_t size = 0;
    const char *dump = console_dump(console, &size);
    if (disk_write(path, bytes_of(dump, size), &diag) == STATUS_OK) {
        return console_exit_code(console);
    }
    fprintf(stderr, "dtmv-client: %s\n", diag_format(&diag, text, sizeof text));
    return EXIT_CODE_FAILURE;
}

int console_run(const ConsoleConfig *given, Transport transport, const char *dump_path, double linger_s,
                const volatile sig_atomic_t *stop)
{
    ConsoleConfig config = *given;
    Console *console = NULL;
    Diag diag = { 0 };
    char text[800];
    config.want_dump = dump_path != NULL;
    config.fill = console_random;
    config.print = console_print;
    if (console_create(&config, transport, clock_monotonic(), &console, &diag) != STATUS_OK) {
        fprintf(stderr, "dtmv-client: %s\n", diag_format(&diag, text, sizeof text));
        transport_destroy(transport);
        return EXIT_CODE_CONNECTION;
    }
    ConsolePhase phase = CONSOLE_RUNNING;
    while (phase == CONSOLE_RUNNING && !*stop) {
        TimeNs now = clock_monotonic();
        phase = console_update(console, now);
        clock_sleep_until(now + STEP);
    }
    int exit_code = phase == CONSOLE_DONE ? console_exit_code(console) : EXIT_CODE_FAILURE;
    if (phase == CONSOLE_FAILED) {
        fprintf(stderr, "dtmv-client: %s\n", console_failure(console));
        exit_code = console_exit_code(console);
    } else if (phase == CONSOLE_DONE && dump_path != NULL) {
        exit_code = write_dump(console, dump_path);
        TimeNs end = clock_monotonic() + time_from_seconds(linger_s);
        for (TimeNs now = clock_monotonic(); now < end && !*stop; now = clock_monotonic()) {
            console_linger(console, now);
            clock_sleep_until(now + STEP);
        }
    }
    console_leave(console, clock_monotonic());
    console_destroy(console);
    return exit_code;
}
