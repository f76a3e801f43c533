#include "shared/base/cli_file.h"

#include "shared/base/disk_file.h"
#include "shared/base/version.h"

#include <stdio.h>

#define CONFIG_SIZE_MAX ((size_t)1 << 20)

static bool fail(const CliProgram *program, const Diag *diag, int *out_exit_code)
{
    char text[sizeof diag->text + sizeof diag->path + 32];
    fprintf(stderr, "%s: %s\nTry '%s --help'.\n", program->name, diag_format(diag, text, sizeof text),
            program->name);
    *out_exit_code = EXIT_CODE_USAGE;
    return false;
}

/* Applies the file at `path`; with NULL the default one, which may be absent. */
static Status apply_file(const CliProgram *program, const char *path, Arena *arena, Diag *diag)
{
    Bytes text = { 0 };
    Status status = disk_read(path ? path : "dtmv.ini", CONFIG_SIZE_MAX, arena, &text, diag);
    if (status == STATUS_NOT_FOUND && !path) {
        return STATUS_OK;
    }
    Config config = { 0 };
    if (status == STATUS_OK) {
        status = config_parse(text, path ? path : "dtmv.ini", arena, &config, diag);
    }
    return status == STATUS_OK ? cli_apply_config(program, &config, diag) : status;
}

bool cli_start(const CliProgram *program, int argc, char *const argv[], Arena *arena, int *out_exit_code)
{
    Diag diag = { 0 };
    const char *config_path = NULL;
    static char help[16384];
    switch (cli_parse(program, argc, argv, &config_path, &diag)) {
    case CLI_HELP:
        fputs(cli_help(program, help, sizeof help), stdout);
        *out_exit_code = EXIT_CODE_OK;
        return false;
    case CLI_VERSION:
        printf("%s %s (%s)\n", program->name, version_number(), version_commit());
        *out_exit_code = EXIT_CODE_OK;
        return false;
    case CLI_ERROR:
        return fail(program, &diag, out_exit_code);
    case CLI_RUN:
        break;
    }
    /* The file goes beneath the command line: apply it, then the command line once more. */
    if (program->config_section && (apply_file(program, config_path, arena, &diag) != STATUS_OK ||
                                    cli_parse(program, argc, argv, NULL, &diag) != CLI_RUN)) {
        return fail(program, &diag, out_exit_code);
    }
    if (cli_check_required(program, &diag) != STATUS_OK) {
        return fail(program, &diag, out_exit_code);
    }
    return true;
}
