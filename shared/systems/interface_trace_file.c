#include "shared/systems/interface_trace_file.h"

#include "shared/base/clock_file.h"
#include "shared/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct InterfaceTraceFile {
    FILE *file; /* NULL: none */
    InterfaceTrace *trace;
    char path[256]; /* for the log */
    bool failed, told;
};

static void write_record(void *context, const InterfaceRecord *record)
{
    InterfaceTraceFile *file = context;
    char line[INTERFACE_LINE_SIZE];
    file->failed |= fprintf(file->file, "%s\n", interface_trace_format(record, line)) < 0;
}

Status interface_trace_file_open(const char *path, InterfaceTraceFile **out_file, Diag *diag)
{
    InterfaceTraceFile *file = calloc(1, sizeof *file);
    if (file == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory for a trace of interfaces");
    }
    InterfaceTraceConfig config = { .monotonic = clock_monotonic, .wall = clock_wall, .context = file };
    if (path != NULL) {
        snprintf(file->path, sizeof file->path, "%s", path);
        config.record = write_record;
        file->file = fopen(path, "w");
        if (file->file == NULL) {
            Status status = diag_set(diag, STATUS_IO_ERROR, path, 0,
                                     "cannot write the trace of interfaces: %s", strerror(errno));
            free(file);
            return status;
        }
    }
    Status status = interface_trace_create(&config, &file->trace);
    if (status != STATUS_OK) {
        (void)interface_trace_file_close(file);
        return diag_set(diag, status, path, 0, "no memory for a trace of interfaces");
    }
    *out_file = file;
    return STATUS_OK;
}

InterfaceTrace *interface_trace_file_trace(InterfaceTraceFile *file)
{
    return file->trace;
}

void interface_trace_file_flush(InterfaceTraceFile *file)
{
    if (file->file != NULL) {
        file->failed |= fflush(file->file) != 0;
    }
    if (file->failed && !file->told) {
        log_error("server", "%s: the trace of interfaces lacks messages: they cannot be written", file->path);
        file->told = true;
    }
}

Status interface_trace_file_close(InterfaceTraceFile *file)
{
    if (file == NULL) {
        return STATUS_OK;
    }
    bool failed = file->failed;
    if (file->file != NULL) {
        failed |= fclose(file->file) != 0;
    }
    interface_trace_destroy(file->trace);
    free(file);
    return failed ? STATUS_IO_ERROR : STATUS_OK;
}
