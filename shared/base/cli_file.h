/* cli_file.h - what a main() does first: command line, configuration file, --help and --version. */
#ifndef SHARED_BASE_CLI_FILE_H
#define SHARED_BASE_CLI_FILE_H
#include "shared/base/cli.h"

/* Sets the variables of `program`'s options: defaults, then the file (--config FILE, else ./dtmv.ini where it
 * exists), then argv. True: go on. False: exit with *out_exit_code; help or version have been printed to
 * standard output, or the error to standard error. Texts from the file live in `arena`. */
NODISCARD bool cli_start(const CliProgram *program, int argc, char *const argv[], Arena *arena,
                         int *out_exit_code);

#endif
