#include "shared/base/profile_file.h"

#include "shared/base/clock_file.h"
#include "shared/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ProfileEvent *file_events;

static Status io_error(const char *path, Diag *diag)
{
    return diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot write the profile: %s", strerror(errno));
}

Status profile_file_start(const char *path, Diag *diag)
{
    if (path == NULL) {
        return STATUS_OK;
    }
    FILE *file = fopen(path, "wb"); /* said now, not after hours */
    if (file == NULL) {
        return io_error(path, diag);
    }
    fclose(file);
    free(file_events);
    file_events = calloc(PROFILE_FILE_EVENTS, sizeof *file_events);
    if (file_events == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory for a profile");
    }
    profile_start(clock_monotonic, file_events, PROFILE_FILE_EVENTS);
    return STATUS_OK;
}

/* Outer scopes before the inner ones that began at the same moment. */
static int compare_events(const void *a, const void *b)
{
    const ProfileEvent *first = a;
    const ProfileEvent *second = b;
    if (first->began != second->began) {
        return first->began > second->began ? 1 : -1;
    }
    return (first->ended < second->ended) - (first->ended > second->ended);
}

static void write_event(FILE *file, const ProfileEvent *event, TimeNs origin)
{
    char name[256];
    fprintf(file, ",\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":%.3f,\"dur\":%.3f}",
            log_escape(event->name, name, sizeof name), (double)(event->began - origin) / 1e3,
            (double)(event->ended - event->began) / 1e3);
}

static void write_trace(FILE *file, const char *program, const ProfileEvent *events, size_t count)
{
    char name[256];
    log_escape(program, name, sizeof name);
    fprintf(file, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"program\":\"%s\",\"overwritten\":%llu},\n",
            name, (unsigned long long)profile_overwritten());
    fprintf(file, "\"traceEvents\":[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"tid\":1,");
    fprintf(file, "\"args\":{\"name\":\"%s\"}}", name);
    for (size_t i = 0; i < count; i++) {
        write_event(file, &events[i], events[0].began);
    }
    fputs("\n]}\n", file);
}

Status profile_file_write(const char *path, const char *program, Diag *diag)
{
    size_t count = profile_count();
    ProfileEvent *events = malloc((count > 0 ? count : 1) * sizeof *events);
    if (events == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory to sort the profile");
    }
    for (size_t i = 0; i < count; i++) {
        events[i] = profile_event(i);
    }
    qsort(events, count, sizeof *events, compare_events);
    FILE *file = fopen(path, "wb");
    Status status = file != NULL ? STATUS_OK : io_error(path, diag);
    if (file != NULL) {
        write_trace(file, program, events, count);
        bool failed = ferror(file) != 0;
        if (fclose(file) != 0 || failed) {
            status = io_error(path, diag);
        }
    }
    free(events);
    return status;
}

Status profile_file_finish(const char *path, const char *program, Diag *diag)
{
    if (path == NULL) {
        return STATUS_OK;
    }
    profile_stop();
    Status status = profile_file_write(path, program, diag);
    profile_forget();
    free(file_events);
    file_events = NULL;
    return status;
}
