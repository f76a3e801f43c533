#include "shared/trace/input_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static Status file_read(void *context, uint8_t *data, size_t size, size_t *out_count)
{
    FILE *file = context;
    size_t count = fread(data, 1, size, file);
    if (count == 0 && ferror(file)) {
        return STATUS_IO_ERROR;
    }
    *out_count = count;
    return STATUS_OK;
}

static Status file_rewind(void *context)
{
    FILE *file = context;
    if (fseek(file, 0, SEEK_SET) != 0) {
        return errno == ESPIPE ? STATUS_UNSUPPORTED : STATUS_IO_ERROR;
    }
    return STATUS_OK;
}

static const TraceInputOps FILE_OPS = { .read = file_read, .rewind = file_rewind };

Status trace_input_open(const char *path, TraceInput *out_input, Diag *diag)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return diag_set(diag, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO_ERROR, path, 0,
                        "cannot be opened: %s", strerror(errno));
    }
    /* A folder opens but does not read: find out now, while there is someone to tell. */
    int first = fgetc(file);
    if (first == EOF && ferror(file)) {
        Status status = diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot be read: %s", strerror(errno));
        fclose(file);
        return status;
    }
    if (first != EOF) {
        ungetc(first, file);
    }
    *out_input = (TraceInput){ .ops = &FILE_OPS, .context = file };
    return STATUS_OK;
}

void trace_input_close(TraceInput *input)
{
    if (input->ops == &FILE_OPS && input->context) {
        fclose(input->context);
    }
    *input = (TraceInput){ 0 };
}

static Status memory_read(void *context, uint8_t *data, size_t size, size_t *out_count)
{
    TraceMemory *memory = context;
    size_t count = memory->bytes.size - memory->position;
    count = count < size ? count : size;
    if (memory->chunk > 0 && count > memory->chunk) {
        count = memory->chunk;
    }
    if (count > 0) {
        memcpy(data, memory->bytes.data + memory->position, count);
    }
    memory->position += count;
    *out_count = count;
    return STATUS_OK;
}

static Status memory_rewind(void *context)
{
    TraceMemory *memory = context;
    memory->position = 0;
    return STATUS_OK;
}

static const TraceInputOps MEMORY_OPS = { .read = memory_read, .rewind = memory_rewind };

TraceInput trace_input_memory(TraceMemory *memory)
{
    return (TraceInput){ .ops = &MEMORY_OPS, .context = memory };
}
