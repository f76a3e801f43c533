/* cli.h - the command line of a program, declared as a table.
 * `--name value` and `--name=value` are the same; `--flag` alone means true; a value may begin with one '-'
 * (a negative number), and "--" ends the options. Where the program has a section in dtmv.ini, each option is
 * also a key there, and the command line overrides the file. Pure; cli_file.h prints and reads the file. */
#ifndef SHARED_BASE_CLI_H
#define SHARED_BASE_CLI_H
#include "shared/base/config.h"

/* What every program of this project exits with. */
typedef enum ExitCode {
    EXIT_CODE_OK,        /* did what was asked */
    EXIT_CODE_FAILURE,   /* failed while running */
    EXIT_CODE_USAGE,     /* command line or configuration is wrong */
    EXIT_CODE_INPUT,     /* a world, trace, model or other input is missing or bad */
    EXIT_CODE_CONNECTION /* cannot connect, was refused, or lost the server */
} ExitCode;

#define CLI_LIST_MAX 64

typedef struct CliList {
    const char *items[CLI_LIST_MAX]; /* borrowed from argv or the config's arena */
    uint32_t count;
} CliList;

typedef enum CliKind { CLI_FLAG, CLI_TEXT, CLI_INTEGER, CLI_REAL, CLI_LIST } CliKind;

/* One option. The variable pointed to holds the default before parsing and is named by `kind`. */
typedef struct CliOption {
    const char *name; /* "port" for --port */
    CliKind kind;
    union {
        bool *flag;        /* CLI_FLAG */
        const char **text; /* CLI_TEXT; NULL inside: none */
        int64_t *integer;  /* CLI_INTEGER */
        double *real;      /* CLI_REAL */
        CliList *list;     /* CLI_LIST: may be given several times */
    };
    double minimum, maximum; /* CLI_INTEGER and CLI_REAL; both 0: any */
    const char *value;       /* how help calls the value: "FILE" */
    const char *help;        /* one sentence without full stop */
    bool required;
} CliOption;

typedef struct CliProgram {
    const char *name;    /* "dtmv-server" */
    const char *purpose; /* one line */
    const CliOption *options;
    size_t option_count;
    CliList *arguments;         /* words that are not options; NULL: refused */
    const char *arguments_name; /* how help calls them: "COMMAND FILE…" */
    const char *config_section; /* section of dtmv.ini with these options; NULL: no file, no --config */
    const char *epilogue;       /* further paragraphs of help, may be NULL */
} CliProgram;

typedef enum CliOutcome { CLI_RUN, CLI_HELP, CLI_VERSION, CLI_ERROR } CliOutcome;

/* Sets the options' variables from argv (argv[0] is skipped). CLI_HELP or CLI_VERSION when --help or
 * --version is anywhere before "--" (nothing is set then). CLI_ERROR: `diag` says what is wrong.
 * *out_config_path (may be NULL) is what --config named, or unchanged. Calling it twice gives the same
 * result. */
CliOutcome cli_parse(const CliProgram *program, int argc, char *const argv[], const char **out_config_path,
                     Diag *diag);

/* Sets the options' variables from the program's section. STATUS_MALFORMED, STATUS_OUT_OF_RANGE,
 * STATUS_DUPLICATE, STATUS_NOT_FOUND (unknown key), with `diag` naming file, line and key. */
NODISCARD Status cli_apply_config(const CliProgram *program, Config *config, Diag *diag);

/* STATUS_INVALID_ARGUMENT and `diag` when a required option (a text or a list) has no value. */
NODISCARD Status cli_check_required(const CliProgram *program, Diag *diag);

/* The text of --help, with the defaults that the variables hold now; cut when it does not fit. Returns `out`.
 */
const char *cli_help(const CliProgram *program, char *out, size_t size);

#endif
